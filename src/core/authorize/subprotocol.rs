//! A token among the subprotocols of a WebSocket handshake (RFC 6455, section 1.9).
//!
//! A browser cannot set headers of a handshake, only the protocols that it offers. It offers two of
//! ours: one with the token, and [`SELECTED`]. The upstream gets neither. A browser closes a
//! connection for which none of its protocols is selected, so if the upstream selects none, the edge
//! answers [`SELECTED`], never the one with the token.

/// The header of a handshake with the protocols that the client offers, and of its response with
/// the one that the server selects (RFC 6455, section 11.3.4).
pub const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The protocol that the edge selects.
pub const SELECTED: &str = "patrol";

/// What comes before the token.
const TOKEN: &str = "patrol.token.";

/// Why a token cannot be taken from the subprotocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubprotocolError {
    /// More than one has a token.
    Several,
    /// [`SELECTED`] is not offered, so the connection would fail.
    Alone,
}

fn all(offered: &str) -> impl Iterator<Item = &str> {
    offered
        .split(',')
        .map(|protocol| protocol.trim_matches([' ', '\t']))
}

/// The token among the offered protocols, as sent.
///
/// # Errors
/// [`SubprotocolError`].
pub fn token(offered: &str) -> Result<Option<&str>, SubprotocolError> {
    let mut tokens = all(offered).filter_map(|protocol| protocol.strip_prefix(TOKEN));
    let Some(token) = tokens.next() else {
        return Ok(None);
    };
    if tokens.next().is_some() {
        return Err(SubprotocolError::Several);
    }
    let is_selectable = all(offered).any(|protocol| protocol == SELECTED);
    is_selectable
        .then_some(Some(token))
        .ok_or(SubprotocolError::Alone)
}

/// Whether one of the offered protocols has a token.
pub fn has_token(offered: &str) -> bool {
    all(offered).any(|protocol| protocol.starts_with(TOKEN))
}

/// The offered protocols without ours. `None`: none is left. Without a token they stay as they are,
/// [`SELECTED`] included: then it is the upstream's.
pub fn without_token(offered: &str) -> Option<String> {
    if !has_token(offered) {
        return Some(offered.to_owned());
    }
    let others = all(offered)
        .filter(|protocol| *protocol != SELECTED && !protocol.starts_with(TOKEN))
        .collect::<Vec<_>>();
    (!others.is_empty()).then(|| others.join(", "))
}

/// The protocol to select if the upstream selects none.
pub fn selected(offered: &str) -> Option<&'static str> {
    matches!(token(offered), Ok(Some(_))).then_some(SELECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subprotocols_of_the_edge_end_at_the_edge() {
        for (offered, found, rest) in [
            ("patrol, patrol.token.a.b", Ok(Some("a.b")), None),
            ("patrol.token.a,patrol", Ok(Some("a")), None),
            (
                "mqtt ,patrol\t, patrol.token.a, x",
                Ok(Some("a")),
                Some("mqtt, x"),
            ),
            ("patrol, patrol.token.", Ok(Some("")), None),
            ("mqtt", Ok(None), Some("mqtt")),
            ("patrol, mqtt", Ok(None), Some("patrol, mqtt")),
            ("Patrol.Token.a", Ok(None), Some("Patrol.Token.a")),
            (
                "patrol.token.a, mqtt",
                Err(SubprotocolError::Alone),
                Some("mqtt"),
            ),
            (
                "patrol, patrol.token.a, patrol.token.a",
                Err(SubprotocolError::Several),
                None,
            ),
        ] {
            assert_eq!(token(offered), found, "{offered}");
            assert_eq!(without_token(offered).as_deref(), rest, "{offered}");
            let expected = matches!(found, Ok(Some(_))).then_some(SELECTED);
            assert_eq!(selected(offered), expected, "{offered}");
        }
    }
}
