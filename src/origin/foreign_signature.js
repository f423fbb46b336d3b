// Signatures of other parties, and for them, by WebCrypto.

/**
 * How WebCrypto names the algorithms of JWS (RFC 7518, section 3.1). The salt is as long as the hash
 * (section 3.5).
 *
 * @type {Record<string, RsaHashedImportParams & EcKeyImportParams & RsaPssParams>}
 */
const ALGORITHMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { name: "ECDSA", hash: "SHA-256", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
};

/**
 * Whether this is the key's signature over the message.
 *
 * @param {string} algorithm
 * @param {string} jwk the public key, as JSON
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 */
export const verifyForeign = async (algorithm, jwk, message, signature) => {
  const parameters = ALGORITHMS[algorithm];
  const key = await crypto.subtle.importKey("jwk", JSON.parse(jwk), parameters, false, ["verify"]);
  return crypto.subtle.verify(parameters, key, signature, message);
};

/**
 * The key's signature over the message.
 *
 * @param {string} algorithm
 * @param {string} jwk the private key, as JSON
 * @param {Uint8Array} message
 */
export const signForeign = async (algorithm, jwk, message) => {
  const parameters = ALGORITHMS[algorithm];
  const key = await crypto.subtle.importKey("jwk", JSON.parse(jwk), parameters, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(parameters, key, message));
};
