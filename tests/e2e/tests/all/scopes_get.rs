//! `GET /api/v1/scopes`.

use patrol_support::{Response, User, shared_system};

#[tokio::test]
async fn the_scope_selector_reflects_your_current_role_assignments() {
    let system = shared_system();
    let ada = User::sign_in(&system.url, "ada").await;
    let names = |response: &Response| -> Vec<String> {
        let groups = response.body["groups"].as_array().unwrap();
        let scopes = groups
            .iter()
            .flat_map(|group| group["scopes"].as_array().unwrap());
        scopes
            .map(|scope| scope["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let acme = ada.get("/api/v1/scopes?organization=acme").await;
    let both = ada
        .get("/api/v1/scopes?organization=acme&organization=globex")
        .await;
    assert_eq!(names(&acme).len(), 23);
    assert_eq!(names(&both).len(), 8, "the scopes of a viewer");
    assert!(names(&both).contains(&"uns:read".to_owned()));
    let unknown = ada.get("/api/v1/scopes?organization=initech").await;
    assert_eq!(unknown.outcome(), (422, "organization-unknown"));
    assert_eq!(unknown.body["field"], "organization", "the parameter");
    assert_eq!(unknown.body["errors"][0]["field"], "organization");
    assert_eq!(
        ada.get("/api/v1/scopes").await.outcome(),
        (422, "organization-unknown")
    );
}
