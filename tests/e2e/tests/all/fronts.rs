//! An installation as in production, without development users, and everyone whom its users sign in
//! by. It runs in a process of its own, so that other tests need none of it.

use patrol_support::{
    browser::{Browser, Page},
    fronts::{access_network, access_settings, oidc_settings, production},
    identity_provider::{EvilProvider, Issuer, Providers},
    variants::{PUBLIC_URL, Variant, Variants},
};
use serde_json::Value;
use tokio::sync::OnceCell;

/// The clients at real providers: the name in `OIDC_PROVIDERS`, the number of the issuer, and the id.
const REAL: [(&str, usize, &str); 8] = [
    ("rs256", 0, "rs256"),
    ("ps256", 0, "ps256"),
    ("es256", 0, "es256"),
    ("eddsa", 0, "eddsa"),
    ("key", 0, "key"),
    ("other", 1, "es256"),
    ("rotating", 2, "es256"),
    ("stopping", 3, "es256"),
];

/// The issuers of the provider that lies. A test has those after the first to itself.
const EVIL: [&str; 3] = ["evil", "evil-discovery", "evil-keys"];

/// The `iss` of the platform's assertions.
pub(crate) const PLATFORM_ISSUER: &str = "https://platform.example";

/// What the platform signs with in the variant `platform-secret`.
pub(crate) const PLATFORM_SECRET: &str = "a secret of the tests, with 32 characters or more";

/// The address of the variant `https`, as its users see it.
pub(crate) const HTTPS_URL: &str = "https://patrol.example";

/// The running installation.
pub(crate) struct Fronts {
    variants: Variants,
    providers: Providers,
    /// The provider that lies. It also plays Cloudflare Access and the platform.
    pub(crate) evil: EvilProvider,
}

/// Starts it, once.
pub(crate) async fn fronts() -> &'static Fronts {
    static RUNNING: OnceCell<Fronts> = OnceCell::const_new();
    RUNNING.get_or_init(Fronts::start).await
}

impl Fronts {
    async fn start() -> Self {
        let issuers = REAL.iter().map(|(_, issuer, _)| issuer + 1);
        let providers = Providers::start(issuers.max().unwrap_or_default());
        let evil = EvilProvider::start();
        let mut clients = Vec::new();
        for (name, issuer, id) in REAL {
            clients.push(providers.get(issuer).client(id, name).await);
        }
        clients.extend(EVIL.map(|name| evil.client(name)));
        let platform = |keys: &str| {
            let keys = format!("{}/jwks", evil.issuer(keys));
            vec![
                ("PLATFORM_ISSUER", PLATFORM_ISSUER.to_owned()),
                ("PLATFORM_JWKS_URL", keys),
            ]
        };
        let settings = [
            oidc_settings(clients),
            access_settings("factory"),
            platform("platform"),
        ];
        let secret = vec![
            ("PLATFORM_ISSUER", PLATFORM_ISSUER.to_owned()),
            ("PLATFORM_SECRET", PLATFORM_SECRET.to_owned()),
        ];
        let mut https = oidc_settings(vec![evil.client("evil")]);
        https.push(("PUBLIC_URL", HTTPS_URL.to_owned()));
        let variants = [
            production("fronts", settings.concat()),
            production("platform-secret", secret),
            production("access-cold", access_settings("cold")),
            production("access-warm", access_settings("warm")),
            production(
                "down",
                [access_settings("down"), platform("platform-down")].concat(),
            ),
            production("https", https),
        ];
        let network = access_network(&evil);
        let variants: &[Variant] = Vec::leak(variants.into());
        Self {
            variants: Variants::start_behind("fronts", variants, network).await,
            providers,
            evil,
        }
    }

    /// The URL of a variant's edge.
    pub(crate) fn url(&self, variant: &str) -> String {
        self.variants.url(variant)
    }

    /// The issuer of a real provider.
    pub(crate) fn issuer(&self, provider: &str) -> Issuer<'_> {
        let mut real = REAL.iter();
        let found = real.find(|(name, _, _)| *name == provider);
        let (_, number, _) = found.expect("no such provider");
        self.providers.get(*number)
    }

    /// What the Workers have logged so far.
    pub(crate) fn log(&self) -> String {
        self.variants.log()
    }

    /// A browser that has not been here before.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.url("fronts"), PUBLIC_URL)
    }

    /// Asks a provider that lies, and returns the address of its answer.
    pub(crate) async fn ask_evil(
        &self,
        browser: &mut Browser,
        provider: &str,
        lie: &Value,
    ) -> String {
        let path = format!("/.patrol/auth/sign-in?provider={provider}");
        let begun = browser.open(&path).await;
        assert_eq!(begun.status, 302, "{}", begun.json());
        let location = begun.location().expect("a redirect");
        let lie: String = percent_encoding::utf8_percent_encode(
            &lie.to_string(),
            percent_encoding::NON_ALPHANUMERIC,
        )
        .collect();
        let answered = browser.open(&format!("{location}&lie={lie}")).await;
        answered.location().expect("an answer")
    }

    /// Signs in by a provider that lies, as a program that reads problems.
    pub(crate) async fn sign_in_at_evil(
        &self,
        browser: &mut Browser,
        provider: &str,
        lie: &Value,
    ) -> Page {
        let callback = self.ask_evil(browser, provider, lie).await;
        browser.open_as_program(&callback).await
    }
}

/// Asserts that a sign-in was refused with a status, a problem code and a reason, and left nothing.
pub(crate) fn assert_refused(page: &Page, outcome: (u16, &str), reason: &str, case: &str) {
    let problem = page.json();
    let code = problem["code"].as_str().unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert_eq!((page.status, code), outcome, "{case}: {problem}");
    assert!(detail.contains(&format!("[{reason}]")), "{case}: {problem}");
    assert_eq!(page.header("Content-Type"), "application/problem+json");
    // Every JWT begins so.
    assert!(!page.contains("eyJ"), "{case}: a token leaks");
    assert!(!has_session(page), "{case}");
}

/// Whether a response begins a session.
pub(crate) fn has_session(page: &Page) -> bool {
    let cookies = page.set_cookies();
    cookies.iter().any(|cookie| !cookie.contains("Max-Age=0"))
}
