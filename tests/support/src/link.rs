//! A TCP proxy between two processes, with the faults that a network may have.
//!
//! It forwards bytes and understands none of them. A partition loses nothing: as with TCP, what was
//! sent arrives when the partition ends, so a response can be as late as the partition is long.

use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The fault of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// Bytes arrive at once.
    None,
    /// Bytes arrive after this time, in each direction.
    Delayed(Duration),
    /// Bytes arrive in neither direction. Connections are accepted and stay silent.
    Partitioned,
    /// Requests arrive, responses do not: the server does its work and the client never learns of
    /// it, or much later.
    OneWay,
    /// Connections are reset, open ones and new ones.
    Reset,
}

/// A link from a fixed address to a process whose port may change.
pub struct Link {
    address: SocketAddr,
    fault: watch::Sender<LinkFault>,
    target: watch::Sender<Option<u16>>,
}

impl Link {
    /// Starts a link without a target.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no port is free");
        let address = listener.local_addr().expect("no address");
        let (fault, fault_now) = watch::channel(LinkFault::None);
        let (target, target_now) = watch::channel(None);
        tokio::spawn(async move {
            // An error means that the client has gone away already.
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, fault_now.clone(), target_now.clone()));
                }
            }
        });
        Self {
            address,
            fault,
            target,
        }
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the port that new connections lead to. Without one they are reset.
    pub fn set_target(&self, port: Option<u16>) {
        self.target.send_replace(port);
    }

    /// Changes what is wrong from now on, for open connections too.
    pub fn set_fault(&self, fault: LinkFault) {
        self.fault.send_replace(fault);
    }
}

/// Forwards one connection.
async fn carry(
    mut client: TcpStream,
    mut fault: watch::Receiver<LinkFault>,
    target: watch::Receiver<Option<u16>>,
) {
    let mut fault_now = fault.clone();
    let forward = async {
        wait_until_open(&mut fault_now, Direction::Request).await?;
        let port = target.borrow().ok_or(io::ErrorKind::NotConnected)?;
        let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            forward_one_way(
                Direction::Request,
                from_client,
                to_server,
                fault_now.clone()
            ),
            forward_one_way(
                Direction::Response,
                from_server,
                to_client,
                fault_now.clone()
            ),
        )?;
        io::Result::Ok(())
    };
    let is_complete = tokio::select! {
        result = forward => result.is_ok(),
        _ = fault.wait_for(|fault| *fault == LinkFault::Reset) => false,
    };
    if !is_complete {
        // A reset, as a plain close could be taken for the end of a response.
        let _ = client.set_zero_linger();
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Request,
    Response,
}

async fn forward_one_way(
    direction: Direction,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut fault: watch::Receiver<LinkFault>,
) -> io::Result<()> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        wait_until_open(&mut fault, direction).await?;
        let current = *fault.borrow();
        if let LinkFault::Delayed(delay) = current {
            tokio::time::sleep(delay).await;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(chunk.get(..count).unwrap_or_default()).await?;
    }
}

/// Waits until bytes may arrive.
async fn wait_until_open(
    fault: &mut watch::Receiver<LinkFault>,
    direction: Direction,
) -> io::Result<()> {
    let is_open = |fault: &LinkFault| match fault {
        LinkFault::None | LinkFault::Delayed(_) => true,
        LinkFault::OneWay => matches!(direction, Direction::Request),
        LinkFault::Partitioned | LinkFault::Reset => false,
    };
    // The link was dropped: the program is ending.
    let gone = |_| io::Error::from(io::ErrorKind::NotConnected);
    fault.wait_for(is_open).await.map(|_| ()).map_err(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// A link to a server that reports the bytes that arrive and sends back their doubles.
    async fn link() -> (Link, mpsc::UnboundedReceiver<u8>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (arrived, arrivals) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                while let Ok(byte) = stream.read_u8().await {
                    arrived.send(byte).unwrap();
                    stream.write_u8(byte * 2).await.unwrap();
                }
            }
        });
        let link = Link::start().await;
        link.set_target(Some(port));
        (link, arrivals)
    }

    #[tokio::test]
    async fn link_delivers_after_a_partition_what_was_sent_during_it() {
        let (link, mut server) = link().await;
        let mut client = TcpStream::connect(link.address()).await.unwrap();
        client.write_u8(1).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), 2);
        server.recv().await.unwrap();

        link.set_fault(LinkFault::Partitioned);
        client.write_u8(3).await.unwrap();
        // A round trip over another link takes longer than a delivery over this one would.
        let (other, _server) = self::link().await;
        let mut healthy = TcpStream::connect(other.address()).await.unwrap();
        healthy.write_u8(5).await.unwrap();
        assert_eq!(healthy.read_u8().await.unwrap(), 10);
        assert!(server.try_recv().is_err());

        link.set_fault(LinkFault::OneWay);
        assert_eq!(server.recv().await, Some(3), "the request arrives");
        let mut byte = [0];
        assert!(client.try_read(&mut byte).is_err());
        link.set_fault(LinkFault::None);
        assert_eq!(client.read_u8().await.unwrap(), 6);
    }

    #[tokio::test]
    async fn link_resets_open_and_new_connections() {
        let (link, _server) = link().await;
        let mut old = TcpStream::connect(link.address()).await.unwrap();
        old.write_u8(1).await.unwrap();
        assert_eq!(old.read_u8().await.unwrap(), 2);
        link.set_fault(LinkFault::Reset);
        assert!(old.read_u8().await.is_err());
        let mut new = TcpStream::connect(link.address()).await.unwrap();
        assert!(new.read_u8().await.is_err());
        link.set_fault(LinkFault::None);
        let mut newer = TcpStream::connect(link.address()).await.unwrap();
        newer.write_u8(4).await.unwrap();
        assert_eq!(newer.read_u8().await.unwrap(), 8);
    }
}
