// The usual way to check a token in a Worker: `jose`. It knows of no revocation.
import { check } from "./token.js";

export default {
  async fetch(request, env) {
    const { refusal } = await check(request, env);
    return refusal ?? new Response(null, { status: 204 });
  },
};
