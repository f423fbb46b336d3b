//! The client's address, for the token's owner to read. No decision depends on it.

use super::decision::Forwarder;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Returns the client's address. `nearest` is the value of the header with the address of whoever
/// sent the request to the edge. A proxy that uses forward-auth names the client in
/// `X-Forwarded-For`, and the platform may have appended the proxy's own address; callers of
/// forward-auth can claim any.
pub fn client_address(
    forwarder: Forwarder,
    nearest: Option<&str>,
    forwarded_for: Option<&str>,
) -> Option<IpAddr> {
    let nearest = nearest.and_then(parse);
    match forwarder {
        Forwarder::Edge => nearest,
        Forwarder::Proxy(_) => {
            let addresses = forwarded_for?.rsplit(',').map(parse);
            let mut others = addresses.skip_while(|ip| ip.is_some() && *ip == nearest);
            others.next().flatten().or(nearest)
        }
    }
}

/// Reads one address as proxies write it: perhaps quoted, with a port, an IPv6 address in brackets or
/// with a zone (RFC 7239, section 6; RFC 4007, section 11). An IPv4 address in the form of IPv6 is
/// returned as IPv4. Zone and port are dropped: they say nothing about the client.
pub fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let text = match text.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => text,
    };
    let address = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, after) = bracketed.split_once(']')?;
            let port = after.strip_prefix(':');
            if !after.is_empty() && !port.is_some_and(is_port) {
                return None;
            }
            without_zone(address)?.parse::<Ipv6Addr>().ok()?.into()
        }
        None => match text.parse::<SocketAddr>() {
            Ok(SocketAddr::V4(address)) => (*address.ip()).into(),
            _ => without_zone(text)?.parse::<IpAddr>().ok()?,
        },
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Removes the zone of an IPv6 address. `None`: it is empty.
fn without_zone(text: &str) -> Option<&str> {
    match text.split_once('%') {
        Some((address, zone)) if address.contains(':') => (!zone.is_empty()).then_some(address),
        _ => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Dialect;

    #[test]
    fn parse_reads_addresses_as_proxies_write_them() {
        for (text, expected) in [
            ("203.0.113.7", Some("203.0.113.7")),
            (" 203.0.113.7\t", Some("203.0.113.7")),
            ("203.0.113.7:4711", Some("203.0.113.7")),
            ("\"203.0.113.7:4711\"", Some("203.0.113.7")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("2001:DB8:0::0:1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("\"[2001:db8::1]\"", Some("2001:db8::1")),
            ("\"[2001:db8::1]:443\"", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[fe80::1%25eth0]:443", Some("fe80::1")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("[::ffff:203.0.113.7]:443", Some("203.0.113.7")),
            ("", None),
            ("unknown", None),
            ("_hidden", None),
            ("203.0.113", None),
            ("203.0.113.7.", None),
            ("203.0.113.7:", None),
            ("203.0.113.7:65536", None),
            ("203.0.113.7:80:80", None),
            ("203.0.113.7%eth0", None),
            ("203.0.113.7 x", None),
            ("[203.0.113.7]", None),
            ("[2001:db8::1", None),
            ("2001:db8::1]", None),
            ("[2001:db8::1]443", None),
            ("[2001:db8::1]:", None),
            ("[2001:db8::1]:+1", None),
            ("[[2001:db8::1]]", None),
            ("\"203.0.113.7", None),
            ("203.0.113.7\"", None),
            ("fe80::1%", None),
            ("api.example.com:80", None),
        ] {
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn client_of_a_proxy_is_the_last_other_address() {
        let proxy = Forwarder::Proxy(Dialect::Forwarded);
        for (forwarder, nearest, list, expected) in [
            (
                Forwarder::Edge,
                Some("192.0.2.1:80"),
                Some("203.0.113.7"),
                Some("192.0.2.1"),
            ),
            (Forwarder::Edge, None, Some("203.0.113.7"), None),
            (
                proxy,
                Some("192.0.2.1"),
                Some("203.0.113.7"),
                Some("203.0.113.7"),
            ),
            (
                proxy,
                Some("192.0.2.1"),
                Some("203.0.113.7:4711, 192.0.2.1:80"),
                Some("203.0.113.7"),
            ),
            (
                proxy,
                Some("192.0.2.1"),
                Some("[2001:db8::1]:443,\"[::ffff:192.0.2.1]\""),
                Some("2001:db8::1"),
            ),
            (
                proxy,
                Some("192.0.2.1"),
                Some("198.51.100.9, 203.0.113.7"),
                Some("203.0.113.7"),
            ),
            (
                proxy,
                Some("192.0.2.1"),
                Some("203.0.113.7, unknown"),
                Some("192.0.2.1"),
            ),
            (
                proxy,
                Some("192.0.2.1"),
                Some("192.0.2.1"),
                Some("192.0.2.1"),
            ),
            (proxy, Some("192.0.2.1"), None, None),
            (proxy, None, Some("203.0.113.7"), Some("203.0.113.7")),
            (proxy, None, Some("unknown"), None),
        ] {
            let expected = expected.map(|address| address.parse().unwrap());
            let found = client_address(forwarder, nearest, list);
            assert_eq!(found, expected, "{nearest:?} {list:?}");
        }
    }
}
