//! Cloudflare Access: a proxy that signs users in and adds a JWT to every request.
//!
//! The JWT alone is believed, because anyone can write the other headers. It is checked at sign-in, also
//! for the audience: a team has one issuer for all its applications. After that the session counts, for
//! as long as any other.

use super::{
    address::Address,
    claims::{self, AuthenticatedUser, ClaimsError},
};
use crate::{
    jose::foreign::{Claims, Verified},
    time::Timestamp,
};

/// The header with the JWT.
pub const HEADER: &str = "Cf-Access-Jwt-Assertion";

/// The name in the rules of memberships.
pub const NAME: &str = "access";

/// An application of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    issuer: String,
    audience: String,
}

impl Access {
    /// Reads `ACCESS_TEAM` and `ACCESS_AUD`. `None`: both are absent.
    ///
    /// # Errors
    /// Names the setting and says what it must be.
    pub fn from_settings(
        team: Option<&str>,
        audience: Option<&str>,
    ) -> Result<Option<Self>, &'static str> {
        let (team, audience) = match (team, audience) {
            (None, None) => return Ok(None),
            (Some(team), Some(audience)) => (team, audience),
            (Some(_), None) => {
                return Err("ACCESS_AUD is missing: it is the application's audience tag");
            }
            (None, Some(_)) => {
                return Err("ACCESS_TEAM is missing: it is the part before .cloudflareaccess.com");
            }
        };
        let in_teams =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if team.is_empty() || team.len() > 63 || !team.bytes().all(in_teams) {
            return Err("ACCESS_TEAM must be the part before .cloudflareaccess.com, in lower case");
        }
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if audience.len() != 64 || !audience.bytes().all(is_hex) {
            return Err("ACCESS_AUD must be the application's audience tag: 64 hexadecimal digits");
        }
        Ok(Some(Self {
            issuer: format!("https://{team}.cloudflareaccess.com"),
            audience: audience.to_owned(),
        }))
    }

    /// The team as an issuer, for the [`JwkSet`](crate::jose::foreign::JwkSet).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the team's keys are. `None` cannot happen: the team's name was checked.
    pub fn jwks_uri(&self) -> Option<Address> {
        Address::parse(&format!("{}/cdn-cgi/access/certs", self.issuer)).ok()
    }

    /// Checks the claims of a JWT from [`HEADER`].
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn identify(
        &self,
        jwt: Verified,
        now: Timestamp,
    ) -> Result<(AuthenticatedUser, Claims), ClaimsError> {
        if !jwt.is_untyped() {
            return Err(ClaimsError::Type);
        }
        let claims = jwt.into_claims();
        claims::check(&claims, &self.issuer, now)?;
        // The list has the tags of all applications that the user entered by this JWT.
        if !claims.audiences().contains(&&*self.audience) {
            return Err(ClaimsError::Audience);
        }
        // A service token has an empty subject and a `common_name`. The session of the whole team
        // (type `org`) has another audience.
        if claims.text("sub") == Some("") || claims.get("common_name").is_some() {
            return Err(ClaimsError::NoUser);
        }
        let identity = claims::identity(&claims, &self.issuer, "sub")?;
        Ok((identity, claims))
    }
}
