// The limit: a Worker that answers at once. It is the trivial upstream too.
export default { fetch: () => new Response(null, { status: 204 }) };
