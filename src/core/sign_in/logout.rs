//! Ending the session at the provider (OpenID Connect RP-Initiated Logout 1.0, section 2).

use super::discovery::Discovery;

/// Where to send the browser after Patrol's own session has ended. `None`: the provider has no such
/// endpoint, and its session goes on. `back` must be registered there as a post-logout redirect URI.
///
/// There is no `id_token_hint`, because Patrol keeps no ID token. So the provider may ask the user
/// whether to sign out, which it must do anyway if the hint does not fit its session.
pub fn url(discovery: &Discovery, back: &str) -> Option<String> {
    let endpoint = discovery.end_session_endpoint.as_ref()?;
    Some(endpoint.with_query(&[
        ("client_id", &discovery.provider.client_id),
        ("post_logout_redirect_uri", back),
    ]))
}
