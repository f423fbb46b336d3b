//! The status lists that the registry writes to KV.

use crate::common::{files_below, paths};
use patrol::{
    jose::status_list::{self, Status, StatusListId, VerifiedList},
    jose::{
        keys::KeySet,
        signing::{Dalek, SigningKeys},
    },
};
use patrol_support::{Response, System, User, client, shared_system, wait_until};
use std::fs;

/// The public keys that the system serves.
async fn fetch_keys(system: &System) -> KeySet {
    let jwks = client().get(format!("{}/.well-known/jwks.json", system.url));
    KeySet::from_jwks(&Response::to(jwks).await.body.to_string()).unwrap()
}

/// Waits until KV has a list that satisfies the condition. In development KV keeps each value in a
/// file.
async fn wait_for_list_in_kv(
    system: &System,
    id: StatusListId,
    keys: &KeySet,
    condition: impl Fn(&VerifiedList) -> bool,
) -> VerifiedList {
    let kv = system.state().join("v3/kv");
    wait_until("KV has the list", || async {
        files_below(&kv)
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .filter_map(|text| status_list::verify(&text, id, &paths(system), keys, &Dalek).ok())
            .find(&condition)
    })
    .await
}

#[tokio::test]
async fn kv_gets_the_status_list_that_is_served() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let claims = created.claims();
    let reference = &claims["status"]["status_list"];
    let uri = reference["uri"].as_str().unwrap();
    let idx = u32::try_from(reference["idx"].as_u64().unwrap()).unwrap();
    assert_eq!(ada.revoke(&created.id).await.status, 200);
    let id = StatusListId::from_uri(&paths(system), uri).unwrap();
    wait_for_list_in_kv(system, id, &fetch_keys(system).await, |signed| {
        signed.snapshot.list.get(idx) == Some(Status::Invalid)
    })
    .await;
}

#[tokio::test]
async fn kv_gets_newly_signed_lists_when_a_key_is_retired() {
    let mut system = System::start("retired-key", &[]);
    let ada = User::sign_in(&system.url, "ada").await;
    let created = ada.create_token(&["models:read"]).await;
    let uri = created.claims()["status"]["status_list"]["uri"].clone();
    let id = StatusListId::from_uri(&paths(&system), uri.as_str().unwrap()).unwrap();
    let before = wait_for_list_in_kv(&system, id, &fetch_keys(&system).await, |_| true).await;

    let old = system.secret("SIGNING_KEYS");
    let new = SigningKeys::generate(&[8; 32]);
    system.crash_and_restart_after(|state| {
        let vars = state.join("config/origin/.dev.vars");
        let text = fs::read_to_string(&vars).unwrap();
        assert!(text.contains(&old));
        fs::write(&vars, text.replace(&old, &new)).unwrap();
    });
    let keys = fetch_keys(&system).await;
    assert_eq!(&keys, SigningKeys::from_jwks(&new).unwrap().public());
    // Any call wakes the registry. The list has not changed.
    assert_eq!(ada.get("/api/v1/tokens").await.status, 200);
    let after = wait_for_list_in_kv(&system, id, &keys, |_| true).await;
    assert_eq!(after.snapshot.version, before.snapshot.version);
}
