// Lets the edges' processes reach the Registry objects of this one, and counts their calls by
// who calls and for what. An object that throws is an error here as it is for a binding: the
// edge gets a 500.

const calls = {};

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/calls") {
      return Response.json(calls);
    }
    const body = await request.text();
    const [what] = Object.keys(JSON.parse(body));
    const of = (calls[request.headers.get("X-Caller")] ??= {});
    of[what] = (of[what] ?? 0) + 1;
    return env.REGISTRY.getByName(pathname.slice(1)).fetch(request.url, { method: "POST", body });
  },
};
