// Shared by the peers with `jose`: checks signature, issuer, audience, times and scope. Keys are
// parsed once per isolate, as an operator would do.
import { createLocalJWKSet, jwtVerify } from "jose";

let keys;

const respond = (status) => new Response(null, { status });

/** Returns the claims, or the response that denies the request. */
export async function check(request, env) {
  const header = request.headers.get("Authorization");
  if (!header?.startsWith("Bearer ")) return { denial: respond(401) };
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
    return { denial: respond(401) };
  }
  if (!claims.scope.split(" ").includes("pipelines:read")) return { denial: respond(403) };
  return { claims };
}
