//! Which headers of an allowed request the upstream gets.
//!
//! It gets everything but what was meant for the edge (the token, the session), what speaks of
//! one connection only, and what only the edge may say (who calls).

/// What becomes of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It goes on as it is.
    Pass,
    /// It ends here.
    Withhold,
    /// It ends here, and so do the headers that its value names ([`named_by`]).
    Connection,
    /// It goes on only where it asks for WebSocket, which the runtime carries through.
    Upgrade,
    /// It goes on without the session ([`crate::session::without_session`]).
    Cookie,
}

/// Headers that begin like this tell the upstream who calls; nobody else may send them.
const IDENTITY_PREFIX: &str = "x-patrol-";

/// What becomes of the header of that name, which is in small letters.
pub fn treatment(name: &str) -> Treatment {
    match name {
        "connection" => Treatment::Connection,
        "upgrade" => Treatment::Upgrade,
        "cookie" => Treatment::Cookie,
        // The first is the token; the others speak of one connection only (RFC 9110, section
        // 7.6.1).
        "authorization"
        | "keep-alive"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "proxy-connection"
        | "te"
        | "trailer"
        | "transfer-encoding" => Treatment::Withhold,
        _ if is_identity(name) => Treatment::Withhold,
        _ => Treatment::Pass,
    }
}

/// Servers in the manner of CGI read `x_patrol_subject` as the same name.
fn is_identity(name: &str) -> bool {
    let bytes = name
        .bytes()
        .map(|byte| if byte == b'_' { b'-' } else { byte });
    bytes
        .take(IDENTITY_PREFIX.len())
        .eq(IDENTITY_PREFIX.bytes())
}

/// The headers that a `Connection` header names, but for `Upgrade`, which has its own rule.
pub fn named_by(connection: &str) -> impl Iterator<Item = &str> {
    let names = connection.split(',').map(str::trim);
    names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_gets_what_is_its_business() {
        for (name, expected) in [
            ("accept", Treatment::Pass),
            ("x-organization-id", Treatment::Pass),
            ("x-patrolled", Treatment::Pass),
            ("x-patrol", Treatment::Pass),
            ("authorization", Treatment::Withhold),
            ("te", Treatment::Withhold),
            ("x-patrol-subject", Treatment::Withhold),
            ("x-patrol-", Treatment::Withhold),
            ("x-patrol-anything-to-come", Treatment::Withhold),
            ("x_patrol_subject", Treatment::Withhold),
            ("x-patrol_scopes", Treatment::Withhold),
            ("connection", Treatment::Connection),
            ("upgrade", Treatment::Upgrade),
            ("cookie", Treatment::Cookie),
        ] {
            assert_eq!(treatment(name), expected, "{name}");
        }
    }

    #[test]
    fn a_connection_header_names_headers() {
        let names = |value| named_by(value).collect::<Vec<_>>();
        assert_eq!(names("keep-alive"), ["keep-alive"]);
        assert_eq!(names("X-Hop , Upgrade,,x-other"), ["X-Hop", "x-other"]);
        assert!(names("").is_empty());
    }
}
