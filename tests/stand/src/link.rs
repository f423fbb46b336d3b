//! A TCP connection between two processes, with weather.
//!
//! It carries bytes and understands none. Where it is cut, nothing that was sent is lost: it
//! arrives when the cut is over, as TCP would have it, so answers can be as late as the cut is
//! long.

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// It arrives.
    Fair,
    /// It does not arrive, and no one is told: connections are accepted and stay silent.
    Cut,
    /// Connections are reset, old ones and new ones.
    Refused,
}

/// A link from an address of its own to a process that may move.
pub struct Link {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    target: watch::Sender<Option<u16>>,
}

impl Link {
    /// A link that leads nowhere yet.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (weather, feels) = watch::channel(Weather::Fair);
        let (target, leads_to) = watch::channel(None);
        tokio::spawn(async move {
            // An error means that the other end is gone already.
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    let (feels, leads_to) = (feels.clone(), leads_to.clone());
                    tokio::spawn(carry(client, feels, leads_to));
                }
            }
        });
        Self {
            address,
            weather,
            target,
        }
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it lead to a port of this machine, or nowhere: then connections are reset.
    pub fn lead_to(&self, port: Option<u16>) {
        self.target.send_replace(port);
    }

    /// Changes the weather, for connections that exist too.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

/// One connection.
async fn carry(
    mut client: TcpStream,
    mut weather: watch::Receiver<Weather>,
    target: watch::Receiver<Option<u16>>,
) {
    let mut feels = weather.clone();
    let done = async {
        fair(&mut feels).await?;
        let port = target.borrow().ok_or(io::ErrorKind::NotConnected)?;
        let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            one_way(from_client, to_server, feels.clone()),
            one_way(from_server, to_client, feels.clone()),
        )?;
        io::Result::Ok(())
    };
    let whole = tokio::select! {
        done = done => done.is_ok(),
        _ = weather.wait_for(|weather| *weather == Weather::Refused) => false,
    };
    if !whole {
        // A reset rather than an end, which could be taken for the end of an answer.
        let _ = client.set_zero_linger();
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        fair(&mut weather).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(chunk.get(..count).unwrap_or_default()).await?;
    }
}

/// Waits until what was sent may arrive.
async fn fair(weather: &mut watch::Receiver<Weather>) -> io::Result<()> {
    let fair = |weather: &Weather| *weather == Weather::Fair;
    // The link is gone, and this program with it.
    let gone = |_| io::Error::from(io::ErrorKind::NotConnected);
    weather.wait_for(fair).await.map(|_| ()).map_err(gone)
}
