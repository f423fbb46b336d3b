//! The client's address, for the token's owner to read. No decision depends on it.

use patrol::authorize::forwarding::AddressHeader;
use std::net::IpAddr;
use web_sys::Headers;

/// Who sent the request to this Worker.
#[derive(Clone, Copy)]
pub(crate) enum Sender {
    /// The client: `CLIENT_ADDRESS_HEADER` holds its address.
    Client,
    /// A proxy that uses forward-auth for a client's request. It names the client in
    /// `X-Forwarded-For`, and the platform may have appended the proxy's own address.
    Proxy,
}

impl Sender {
    /// The client's address. Callers of forward-auth can claim any address.
    pub(crate) fn client_address(
        self,
        headers: &Headers,
        nearest: &AddressHeader,
    ) -> Option<IpAddr> {
        let header = |name| headers.get(name).ok().flatten();
        let nearest: Option<IpAddr> = header(nearest.as_str()).and_then(|ip| ip.parse().ok());
        match self {
            Self::Client => nearest,
            Self::Proxy => {
                let forwarded = header("X-Forwarded-For")?;
                let addresses = forwarded.rsplit(',').map(|ip| ip.trim().parse().ok());
                let mut others = addresses.skip_while(|ip| ip.is_some() && *ip == nearest);
                others.next().flatten().or(nearest)
            }
        }
    }
}
