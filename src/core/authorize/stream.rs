//! Open connections: how long they may live, and how they end.
//!
//! A stream, a socket, a long upload or download lives no longer than its token is known to be good
//! ([`Validator::validity`](super::validator::Validator::validity)). From then on no byte flows. The
//! edge asks again; if the token is dead, the connection ends at once, and if its status cannot be
//! known in [`PATIENCE`], it ends too.
//!
//! Left out: connections behind forward-auth. The edge is not on their path.

use super::decision::Denial;
use std::ops::RangeInclusive;

/// The longest body that is not watched, in bytes. A shorter one is sent in one piece.
pub const SHORT_BODY: u64 = 64 * 1024;

/// The most watched connections of an isolate. Each may hold a piece of a body in each direction.
pub const MAX_STREAMS: u32 = 1_000;

/// How long a connection may stand still because the status of its token is unknown, in
/// milliseconds.
pub const PATIENCE: u64 = 5_000;

/// The permitted values of `STREAM_MAX_SECONDS`. A connection renews leases for all others of its
/// isolate, up to two a second, and the platform allows one request 10,000 calls.
pub const MAX_SECONDS: RangeInclusive<u64> = 1..=3_600;

/// The most bytes that wait on a socket whose reader is slow. A socket cannot be slowed down.
pub const MAX_SOCKET_BACKLOG: u64 = 4 * 1024 * 1024;

/// The WebSocket close code of a connection whose token is dead (RFC 6455, section 7.4.2). The reason
/// is the problem's code.
pub const CLOSE_DENIED: u16 = 4401;

/// The WebSocket close code of a connection whose token's status is unknown.
pub const CLOSE_UNAVAILABLE: u16 = 4503;

/// The denial for which a connection was ended, by the code of its problem. Another reason has none:
/// the client may try again.
pub fn denial(code: &str) -> Denial {
    let deaths = [
        Denial::SignatureInvalid,
        Denial::TokenExpired,
        Denial::TokenRevoked,
        Denial::TokenSuspended,
    ];
    deaths
        .into_iter()
        .find(|death| death.code().as_str() == code)
        .unwrap_or(Denial::RevocationUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_that_for_which_the_connection_was_ended() {
        for denied in [
            Denial::SignatureInvalid,
            Denial::TokenExpired,
            Denial::TokenRevoked,
            Denial::TokenSuspended,
            Denial::RevocationUnavailable,
        ] {
            assert_eq!(denial(denied.code().as_str()), denied);
        }
        assert_eq!(denial("stream-too-old"), Denial::RevocationUnavailable);
    }
}
