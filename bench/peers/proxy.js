// The limit of a proxy: every request goes on as it is.
export default { fetch: (request, env) => env.UPSTREAM.fetch(request) };
