// Lets the edges' processes call the Registry objects of this one, and counts the calls by caller
// and kind. If an object throws, the edge gets a 500, as it would with a binding.

const calls = {};

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/calls") {
      return Response.json(calls);
    }
    const body = await request.text();
    const [kind] = Object.keys(JSON.parse(body));
    const counts = (calls[request.headers.get("X-Caller")] ??= {});
    counts[kind] = (counts[kind] ?? 0) + 1;
    return env.REGISTRY.getByName(pathname.slice(1)).fetch(request.url, { method: "POST", body });
  },
};
