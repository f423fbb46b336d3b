// The upper limit of a proxy: it forwards requests unchanged.
export default { fetch: (request, env) => env.UPSTREAM.fetch(request) };
