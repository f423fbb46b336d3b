// Lets the edges' processes reach the Registry objects of this one, and counts their calls.
// An object that throws is an error here as it is for a binding: the edge gets a 500.

let calls = {};

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/calls") {
      return Response.json(calls);
    }
    const caller = request.headers.get("X-Caller");
    calls[caller] = (calls[caller] ?? 0) + 1;
    return env.REGISTRY.getByName(pathname.slice(1)).fetch(request);
  },
};
