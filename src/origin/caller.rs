//! Who sent a request, and its body.

use crate::{context::OriginContext, respond::ApiResult, settings::OriginSettings};
use patrol::{
    authorize::client_address,
    http::{
        body,
        problem::{Problem, ProblemCode},
    },
    policy::account::Account,
    registry::{ClientInfo, ReadAccount, SessionEnded},
    session::{self, Initiator, Session},
};
use patrol_platform::now;
use serde::de::DeserializeOwned;
use web_sys::Url;
use worker::{Error, Request};

/// The session that a request claims. Only a session counts: a token must not manage tokens. Every
/// call of a session asks the user's registry whether it has ended.
pub(crate) fn session(request: &Request, settings: &OriginSettings) -> ApiResult<Session> {
    let session = match request.headers().get(session::HEADER)? {
        Some(text) => verified(&text, settings),
        None => session_of_cookie(request, settings),
    };
    let session = session.ok_or(SessionEnded)?;
    match request.headers().get(EXPECTED_USER)? {
        Some(expected) if expected != session.user.as_str() => Err(Problem::new(
            ProblemCode::UserChanged,
            "Another user has signed in",
            "In this browser, another user has signed in since. Reload the page.",
        )
        .into()),
        _ => Ok(session),
    }
}

/// The session that the request's cookie names.
pub(crate) fn session_of_cookie(request: &Request, settings: &OriginSettings) -> Option<Session> {
    let cookies = request.headers().get("Cookie").ok()??;
    verified(settings.cookie.find(&cookies)?, settings)
}

fn verified(text: &str, settings: &OriginSettings) -> Option<Session> {
    session::verify(text, now(), settings.session_keys.public())
}

/// Names the user whom a page shows. In another tab, another user may have signed in since.
const EXPECTED_USER: &str = "X-Patrol-Expected-User";

/// The session of a request that changes something. Rejects requests that another site made the
/// browser send: it adds a cookie by itself, but no header.
pub(crate) fn session_for_change(
    request: &Request,
    settings: &OriginSettings,
) -> ApiResult<Session> {
    if request.headers().get(session::HEADER)?.is_none() {
        reject_cross_site(request, settings)?;
    }
    session(request, settings)
}

/// The account of the session that a request claims.
pub(crate) async fn account(request: &Request, origin: OriginContext<'_>) -> ApiResult<Account> {
    let session = session(request, origin.settings)?;
    let record = origin.call(&ReadAccount { session }).await??;
    Ok(record.account(origin.policy))
}

/// The address of a request. The runtime parses it: `worker` would do so with tables of Unicode, which
/// take 70 KB of the module, compressed.
pub(crate) fn url(request: &Request) -> ApiResult<Url> {
    Ok(Url::new(&request.inner().url()).map_err(Error::from)?)
}

/// The query, without its `?`.
pub(crate) fn query(request: &Request) -> ApiResult<String> {
    let search = url(request)?.search();
    Ok(search.strip_prefix('?').unwrap_or_default().to_owned())
}

/// The parameters of the query, in their order.
pub(crate) fn parameters(request: &Request) -> ApiResult<Vec<(String, String)>> {
    let query = query(request)?;
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    Ok(pairs.collect())
}

/// The first value of a parameter of the query.
pub(crate) fn parameter(request: &Request, name: &str) -> ApiResult<Option<String>> {
    let mut all = parameters(request)?.into_iter();
    Ok(all.find(|(key, _)| key == name).map(|(_, value)| value))
}

/// Where a request comes from.
pub(crate) fn client(request: &Request, settings: &OriginSettings) -> ApiResult<ClientInfo> {
    let headers = request.headers();
    let address = headers.get(settings.installation.client_address_header.as_str())?;
    let address = address.and_then(|text| client_address::parse(&text));
    let user_agent = headers.get("User-Agent")?;
    Ok(ClientInfo::new(address, user_agent.as_deref()))
}

/// What tells which page made a browser send a request.
pub(crate) fn initiator<'a>(
    request: &Request,
    settings: &'a OriginSettings,
) -> ApiResult<Initiator<'a>> {
    let headers = request.headers();
    Ok(Initiator {
        site: headers.get("Sec-Fetch-Site")?,
        origin: headers.get("Origin")?,
        own: settings.installation.paths.origin(),
    })
}

/// Rejects a request that another site made the browser send (CSRF).
pub(crate) fn reject_cross_site(request: &Request, settings: &OriginSettings) -> ApiResult<()> {
    let initiator = initiator(request, settings)?;
    if initiator.is_other_site() {
        let own = initiator.own;
        return Err(Problem::new(
            ProblemCode::OriginForbidden,
            "Cross-site request",
            format!("Changes are accepted only from pages on {own}. Open the page there."),
        )
        .into());
    }
    Ok(())
}

/// The body of a request, read already.
pub(crate) struct Body(Option<Vec<u8>>);

impl Body {
    /// `None`: the client broke it off.
    pub(crate) fn new(bytes: Option<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Parses a JSON body.
    pub(crate) fn parse<T: DeserializeOwned>(&self, request: &Request) -> ApiResult<T> {
        let headers = request.headers();
        let [content_type, content_encoding] = [
            headers.get("Content-Type")?,
            headers.get("Content-Encoding")?,
        ];
        let body = body::Body {
            content_type: content_type.as_deref(),
            content_encoding: content_encoding.as_deref(),
            content: self.0.as_deref(),
        };
        Ok(body.parse()?)
    }
}
