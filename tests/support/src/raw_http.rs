//! HTTP requests byte by byte.
//!
//! A well-behaved client resolves dots in a path, joins repeated headers and finishes what it
//! sends. Tests of the edge need requests that do none of that.

use crate::wait::with_timeout;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A TCP connection to the edge.
pub struct RawConnection(TcpStream);

impl RawConnection {
    /// Connects to an `http://` URL without a path.
    ///
    /// # Panics
    /// If nothing listens there.
    pub async fn open(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        Self(TcpStream::connect(address).await.expect("cannot connect"))
    }

    /// Sends the head of a request, and nothing after it. Each header must end in CRLF.
    ///
    /// # Panics
    /// If the edge has closed the connection.
    pub async fn send_head(&mut self, method: &str, target: &str, headers: &str) {
        let host = "Host: 127.0.0.1\r\n";
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\n{host}{headers}\r\n"
        ))
        .await;
    }

    /// Sends text as it is.
    ///
    /// # Panics
    /// If the edge has closed the connection.
    pub async fn send(&mut self, text: &str) {
        self.0
            .write_all(text.as_bytes())
            .await
            .expect("cannot send");
    }

    /// Reads to the end, and counts the bytes.
    ///
    /// # Panics
    /// If the response does not end.
    pub async fn count_to_end(&mut self) -> usize {
        let mut total = 0;
        let mut chunk = vec![0; 64 * 1024];
        with_timeout("the end of the response", async {
            while let Ok(count @ 1..) = self.0.read(&mut chunk).await {
                total += count;
            }
        })
        .await;
        total
    }

    /// Reads until the response contains `text` or ends.
    ///
    /// # Panics
    /// If it goes on without that text.
    pub async fn read_until(&mut self, text: &str) -> RawResponse {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let has_text =
            |bytes: &[u8]| !text.is_empty() && String::from_utf8_lossy(bytes).contains(text);
        with_timeout("more of the response", async {
            while !has_text(&bytes)
                && let Ok(count @ 1..) = self.0.read(&mut chunk).await
            {
                bytes.extend_from_slice(&chunk[..count]);
            }
        })
        .await;
        RawResponse(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The text of a response: head and body.
pub struct RawResponse(String);

impl RawResponse {
    /// The HTTP status; 0 if there was no response.
    pub fn status(&self) -> u16 {
        let status = self
            .0
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        status
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// The body, if it is a JSON object in one chunk.
    pub fn json(&self) -> Option<Value> {
        let (_, body) = self.0.split_once("\r\n\r\n")?;
        let object = body.get(body.find('{')?..=body.rfind('}')?)?;
        serde_json::from_str(object).ok()
    }

    /// Status line and headers.
    pub fn head(&self) -> &str {
        self.0.split("\r\n\r\n").next().unwrap_or_default()
    }

    /// Whether head or body contains the text.
    pub fn contains(&self, text: &str) -> bool {
        self.0.contains(text)
    }
}

/// Sends a request without a body and reads the whole response.
pub async fn send_raw(url: &str, method: &str, target: &str, headers: &str) -> RawResponse {
    let mut connection = RawConnection::open(url).await;
    let headers = format!("{headers}Connection: close\r\n");
    connection.send_head(method, target, &headers).await;
    connection.read_until("").await
}
