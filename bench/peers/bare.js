// The upper limit: a Worker that responds at once. Also the trivial upstream.
export default { fetch: () => new Response(null, { status: 200 }) };
