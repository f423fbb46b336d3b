//! Reads the headers that name the client.

use patrol::authorize::{client_address, decision::Forwarder, forwarding::AddressHeader};
use std::net::IpAddr;
use web_sys::Headers;

/// The client's address. `nearest` is the header of the setting `CLIENT_ADDRESS_HEADER`.
pub(crate) fn client_address(
    forwarder: Forwarder,
    headers: &Headers,
    nearest: &AddressHeader,
) -> Option<IpAddr> {
    let header = |name| headers.get(name).ok().flatten();
    client_address::client_address(
        forwarder,
        header(nearest.as_str()).as_deref(),
        header("X-Forwarded-For").as_deref(),
    )
}
