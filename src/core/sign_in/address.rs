//! Addresses of other parties: https, or http on this machine.
//!
//! An address goes into a redirect or is fetched, so it must mean the same to everyone who reads it.
//! This accepts only spellings that every parser reads alike.

use crate::session::is_loopback;
use std::fmt;

/// The longest address, in bytes.
const MAX_LENGTH: usize = 2048;

/// An absolute https URL, or an http URL on loopback. It may have a query, but no user and no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// The text is no [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an address like https://login.example.com/path, with https unless it is on loopback",
        )
    }
}

impl std::error::Error for InvalidAddress {}

impl Address {
    /// Checks an address.
    ///
    /// # Errors
    /// [`InvalidAddress`].
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        Self::checked(text).ok_or(InvalidAddress)
    }

    fn checked(text: &str) -> Option<Self> {
        let in_urls = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        if text.len() > MAX_LENGTH || !text.bytes().all(in_urls) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?']).next()?;
        let host_length = match authority.strip_prefix('[') {
            Some(rest) => rest.find(']')? + 2,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at_checked(host_length)?;
        let port = port.strip_prefix(':').unwrap_or(port);
        let in_hosts = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let in_ipv6 = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        let good_host = match host.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
            Some(ip) => ip.bytes().all(in_ipv6),
            None => host.bytes().all(in_hosts) && !host.starts_with(['.', '-']),
        };
        let good_port = port.is_empty() && authority.len() == host_length
            || port
                .parse()
                .is_ok_and(|port: u16| port > 0 && !authority.contains('+'));
        let safe = scheme == "https" || scheme == "http" && is_loopback(host);
        (safe && !host.is_empty() && good_host && good_port).then(|| Self(text.to_owned()))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with parameters at the end of its query (RFC 6749, section 3.1).
    pub fn with_query(&self, parameters: &[(&str, &str)]) -> String {
        let mut text = self.0.clone();
        let start = text.find('?').map_or_else(
            || {
                text.push('?');
                text.len()
            },
            |at| at + 1,
        );
        form_urlencoded::Serializer::for_suffix(text, start)
            .extend_pairs(parameters)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_has_one_reading() {
        for good in [
            "https://idp.example",
            "https://idp.example/",
            "https://idp.example:8443/realms/a?b=c",
            "https://IDP.example/%7Ea",
            "http://127.0.0.1:8960/x",
            "http://localhost/x",
            "http://[::1]:8960",
            "https://[2001:db8::1]/x",
        ] {
            assert_eq!(Address::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "idp.example",
            "//idp.example",
            "http://idp.example",
            "http://127.0.0.1.idp.example",
            "http://localhost@idp.example/",
            "https://user@idp.example",
            "https://idp.example/#x",
            "https://idp.example\\@evil.example",
            "https://idp.example\\.evil.example/",
            "https://idp.example /",
            "https://idp.example/\n",
            "https://ídp.example/",
            "https://",
            "https:///x",
            "https://?x",
            "https://idp.example:",
            "https://idp.example:0",
            "https://idp.example:+1",
            "https://idp.example:70000",
            "https://idp.example:443:1",
            "https://[::1",
            "https://[::1]x",
            "https://%69dp.example",
            "javascript://idp.example/",
            "HTTPS://idp.example",
            "ftp://127.0.0.1",
            &format!("https://idp.example/{}", "x".repeat(MAX_LENGTH)),
        ] {
            assert_eq!(Address::parse(bad), Err(InvalidAddress), "{bad}");
        }
    }

    #[test]
    fn parameters_follow_the_query_that_an_endpoint_has() {
        let query = |text: &str| {
            let address = Address::parse(text).unwrap();
            address.with_query(&[("a", "b c"), ("d", "&=+%/ä")])
        };
        let added = "a=b+c&d=%26%3D%2B%25%2F%C3%A4";
        for (address, start) in [
            ("https://i.example/x", "https://i.example/x?"),
            ("https://i.example", "https://i.example?"),
            ("https://i.example/x?", "https://i.example/x?"),
            ("https://i.example/x?p=1", "https://i.example/x?p=1&"),
        ] {
            assert_eq!(query(address), format!("{start}{added}"));
        }
    }
}
