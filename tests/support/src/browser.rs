//! A browser without a screen: it keeps cookies, and fills in the forms of a sign-in.
//!
//! Left out: attributes of cookies other than `Path` and `Max-Age`, and scripts.

use crate::client::{User, client};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{HeaderMap, SET_COOKIE},
};
use serde_json::Value;

/// The most pages between a provider's address and its answer.
const MAX_STEPS: usize = 10;

struct Cookie {
    /// Scheme, host and port: each server of a test stands for a host.
    site: String,
    path: String,
    name: String,
    value: String,
}

/// A browser with its own cookies.
pub struct Browser {
    client: Client,
    url: String,
    /// Where providers send the browser back to. A variant listens elsewhere.
    public_url: String,
    cookies: Vec<Cookie>,
}

/// A page, or a redirect.
pub struct Page {
    url: Url,
    /// HTTP status.
    pub status: u16,
    /// All headers, repeated ones included.
    pub headers: HeaderMap,
    text: String,
}

impl Page {
    /// The absolute address to which a redirect leads.
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get("Location")?.to_str().ok()?;
        Some(self.url.join(location).ok()?.into())
    }

    /// The header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// The cookies that it sets or deletes.
    pub fn set_cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all(SET_COOKIE).iter();
        values.filter_map(|value| value.to_str().ok()).collect()
    }

    /// Whether the body contains a text.
    pub fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The value of the first attribute of that name after `from`.
    fn attribute(from: &str, name: &str) -> Option<String> {
        let (_, rest) = from.split_once(&format!("{name}=\""))?;
        let (value, _) = rest.split_once('"')?;
        Some(value.replace("&amp;", "&"))
    }

    /// The address and the hidden fields of its only form.
    fn form(&self) -> Option<(String, Vec<(String, String)>)> {
        let (_, form) = self.text.split_once("<form")?;
        let action = self.url.join(&Self::attribute(form, "action")?).ok()?;
        let inputs = form.split("<input").skip(1);
        let hidden = inputs.filter(|input| input.contains("type=\"hidden\""));
        let fields = hidden.filter_map(|input| {
            Some((
                Self::attribute(input, "name")?,
                Self::attribute(input, "value")?,
            ))
        });
        Some((action.into(), fields.collect()))
    }
}

impl Browser {
    /// A browser without cookies, for a system with this URL and `PUBLIC_URL`.
    pub fn new(url: &str, public_url: &str) -> Self {
        Self {
            client: client(),
            url: url.to_owned(),
            public_url: public_url.to_owned(),
            cookies: Vec::new(),
        }
    }

    /// Opens an address, or a path of the system.
    pub async fn open(&mut self, address: &str) -> Page {
        let url = self.absolute(address);
        self.send(self.client.get(url)).await
    }

    /// Opens it as a program that accepts no HTML.
    pub async fn open_as_program(&mut self, address: &str) -> Page {
        let url = self.absolute(address);
        let request = self.client.get(url).header("Accept", "application/json");
        self.send(request).await
    }

    /// Fills in and sends a page's form.
    ///
    /// # Panics
    /// If there is none.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let form = page.form();
        let (action, mut all) = form.unwrap_or_else(|| panic!("no form: {}", page.text));
        let fields = fields.iter();
        all.extend(fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.send(self.client.post(action).form(&all)).await
    }

    /// Authenticates at a provider, to which a page redirects. Returns the address to which the
    /// provider sends the browser back, without opening it.
    ///
    /// # Panics
    /// If the provider does not send it back.
    pub async fn authenticate(&mut self, mut page: Page, user: &str) -> String {
        for _ in 0..MAX_STEPS {
            page = match page.location() {
                Some(location) if location.starts_with(&self.public_url) => return location,
                Some(location) => self.open(&location).await,
                None => {
                    let fields = [("login", user), ("password", "any")];
                    self.submit(&page, &fields).await
                }
            };
        }
        panic!("the provider does not send the browser back");
    }

    /// Begins a sign-in and authenticates. Returns the address of the callback.
    pub async fn ask(&mut self, provider: &str, user: &str) -> String {
        let begin = format!("/.patrol/auth/sign-in?provider={provider}");
        let page = self.open(&begin).await;
        assert_eq!(page.status, 302, "{provider}: {}", page.text);
        self.authenticate(page, user).await
    }

    /// Signs in.
    ///
    /// # Panics
    /// If that fails.
    pub async fn sign_in(&mut self, provider: &str, user: &str) -> User {
        let callback = self.ask(provider, user).await;
        let page = self.open(&callback).await;
        assert_eq!(page.status, 303, "{provider}: {}", page.text);
        self.user().expect("no session cookie")
    }

    /// The user of its session cookie.
    pub fn user(&self) -> Option<User> {
        let own = |cookie: &&Cookie| cookie.site == site(&Url::parse(&self.url).expect("a URL"));
        let mut cookies = self.cookies.iter().filter(own);
        let session = cookies.find(|cookie| is_session(&cookie.name))?;
        let cookie = format!("{}={}", session.name, session.value);
        Some(User::with_header(&self.url, "Cookie", &cookie))
    }

    /// How many sign-ins have begun and not ended.
    pub fn pending(&self) -> usize {
        let names = self.cookies.iter().map(|cookie| &cookie.name);
        names.filter(|name| name.contains(PENDING)).count()
    }

    /// Copies all cookies to another browser.
    #[must_use]
    pub fn copy(&self) -> Self {
        let cookies = self.cookies.iter().map(|cookie| Cookie {
            site: cookie.site.clone(),
            path: cookie.path.clone(),
            name: cookie.name.clone(),
            value: cookie.value.clone(),
        });
        Self {
            cookies: cookies.collect(),
            ..Self::new(&self.url, &self.public_url)
        }
    }

    fn absolute(&self, address: &str) -> Url {
        let path = address.strip_prefix(&self.public_url).unwrap_or(address);
        let text = if path.starts_with('/') {
            format!("{}{path}", self.url)
        } else {
            path.to_owned()
        };
        Url::parse(&text).expect("an address")
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let mut request = request.build().expect("a request");
        let url = request.url().clone();
        let cookies = self.cookies_for(&url);
        if !cookies.is_empty() {
            let value = cookies.parse().expect("a header");
            request.headers_mut().insert("Cookie", value);
        }
        if !request.headers().contains_key("Accept") {
            let html = "text/html,*/*;q=0.8".parse().expect("a header");
            request.headers_mut().insert("Accept", html);
        }
        let response = self.client.execute(request).await.expect("no response");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the response broke off");
        let page = Page {
            url,
            status,
            headers,
            text,
        };
        for cookie in page.set_cookies() {
            self.keep(&page.url, cookie);
        }
        page
    }

    fn cookies_for(&self, url: &Url) -> String {
        let fits = |cookie: &&Cookie| {
            cookie.site == site(url) && format!("{}/", url.path()).starts_with(&cookie.path)
        };
        let pairs = self.cookies.iter().filter(fits);
        let pairs: Vec<_> = pairs.map(|c| format!("{}={}", c.name, c.value)).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, url: &Url, text: &str) {
        let mut parts = text.split(';').map(str::trim);
        let pair = parts.next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { return };
        let attributes: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let attribute = |name: &str| {
            let found = attributes
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value)
        };
        let cookie = Cookie {
            site: site(url),
            path: attribute("Path").unwrap_or("/").to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let is_same = |other: &Cookie| {
            (&other.site, &other.path, &other.name) == (&cookie.site, &cookie.path, &cookie.name)
        };
        self.cookies.retain(|other| !is_same(other));
        // Some delete a cookie by a date in 1970.
        if attribute("Max-Age") != Some("0") && !value.is_empty() {
            self.cookies.push(cookie);
        }
    }
}

/// In the name of a cookie that keeps a pending sign-in.
const PENDING: &str = "patrol_session_pending_";

/// Whether a cookie of that name is a session, and not a sign-in that has only begun.
pub fn is_session(name: &str) -> bool {
    name.contains("patrol_session_") && !name.contains(PENDING)
}

fn site(url: &Url) -> String {
    url.origin().ascii_serialization()
}
