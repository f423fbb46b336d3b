// The usual way to check a token in a Worker: `jose`. No revocation.
import { check } from "./token.js";

export default {
  async fetch(request, env) {
    const { denial } = await check(request, env);
    return denial ?? new Response(null, { status: 200 });
  },
};
