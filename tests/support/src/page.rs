//! The files of the page, in place of the platform's own file server.
//!
//! Left out: `ETag`, so browsers load files anew that they could keep.

use axum::Router;
use std::{net::SocketAddr, path::Path};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

/// Serves the files of a folder until the test process ends.
///
/// # Panics
/// If no port is free.
pub async fn serve(folder: &Path) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.expect("no port is free");
    let address = listener.local_addr().expect("no address");
    let router = Router::new().fallback_service(ServeDir::new(folder));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
