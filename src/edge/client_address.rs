//! The client's address, for the token's owner to read. No decision depends on it.

use patrol::authorize::{decision::Forwarder, forwarding::AddressHeader};
use std::net::IpAddr;
use web_sys::Headers;

/// The client's address. `nearest` is the header with the address of whoever sent the request to
/// this Worker. A proxy that uses forward-auth names the client in `X-Forwarded-For`, and the
/// platform may have appended the proxy's own address; callers of forward-auth can claim any.
pub(crate) fn client_address(
    forwarder: Forwarder,
    headers: &Headers,
    nearest: &AddressHeader,
) -> Option<IpAddr> {
    let header = |name| headers.get(name).ok().flatten();
    let nearest: Option<IpAddr> = header(nearest.as_str()).and_then(|ip| ip.parse().ok());
    match forwarder {
        Forwarder::Edge => nearest,
        Forwarder::Proxy => {
            let list = header("X-Forwarded-For")?;
            let addresses = list.rsplit(',').map(|ip| ip.trim().parse().ok());
            let mut others = addresses.skip_while(|ip| ip.is_some() && *ip == nearest);
            others.next().flatten().or(nearest)
        }
    }
}
