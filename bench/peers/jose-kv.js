// The usual way to know of revocations besides: a look-up in KV for every request.
import { check } from "./token.js";

export default {
  async fetch(request, env) {
    const { refusal, claims } = await check(request, env);
    if (refusal) return refusal;
    const revoked = await env.STATUS.get(claims.jti);
    return new Response(null, { status: revoked === null ? 204 : 401 });
  },
};
