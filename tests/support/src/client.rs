//! A user with a session, a program with a token, and the responses that they get.

use crate::wait::TIMEOUT;
use base64ct::{Base64UrlUnpadded, Encoding};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{HeaderMap, SET_COOKIE},
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A response whose body has been read.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// All headers, repeated ones included.
    pub headers: HeaderMap,
    /// The body as JSON; null if it is not JSON.
    pub body: Value,
}

impl Response {
    /// Sends a request and reads the response.
    ///
    /// # Panics
    /// If there is none, or it breaks off.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::whole(request).await.expect("the response broke off")
    }

    /// Sends a request and reads the response. `None`: it broke off, perhaps before its first byte.
    ///
    /// # Panics
    /// If there is nobody to answer.
    pub async fn whole(request: RequestBuilder) -> Option<Self> {
        let response = match request.send().await {
            Err(error) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
                return None;
            }
            response => response.expect("no response"),
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Some(Self {
            status,
            headers,
            body,
        })
    }

    /// The header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Status and problem code; the code is empty if the body has none.
    pub fn outcome(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

/// A client that follows no redirects.
///
/// # Panics
/// Never in practice.
pub fn client() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // A pooled connection would not survive the crashes that some tests cause.
        .pool_max_idle_per_host(0)
        // A system that hangs must fail its test.
        .read_timeout(TIMEOUT)
        .build()
        .expect("cannot create a client")
}

/// A signed-in user.
pub struct User {
    url: String,
    /// The name and value of the header with the session.
    session: (&'static str, String),
    client: Client,
}

/// A token that was just created.
pub struct CreatedToken {
    /// Its id.
    pub id: String,
    /// The token itself: keep it out of messages.
    pub token: String,
    /// The response to its creation, without the token.
    pub response: Response,
}

impl CreatedToken {
    /// The token's claims, which a test can change and sign again.
    ///
    /// # Panics
    /// If the token is not a JWT.
    pub fn claims(&self) -> Value {
        read_claims(&self.token)
    }
}

/// The claims of a JWT. The signature is not checked.
///
/// # Panics
/// If it is not a JWT.
pub fn read_claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap_or_default();
    let json = Base64UrlUnpadded::decode_vec(payload).expect("the payload is not base64url");
    serde_json::from_slice(&json).expect("the claims are not JSON")
}

impl User {
    /// Signs in a development user at the system with this URL, and uses the product page's addresses
    /// from then on.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn sign_in(url: &str, user: &str) -> Self {
        let signed_in = Self::sign_in_below(&format!("{url}/.patrol"), user).await;
        let url = url.to_owned();
        Self { url, ..signed_in }
    }

    /// Signs in a development user at the system with this prefix, given with its URL and without a
    /// slash at the end. Uses only addresses below it.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn sign_in_below(prefix: &str, user: &str) -> Self {
        let client = client();
        let request = client
            .post(format!("{prefix}/auth/dev"))
            .json(&json!({ "user": user }));
        let response = Response::to(request).await;
        assert_eq!(response.status, 200, "{user} cannot sign in");
        let cookie = response
            .headers
            .get(SET_COOKIE)
            .and_then(|value| value.to_str().ok());
        let cookie = cookie
            .and_then(|cookie| cookie.split(';').next())
            .expect("no session cookie");
        Self {
            url: prefix.to_owned(),
            session: ("Cookie", cookie.to_owned()),
            client,
        }
    }

    /// A user whose session a header names, at the system with this URL.
    pub fn with_header(url: &str, name: &'static str, value: &str) -> Self {
        Self {
            url: url.to_owned(),
            session: (name, value.to_owned()),
            client: client(),
        }
    }

    /// The session cookie as `name=value`.
    pub fn cookie(&self) -> &str {
        &self.session.1
    }

    /// A request with the session.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (name, value) = &self.session;
        self.client
            .request(method, format!("{}{path}", self.url))
            .header(*name, value)
    }

    /// Sends a GET with the session.
    pub async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    /// Sends a POST with the session.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        Response::to(self.request(Method::POST, path).json(body)).await
    }

    /// Sends `POST /api/v1/tokens`, which may be refused.
    pub async fn create(&self, body: &Value) -> Response {
        self.post("/api/v1/tokens", body).await
    }

    /// Creates a token for `acme`.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn create_token(&self, scopes: &[&str]) -> CreatedToken {
        self.create_token_for(&["acme"], scopes).await
    }

    /// Creates a token for some organizations.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn create_token_for(&self, organizations: &[&str], scopes: &[&str]) -> CreatedToken {
        let body = json!({
            "name": "End to end", "expires_in_days": 30,
            "organizations": organizations, "scopes": scopes,
        });
        let mut response = self.create(&body).await;
        assert_eq!(response.outcome(), (201, ""), "cannot create a token");
        let token = response.body["token"]
            .take()
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let id = response.body["id"].as_str().unwrap_or_default().to_owned();
        CreatedToken {
            id,
            token,
            response,
        }
    }

    /// Sends `DELETE /api/v1/tokens/{id}`.
    pub async fn revoke(&self, id: &str) -> Response {
        Response::to(self.request(Method::DELETE, &format!("/api/v1/tokens/{id}"))).await
    }
}

/// A program's request with a token, in the organization `acme`.
pub fn api_request(url: &str, method: Method, path: &str, token: &str) -> RequestBuilder {
    client()
        .request(method, format!("{url}{path}"))
        .bearer_auth(token)
        .header("X-Organization-ID", "acme")
}

/// Seconds since 1970, by the clock that the system uses too.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
