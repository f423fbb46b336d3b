//! Identity providers: real ones (`tests/idp/main.mjs`), and one that lies (`tests/idp/evil.mjs`).

use crate::{
    client::{Response, client},
    script::Script,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Real providers, each with its own users, clients and keys.
pub struct Providers(Script);

impl Providers {
    /// Starts that many.
    ///
    /// # Panics
    /// If they do not start.
    pub fn start(count: usize) -> Self {
        let arguments = ["--issuers", &count.to_string()];
        Self(Script::start("main", &arguments, count))
    }

    /// One of them.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn get(&self, number: usize) -> Issuer<'_> {
        Issuer {
            url: &self.0.urls()[number],
        }
    }
}

/// A real provider.
#[derive(Clone, Copy)]
pub struct Issuer<'a> {
    /// Its issuer identifier.
    pub url: &'a str,
}

/// A client that a provider knows.
pub struct RegisteredClient {
    /// An entry of `OIDC_PROVIDERS`.
    pub description: Value,
    /// Its secret setting and the value.
    pub credential: (String, String),
}

impl Issuer<'_> {
    /// The client with an id, as a provider of that name in `OIDC_PROVIDERS`.
    ///
    /// # Panics
    /// If there is none.
    pub async fn client(&self, id: &str, name: &str) -> RegisteredClient {
        let response = Response::to(client().get(format!("{}/test/clients", self.url))).await;
        let mut clients = response.body.as_array().into_iter().flatten();
        let client = clients.find(|client| client["metadata"]["client_id"] == id);
        let client = client.unwrap_or_else(|| panic!("the provider has no client {id}"));
        let auth = &client["metadata"]["token_endpoint_auth_method"];
        let kind = if auth == "private_key_jwt" {
            "KEY"
        } else {
            "SECRET"
        };
        let setting = format!("OIDC_{kind}_{}", name.to_uppercase().replace('-', "_"));
        let credential = client["credential"].as_str().unwrap_or_default();
        RegisteredClient {
            description: json!({
                "name": name, "label": name, "issuer": self.url, "client_id": id, "auth": auth,
            }),
            credential: (setting, credential.to_owned()),
        }
    }

    /// Replaces the claims of a user, or adds a user.
    pub async fn set_user(&self, id: &str, claims: &Value) {
        self.manage(Method::PUT, &format!("users/{id}"), claims)
            .await;
    }

    /// Replaces the keys.
    pub async fn rotate(&self) {
        self.manage(Method::POST, "rotate", &Value::Null).await;
    }

    /// Stops the provider: nothing listens on its port any more.
    pub async fn stop(&self) {
        self.manage(Method::POST, "stop", &Value::Null).await;
    }

    async fn manage(&self, method: Method, path: &str, body: &Value) {
        let url = format!("{}/test/{path}", self.url);
        let response = Response::to(client().request(method, url).json(body)).await;
        assert_eq!(response.status, 204, "{path}");
    }
}

/// A provider that lies as a test tells it. It is any number of issuers.
pub struct EvilProvider(Script);

impl EvilProvider {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Self {
        Self(Script::start("evil", &[], 1))
    }

    /// Its URL. Below it, each segment is an issuer.
    pub fn url(&self) -> &str {
        &self.0.urls()[0]
    }

    /// The identifier of an issuer.
    pub fn issuer(&self, name: &str) -> String {
        format!("{}/{name}", self.url())
    }

    /// The provider as an entry of `OIDC_PROVIDERS`, and its secret setting.
    pub fn client(&self, name: &str) -> RegisteredClient {
        let setting = format!("OIDC_SECRET_{}", name.to_uppercase().replace('-', "_"));
        RegisteredClient {
            description: json!({
                "name": name, "issuer": self.issuer(name), "client_id": "patrol",
            }),
            credential: (setting, "any".to_owned()),
        }
    }

    /// Says what is wrong with what an issuer publishes, `discovery` and `jwks`, and with every sign-in,
    /// `signIn`.
    pub async fn publish(&self, issuer: &str, lies: &Value) {
        let request = client().put(format!("{}/lies", self.issuer(issuer)));
        assert_eq!(Response::to(request.json(lies)).await.status, 204);
    }

    /// How often an issuer was asked for its keys.
    pub async fn key_fetches(&self, issuer: &str) -> u64 {
        let request = client().get(format!("{}/asked", self.issuer(issuer)));
        let asked = Response::to(request).await;
        asked.body["jwks"].as_u64().unwrap_or_default()
    }

    /// Signs a JWT: `{ claims, header, sign, pad }`, as in the script.
    pub async fn forge(&self, jwt: &Value) -> String {
        let request = client().post(format!("{}/forge", self.url())).json(jwt);
        let forged = Response::to(request).await;
        forged.body["jwt"].as_str().expect("a JWT").to_owned()
    }
}
