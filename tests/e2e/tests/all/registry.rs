//! Registry objects, called directly.

use patrol_support::{
    client,
    config::{Binding, Config, MODULES, Worker, copy_worker},
    empty_folder, root,
    runtime::Runtime,
    shared,
};
use std::fs;

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
    // Builds the Workers.
    let system = shared();
    let folder = empty_folder("registry-names");
    copy_worker(&root().join("build/origin"), &folder);
    fs::write(folder.join("caller.js"), CALLER).unwrap();
    let objects = folder.join("objects");
    fs::create_dir_all(&objects).unwrap();
    let keys = ["SIGNING_KEYS", "SESSION_KEYS"].map(|name| (name, system.secret(name)));
    let mut bindings = vec![
        ("PUBLIC_URL", Binding::Text("http://127.0.0.1:8787")),
        ("REGISTRIES", Binding::Text("1")),
    ];
    bindings.extend(
        keys.iter()
            .map(|(name, value)| (*name, Binding::Text(value))),
    );
    let mut config = Config::default();
    config.worker(&Worker {
        name: "origin",
        modules: &MODULES,
        bindings: &bindings,
        storage: Some("objects"),
    });
    config.worker(&Worker {
        name: "caller",
        modules: &["caller.js"],
        bindings: &[("REGISTRY", Binding::Objects("origin"))],
        storage: None,
    });
    config.disk("objects", objects.to_str().unwrap());
    config.socket("caller");
    let path = folder.join("config.capnp");
    fs::write(&path, config.finish()).unwrap();
    let process = Runtime::start(&path, &folder.join("log"), 1).await;
    let base = format!("http://127.0.0.1:{}", process.port("caller"));
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
