// What the peers with `jose` share: a token's signature, issuer, audience, times and scope.
// Keys are read once for each isolate, as an operator would do it.
import { createLocalJWKSet, jwtVerify } from "jose";

let keys;

const answer = (status) => new Response(null, { status });

/** The claims, or the refusal. */
export async function check(request, env) {
  const header = request.headers.get("Authorization");
  if (!header?.startsWith("Bearer ")) return { refusal: answer(401) };
  keys ??= createLocalJWKSet(JSON.parse(env.JWKS));
  let claims;
  try {
    const verified = await jwtVerify(header.slice("Bearer patrol_".length), keys, {
      algorithms: ["EdDSA"],
      issuer: env.PUBLIC_URL,
      audience: env.PUBLIC_URL,
      typ: "pat+jwt",
    });
    claims = verified.payload;
  } catch {
    return { refusal: answer(401) };
  }
  if (!claims.scope.split(" ").includes("pipelines:read")) return { refusal: answer(403) };
  return { claims };
}
