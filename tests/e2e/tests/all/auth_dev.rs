//! `POST auth/dev`: sign-in for development.

use patrol_support::{
    Response, client,
    config::{Binding, MODULES, Worker, text_bindings},
    sandbox::{Sandbox, origin_settings},
    shared_system,
};
use serde_json::json;

#[tokio::test]
async fn dev_sign_in_requires_a_loopback_host() {
    let system = shared_system();
    let port = system.url.rsplit(':').next().unwrap();
    // DNS rebinding: a foreign name that resolves to this machine.
    for (host, outcome) in [
        (format!("127.0.0.1:{port}"), (200, "")),
        (format!("localhost:{port}"), (200, "")),
        (format!("evil.example:{port}"), (404, "not-found")),
        ("127.0.0.1.evil.example".to_owned(), (404, "not-found")),
    ] {
        let request = client()
            .post(format!("{}/.patrol/auth/dev", system.url))
            .header("Host", &host)
            .json(&json!({ "user": "otto" }));
        assert_eq!(Response::to(request).await.outcome(), outcome, "{host}");
    }
}

#[tokio::test]
async fn dev_sign_in_is_rate_limited_by_address() {
    let mut sandbox = Sandbox::new("sign-in-limit", "origin");
    sandbox.write_script("limit.js", include_str!("sign_in_limit.js"));
    let settings = origin_settings();
    let mut bindings = text_bindings(&settings);
    bindings.push(("SIGN_IN_LIMIT", Binding::Wrapped("test:limit")));
    bindings.push(("REGISTRY", Binding::Objects("origin")));
    sandbox.config.add_worker(&Worker {
        name: "origin",
        modules: &MODULES,
        bindings: &bindings,
        storage: Some("objects"),
    });
    sandbox.add_storage("objects");
    sandbox.config.add_socket("origin");
    sandbox.config.add_module("test:limit", "limit.js");
    let runtime = sandbox.start().await;
    let url = format!("{}/.patrol/auth/dev", runtime.url("origin"));
    let sign_in = |address: &'static str, user: &'static str| {
        let request = client().post(&url).json(&json!({ "user": user }));
        Response::to(request.header("CF-Connecting-IP", address))
    };
    assert_eq!(sign_in("2001:db8::1", "nobody").await.status, 422);
    assert_eq!(sign_in("2001:db8::2", "ada").await.status, 200);
    let refused = sign_in("2001:db8::3", "ada").await;
    assert_eq!(refused.outcome(), (429, "rate-limited"));
    assert_eq!(refused.header("Retry-After"), "60");
    assert_eq!(refused.header("RateLimit-Policy"), "\"sign-in\";q=20;w=60");
    assert_eq!(sign_in("192.0.2.1", "ada").await.status, 200);
}
