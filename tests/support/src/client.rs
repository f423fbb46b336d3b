//! A user with a session, a program with a token, and what they are answered.

use crate::system::{PATIENCE, System};
use base64ct::{Base64UrlUnpadded, Encoding};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{HeaderMap, SET_COOKIE},
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All of them.
    pub headers: HeaderMap,
    /// Null when the body is not JSON.
    pub body: Value,
}

impl Answer {
    /// Sends a request and reads the answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            body,
        }
    }

    /// The header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Status and problem code.
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
        // A kept connection would not survive the crashes that some tests cause.
        .pool_max_idle_per_host(0)
        // A system that hangs fails its test.
        .read_timeout(PATIENCE)
        .build()
        .expect("a client")
}

/// A signed-in user.
pub struct User {
    base: String,
    cookie: String,
    client: Client,
}

/// A token that was just made.
pub struct Made {
    /// Its id.
    pub id: String,
    /// The token itself: not for messages.
    pub token: String,
    /// The rest of the answer.
    pub answer: Answer,
}

impl Made {
    /// What the token states, to be signed again with changes.
    ///
    /// # Panics
    /// When it is no JWT.
    pub fn claims(&self) -> Value {
        read_claims(&self.token)
    }
}

/// What a JWT states, whatever its signature.
///
/// # Panics
/// When it is no JWT.
pub fn read_claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap_or_default();
    let json = Base64UrlUnpadded::decode_vec(payload).expect("base64url");
    serde_json::from_slice(&json).expect("claims in JSON")
}

impl User {
    /// Signs in a development user.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn sign_in(system: &System, user: &str) -> Self {
        Self::sign_in_at(&system.base, user).await
    }

    /// Signs in a development user at an address.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn sign_in_at(base: &str, user: &str) -> Self {
        let client = client();
        let request = client
            .post(format!("{base}/auth/dev"))
            .json(&json!({ "user": user }));
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 200, "{user} can sign in");
        let cookie = answer
            .headers
            .get(SET_COOKIE)
            .and_then(|value| value.to_str().ok());
        let cookie = cookie
            .and_then(|cookie| cookie.split(';').next())
            .expect("a session cookie");
        Self {
            base: base.to_owned(),
            cookie: cookie.to_owned(),
            client,
        }
    }

    /// The session cookie.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// A request with the session.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header("Cookie", &self.cookie)
    }

    /// A GET with the session.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// A POST with the session.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// Asks for a token.
    pub async fn create(&self, body: &Value) -> Answer {
        self.post("/api/v1/tokens", body).await
    }

    /// Makes a token for `acme`.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn token(&self, scopes: &[&str]) -> Made {
        self.token_for(&["acme"], scopes).await
    }

    /// Makes a token for organizations.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn token_for(&self, organizations: &[&str], scopes: &[&str]) -> Made {
        let body = json!({
            "name": "End to end", "expires_in_days": 30,
            "organizations": organizations, "scopes": scopes,
        });
        let mut answer = self.create(&body).await;
        assert_eq!(answer.outcome(), (201, ""), "a token can be made");
        let token = answer.body["token"]
            .take()
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
        Made { id, token, answer }
    }

    /// Ends a token.
    pub async fn revoke(&self, id: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, &format!("/api/v1/tokens/{id}"))).await
    }
}

/// A request of a program, in the organization `acme`.
pub fn call(system: &System, method: Method, path: &str, token: &str) -> RequestBuilder {
    client()
        .request(method, format!("{}{path}", system.base))
        .bearer_auth(token)
        .header("X-Organization-ID", "acme")
}

/// Seconds since 1970, by the clock that the system uses too.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
