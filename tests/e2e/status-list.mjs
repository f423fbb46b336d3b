// Prints the status of TOKEN as any third party would read it: the list's URI from the token, the
// list from there (Node's fetch accepts gzip), its signature by our key set, the status at the
// token's index. All code for lists is @sd-jwt/jwt-status-list's.

import { createRemoteJWKSet, jwtVerify } from "jose";
import { getListFromStatusListJWT, getStatusListFromJWT } from "@sd-jwt/jwt-status-list";

const { BASE, TOKEN } = process.env;
const { idx, uri } = getStatusListFromJWT(TOKEN.replace(/^patrol_/, ""));
const response = await fetch(uri, { headers: { Accept: "application/statuslist+jwt" } });
const jwt = await response.text();
await jwtVerify(jwt, createRemoteJWKSet(new URL("/.well-known/jwks.json", BASE)), {
  subject: uri,
  typ: "statuslist+jwt",
  requiredClaims: ["sub", "iat", "exp", "ttl", "status_list"],
});
console.log(getListFromStatusListJWT(jwt).getStatus(idx));
