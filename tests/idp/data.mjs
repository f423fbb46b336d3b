// The users, clients and keys of an issuer. Secrets and keys are new in each process.

import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";

function privateJwk(type, options, members) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), ...members };
}

/** One key of each type. RS256 and PS256 share theirs. */
export function createKeys() {
  return [
    privateJwk("rsa", { modulusLength: 2048 }, { use: "sig" }),
    privateJwk("ec", { namedCurve: "P-256" }, { use: "sig" }),
    privateJwk("ed25519", {}, { use: "sig" }),
  ];
}

/** The claims of each user, in the shapes of Keycloak. The names are those of the development users. */
export function createUsers() {
  return new Map(
    Object.entries({
      ada: {
        name: "Ada Lovelace",
        email: "ada@example.com",
        email_verified: true,
        groups: ["/acme/admin", "/globex/viewer", "/staff"],
        realm_access: { roles: ["default-roles-factory", "offline_access"] },
      },
      vic: {
        name: "Vic Viewer",
        email: "vic@example.com",
        email_verified: true,
        groups: ["/acme/viewer"],
      },
      otto: {
        name: "Otto Operator",
        email: "otto@example.com",
        email_verified: true,
        groups: [],
        realm_access: { roles: ["acme.operator", "offline_access"] },
      },
    }),
  );
}

/**
 * One client for each algorithm of ID tokens, which is also its id, and one that authenticates by a
 * key.
 */
export function createClients() {
  const bySecret = ["RS256", "PS256", "ES256", "EdDSA"].map((algorithm) => {
    const secret = randomBytes(24).toString("base64");
    return {
      credential: secret,
      metadata: client(algorithm.toLowerCase(), algorithm, {
        client_secret: secret,
        token_endpoint_auth_method: "client_secret_basic",
      }),
    };
  });
  const key = privateJwk("ec", { namedCurve: "P-256" }, { alg: "ES256" });
  const publicKey = createPublicKey({ key, format: "jwk" }).export({ format: "jwk" });
  const byKey = {
    credential: JSON.stringify(key),
    metadata: client("key", "RS256", {
      jwks: { keys: [{ ...publicKey, kid: key.kid }] },
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
    }),
  };
  return [...bySecret, byKey];
}

function client(id, algorithm, members) {
  return {
    client_id: id,
    // Redirects of native applications may lead to any port (RFC 8252, section 7.3).
    application_type: "native",
    redirect_uris: ["http://127.0.0.1/.patrol/auth/callback"],
    post_logout_redirect_uris: ["http://127.0.0.1/.patrol/ui/"],
    id_token_signed_response_alg: algorithm,
    ...members,
  };
}
