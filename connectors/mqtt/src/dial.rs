//! Opens sockets: each call takes the next of the configured brokers, over TLS where its address says so.

use crate::config::ConnectionSettings;
use crate::tls;
use crate::uri::ServerUri;
use rustls_pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use turnbuckle_api::Result;

/// Dials brokers in turn.
#[derive(Clone)]
pub(crate) struct Dialer {
    servers: Arc<[ServerUri]>,
    next: Arc<AtomicUsize>,
    /// None if no address is secure.
    tls: Option<TlsConnector>,
}

impl Dialer {
    /// # Errors
    /// `ConfigException` for an address or a store that can't be used.
    pub(crate) fn new(settings: &ConnectionSettings) -> Result<Self> {
        let servers = settings.servers()?;
        let tls = match servers.iter().any(|server| server.secure) {
            true => Some(TlsConnector::from(Arc::new(tls::client_config(settings)?))),
            false => None,
        };
        Ok(Dialer {
            servers: servers.into(),
            next: Arc::default(),
            tls,
        })
    }

    /// The brokers, for messages.
    pub(crate) fn servers(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        servers.join(", ")
    }

    /// Connects to the next broker. Errors name it.
    pub(crate) async fn dial(&self) -> io::Result<Socket> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(server) = self.servers.get(turn % self.servers.len().max(1)) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "there is no broker to connect to",
            ));
        };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{server}: {error}"));
        let stream = TcpStream::connect(server.address()).await.map_err(named)?;
        stream.set_nodelay(true).map_err(named)?;
        match &self.tls {
            Some(tls) if server.secure => {
                let name = ServerName::try_from(server.host.clone())
                    .map_err(|error| named(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
                let secured = tls.connect(name, stream).await.map_err(named)?;
                Ok(Socket::Secure(Box::new(secured)))
            }
            _ => Ok(Socket::Plain(stream)),
        }
    }
}

/// A connection to a broker.
pub(crate) enum Socket {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Secure(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Secure(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(context),
            Socket::Secure(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Secure(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
