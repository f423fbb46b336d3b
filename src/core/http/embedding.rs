//! Which pages of other sites may embed the element (`EMBED_ORIGINS`), by CORS (Fetch standard, section
//! 3.2).
//!
//! They get no credentials: a page of another site has a session in a header or none. So a browser
//! sends no cookie along, and nothing depends on third-party cookies. What has no secret, the page's
//! files, may be read by the same origins.

/// The headers that a page of another site may send.
const ALLOWED_HEADERS: &str =
    "Content-Type, Idempotency-Key, X-Patrol-Expected-User, X-Patrol-Session";

/// The headers that it may read. By `Date` it knows the time when the browser's clock is wrong.
const EXPOSED_HEADERS: &str = "Date, Location, RateLimit, RateLimit-Policy, Retry-After";

/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";

/// The most origins.
const MAX_ORIGINS: usize = 32;

/// `EMBED_ORIGINS`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbedOrigins(Vec<String>);

/// A header of a response.
pub type Header<'a> = (&'static str, &'a str);

impl EmbedOrigins {
    /// Reads the setting: origins, separated by spaces. `is_origin` says whether a text is one, as
    /// browsers write it.
    ///
    /// # Errors
    /// Names the setting, the wrong part and the fix.
    pub fn from_setting(
        setting: Option<&str>,
        is_origin: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let origins: Vec<_> = setting
            .unwrap_or_default()
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            return Err(format!(
                "EMBED_ORIGINS: {wrong:?} must be an origin like https://app.example.com, without a path"
            ));
        }
        if origins.len() > MAX_ORIGINS {
            return Err(format!(
                "EMBED_ORIGINS may have at most {MAX_ORIGINS} origins"
            ));
        }
        Ok(Self(origins))
    }

    /// The origin of a request, if it may embed.
    fn allowed(&self, origin: Option<&str>) -> Option<&str> {
        let origin = origin?;
        let mut origins = self.0.iter();
        origins
            .find(|allowed| *allowed == origin)
            .map(String::as_str)
    }

    /// The headers that let a page of this origin read a response. Empty if it may not.
    pub fn headers(&self, origin: Option<&str>) -> Vec<Header<'_>> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut headers = vec![("Vary", "Origin")];
        if let Some(origin) = self.allowed(origin) {
            headers.extend([
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
                ("Cross-Origin-Resource-Policy", "cross-origin"),
            ]);
        }
        headers
    }

    /// The further headers of the answer to a preflight. `None` if the origin may not embed.
    /// `methods` is the value of `Allow` of the endpoint.
    pub fn preflight<'a>(&self, origin: Option<&str>, methods: &'a str) -> Option<[Header<'a>; 3]> {
        self.allowed(origin)?;
        Some([
            ("Access-Control-Allow-Methods", methods),
            ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
            ("Access-Control-Max-Age", PREFLIGHT_MAX_AGE),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(setting: &str) -> Result<EmbedOrigins, String> {
        EmbedOrigins::from_setting(Some(setting), |text| {
            text.starts_with("https://") && !text.ends_with('/')
        })
    }

    #[test]
    fn only_named_origins_may_read() {
        let origins = origins("https://a.example  https://b.example").unwrap();
        for (origin, allowed) in [
            (Some("https://a.example"), true),
            (Some("https://b.example"), true),
            (Some("https://c.example"), false),
            (Some("https://a.example.evil"), false),
            (Some("null"), false),
            (None, false),
        ] {
            let headers = origins.headers(origin);
            assert_eq!(headers[0], ("Vary", "Origin"));
            assert_eq!(headers.len() > 1, allowed, "{origin:?}");
            assert_eq!(origins.preflight(origin, "GET").is_some(), allowed);
            assert!(
                headers
                    .iter()
                    .all(|(name, _)| !name.contains("Credentials"))
            );
        }
        let nobody = EmbedOrigins::default();
        assert_eq!(nobody.headers(Some("https://a.example")), []);
    }

    #[test]
    fn setting_names_the_wrong_origin() {
        let error = origins("https://a.example https://b.example/").unwrap_err();
        assert!(
            error.starts_with("EMBED_ORIGINS: \"https://b.example/\""),
            "{error}"
        );
    }
}
