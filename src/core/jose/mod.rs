//! JOSE and what Patrol signs with it: JWS (RFC 7515), JWK (RFC 7517), Token Status List.
//!
//! Patrol uses one algorithm, Ed25519 (RFC 8037). The arithmetic is never Patrol's own: the origin
//! and the native tests use ed25519-dalek, the edge uses the runtime's crypto library. Both
//! implement [`VerifySignature`].

pub mod foreign;
pub mod jws;
pub mod keys;
pub mod signing;
pub mod status_list;

use keys::PublicKey;

/// Verifies Ed25519 signatures (RFC 8032, section 5.1.7).
pub trait VerifySignature {
    /// Whether `signature` is the key's signature over the message. Any error is `false`.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool;
}
