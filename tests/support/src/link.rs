//! A TCP connection between two processes, with weather.
//!
//! It carries bytes and understands none. Where it is cut, nothing that was sent is lost: it
//! arrives when the cut is over, as TCP would have it, so answers can be as late as the cut is
//! long.

use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// It arrives.
    Fair,
    /// It arrives that much later, each way.
    Late(Duration),
    /// It does not arrive, and no one is told: connections are accepted and stay silent.
    Cut,
    /// What is sent from the beginning arrives, answers do not: the other side does its work in
    /// vain, or is heard much later.
    Deaf,
    /// Connections are reset, old ones and new ones.
    Refused,
}

/// A link from an address of its own to a process that may move.
pub struct Link {
    address: SocketAddr,
    weather: watch::Sender<LinkFault>,
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
        let (weather, feels) = watch::channel(LinkFault::Fair);
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
    pub fn set(&self, weather: LinkFault) {
        self.weather.send_replace(weather);
    }
}

/// One connection.
async fn carry(
    mut client: TcpStream,
    mut weather: watch::Receiver<LinkFault>,
    target: watch::Receiver<Option<u16>>,
) {
    let mut feels = weather.clone();
    let done = async {
        passes(&mut feels, Way::There).await?;
        let port = target.borrow().ok_or(io::ErrorKind::NotConnected)?;
        let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            one_way(Way::There, from_client, to_server, feels.clone()),
            one_way(Way::Back, from_server, to_client, feels.clone()),
        )?;
        io::Result::Ok(())
    };
    let whole = tokio::select! {
        done = done => done.is_ok(),
        _ = weather.wait_for(|weather| *weather == LinkFault::Refused) => false,
    };
    if !whole {
        // A reset rather than an end, which could be taken for the end of an answer.
        let _ = client.set_zero_linger();
    }
}

/// From the beginning of a link, or back to it.
#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

async fn one_way(
    way: Way,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<LinkFault>,
) -> io::Result<()> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        passes(&mut weather, way).await?;
        let late = *weather.borrow();
        if let LinkFault::Late(delay) = late {
            tokio::time::sleep(delay).await;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(chunk.get(..count).unwrap_or_default()).await?;
    }
}

/// Waits until what was sent may arrive.
async fn passes(weather: &mut watch::Receiver<LinkFault>, way: Way) -> io::Result<()> {
    let may_pass = |weather: &LinkFault| match weather {
        LinkFault::Fair | LinkFault::Late(_) => true,
        LinkFault::Deaf => matches!(way, Way::There),
        LinkFault::Cut | LinkFault::Refused => false,
    };
    // The link is gone, and this program with it.
    let gone = |_| io::Error::from(io::ErrorKind::NotConnected);
    weather.wait_for(may_pass).await.map(|_| ()).map_err(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// A link to a server that tells what arrives, and answers each byte with its double.
    async fn link() -> (Link, mpsc::UnboundedReceiver<u8>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, hear) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                while let Ok(byte) = stream.read_u8().await {
                    tell.send(byte).unwrap();
                    stream.write_u8(byte * 2).await.unwrap();
                }
            }
        });
        let link = Link::open().await;
        link.lead_to(Some(port));
        (link, hear)
    }

    #[tokio::test]
    async fn what_is_sent_during_a_cut_arrives_after_it() {
        let (link, mut server) = link().await;
        let mut client = TcpStream::connect(link.address()).await.unwrap();
        client.write_u8(1).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), 2);
        server.recv().await.unwrap();

        link.set(LinkFault::Cut);
        client.write_u8(3).await.unwrap();
        // Another connection, to a link that is not cut: it is done, and nothing has arrived.
        let (other, _server) = self::link().await;
        let mut fair = TcpStream::connect(other.address()).await.unwrap();
        fair.write_u8(5).await.unwrap();
        assert_eq!(fair.read_u8().await.unwrap(), 10);
        assert!(server.try_recv().is_err());

        link.set(LinkFault::Deaf);
        assert_eq!(server.recv().await, Some(3), "there, but not back");
        let mut nothing = [0];
        assert!(client.try_read(&mut nothing).is_err());
        link.set(LinkFault::Fair);
        assert_eq!(client.read_u8().await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_refusal_resets_connections_old_and_new() {
        let (link, _server) = link().await;
        let mut old = TcpStream::connect(link.address()).await.unwrap();
        old.write_u8(1).await.unwrap();
        assert_eq!(old.read_u8().await.unwrap(), 2);
        link.set(LinkFault::Refused);
        assert!(old.read_u8().await.is_err());
        let mut new = TcpStream::connect(link.address()).await.unwrap();
        assert!(new.read_u8().await.is_err());
        link.set(LinkFault::Fair);
        let mut newer = TcpStream::connect(link.address()).await.unwrap();
        newer.write_u8(4).await.unwrap();
        assert_eq!(newer.read_u8().await.unwrap(), 8);
    }
}
