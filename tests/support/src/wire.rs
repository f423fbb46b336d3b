//! Requests byte by byte, for what a well-behaved client would not send: it resolves dots in
//! a path, joins headers and ends what it began.

use crate::system::{System, in_time};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection to the edge.
pub struct Wire(TcpStream);

impl Wire {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn to(system: &System) -> Self {
        let address = system.base.trim_start_matches("http://");
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    /// Sends the head of a request, and nothing after it. Each header ends in CRLF.
    ///
    /// # Panics
    /// When the edge hangs up.
    pub async fn head(&mut self, method: &str, target: &str, headers: &str) {
        let host = "Host: 127.0.0.1\r\n";
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\n{host}{headers}\r\n"
        ))
        .await;
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the edge hangs up.
    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("sent");
    }

    /// Reads until the answer contains a text or is over; gives what came.
    pub async fn read_until(&mut self, text: &str) -> Reply {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let all = String::from_utf8_lossy(&bytes);
            if !text.is_empty() && all.contains(text) {
                return Reply(all.into_owned());
            }
            match in_time("more of the answer", self.0.read(&mut chunk)).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&chunk[..count]),
                Ok(0) | Err(_) => return Reply(all.into_owned()),
            }
        }
    }
}

/// The text of an answer.
pub struct Reply(String);

impl Reply {
    /// HTTP status; 0 when there was no answer.
    pub fn status(&self) -> u16 {
        let status = self
            .0
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        status
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// Is the text in it?
    pub fn contains(&self, text: &str) -> bool {
        self.0.contains(text)
    }
}

/// Sends one request without a body and reads the whole answer.
pub async fn exchange(system: &System, method: &str, target: &str, headers: &str) -> Reply {
    let mut wire = Wire::to(system).await;
    wire.head(method, target, &format!("{headers}Connection: close\r\n"))
        .await;
    wire.read_until("").await
}
