// Ed25519 by the runtime's own library, called from Rust.
//
// `node:crypto` verifies synchronously, in the time that WebCrypto takes with a promise.

import { createPublicKey, verify } from "node:crypto";

/**
 * Imports a public key (RFC 8037, section 2).
 *
 * @param {string} x
 * @returns {import("node:crypto").KeyObject}
 */
export const importKey = (x) =>
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });

/**
 * Whether this is the key's signature over the message (RFC 8032, section 5.1.7).
 *
 * @param {import("node:crypto").KeyObject} key
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 */
export const verifySignature = (key, message, signature) => verify(null, message, key, signature);
