// The usual way to check revocation as well: a KV lookup per request.
import { check } from "./token.js";

export default {
  async fetch(request, env) {
    const { denial, claims } = await check(request, env);
    if (denial) return denial;
    const revoked = await env.STATUS.get(claims.jti);
    return new Response(null, { status: revoked === null ? 200 : 401 });
  },
};
