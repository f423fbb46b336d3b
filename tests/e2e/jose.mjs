// Verifies TOKEN with the key set that BASE serves, signs its claims again with our private key and
// prints the new token. All cryptography is jose's.

import { createRemoteJWKSet, importJWK, jwtVerify, SignJWT } from "jose";

const { BASE, TOKEN, SIGNING_KEYS } = process.env;
const jwks = createRemoteJWKSet(new URL("/.well-known/jwks.json", BASE));
const { payload, protectedHeader } = await jwtVerify(TOKEN.replace(/^patrol_/, ""), jwks, {
  issuer: BASE,
  audience: BASE,
  typ: "pat+jwt",
  algorithms: ["EdDSA"],
  requiredClaims: ["sub", "jti", "iat", "exp", "org", "scope", "status"],
});
const [key] = JSON.parse(SIGNING_KEYS).keys;
const { typ, kid } = protectedHeader;
const signed = await new SignJWT(payload)
  .setProtectedHeader({ alg: "EdDSA", typ, kid })
  .sign(await importJWK(key, "EdDSA"));
console.log(signed);
