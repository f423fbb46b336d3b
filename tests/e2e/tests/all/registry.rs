//! Registry objects, called directly.

use patrol_support::{
    client,
    config::{Binding, MODULES, Worker, text_bindings},
    sandbox::{Sandbox, origin_settings},
};

/// Calls the object with the name in the path; with an empty path, one that has no name.
const CALLER: &str = r#"
export default {
  async fetch(request, { REGISTRY }) {
    const name = new URL(request.url).pathname.slice(1);
    const registry = name ? REGISTRY.getByName(name) : REGISTRY.get(REGISTRY.newUniqueId());
    return registry.fetch("https://registry/", { method: "POST", body: await request.text() });
  },
};
"#;

#[tokio::test]
async fn registry_fails_every_call_unless_it_has_a_registrys_name() {
    let mut sandbox = Sandbox::new("registry-names", "origin");
    sandbox.write_script("caller.js", CALLER);
    sandbox.config.add_worker(&Worker {
        name: "origin",
        modules: &MODULES,
        bindings: &text_bindings(&origin_settings()),
        storage: Some("objects"),
    });
    sandbox.config.add_worker(&Worker {
        name: "caller",
        modules: &["caller.js"],
        bindings: &[("REGISTRY", Binding::Objects("origin"))],
        storage: None,
    });
    sandbox.add_storage("objects");
    sandbox.config.add_socket("caller");
    let runtime = sandbox.start().await;
    let base = runtime.url("caller");
    for (name, expected) in [
        ("registry-0", 200),
        ("registry-00", 500),
        ("nobody", 500),
        ("", 500),
    ] {
        let call = client()
            .post(format!("{base}/{name}"))
            .body(r#"{"lists":{}}"#);
        let status = call.send().await.unwrap().status();
        assert_eq!(status, expected, "{name:?}");
    }
}
