//! An installation without development users, and everyone whom its users sign in by.

use patrol_browser::Page;
use patrol_support::{
    Response, client,
    fronts::{access_network, access_settings, oidc_settings, production},
    identity_provider::{EvilProvider, Issuer, Providers},
    variants::{Variant, Variants},
};
use serde_json::json;
use tokio::sync::OnceCell;

/// The real providers: names in `OIDC_PROVIDERS`, and labels.
const REAL: [(&str, &str); 3] = [
    ("factory", "Factory login"),
    ("office", "Head office"),
    // It stops in one test.
    ("stopping", "Night shift"),
];

/// The provider that lies.
pub(crate) const EVIL: &str = "evil";

/// The team at Cloudflare Access.
pub(crate) const TEAM: &str = "factory-team";

/// The running installation.
pub(crate) struct Fronts {
    variants: Variants,
    providers: Providers,
    /// The provider that lies. It also plays Cloudflare Access.
    pub(crate) evil: EvilProvider,
}

/// Starts it, once.
pub(crate) async fn fronts() -> &'static Fronts {
    static RUNNING: OnceCell<Fronts> = OnceCell::const_new();
    RUNNING.get_or_init(Fronts::start).await
}

impl Fronts {
    async fn start() -> Self {
        let providers = Providers::start(REAL.len());
        let evil = EvilProvider::start();
        let mut clients = Vec::new();
        for (number, (name, label)) in REAL.into_iter().enumerate() {
            let mut client = providers.get(number).client("rs256", name).await;
            client.description["label"] = json!(label);
            clients.push(client);
        }
        clients.push(evil.client(EVIL));
        let settings = [oidc_settings(clients), access_settings(TEAM)].concat();
        let variants: &[Variant] = Vec::leak(vec![production("fronts", settings).with_page()]);
        let network = access_network(&evil);
        Self {
            variants: Variants::start_behind("page-fronts", variants, network).await,
            providers,
            evil,
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.variants.url("fronts")
    }

    /// The issuer of a real provider.
    pub(crate) fn issuer(&self, provider: &str) -> Issuer<'_> {
        let number = REAL.iter().position(|(name, _)| *name == provider);
        self.providers.get(number.expect("no such provider"))
    }
}

/// Fills in the form of a real provider.
pub(crate) async fn log_in_at_the_provider(page: &Page<'_>, user: &str) {
    page.type_into("input[name=login]", user).await;
    page.type_into("input[name=password]", "any").await;
    page.click("form button").await;
}

/// Asks with a copied cookie who is signed in.
pub(crate) async fn me_by_a_copy(url: &str, cookie: &str) -> Response {
    let request = client().get(format!("{url}/api/v1/me"));
    Response::to(request.header("Cookie", cookie)).await
}
