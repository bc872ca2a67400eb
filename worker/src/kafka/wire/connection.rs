//! One authenticated connection to one broker.

use super::calls::Call;
use super::error::{WireError, code, describe_code};
use super::reader::{DecodeError, Reader};
use super::sasl::SaslClient;
use super::{Sasl, WireConfig};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, RequestHeader, SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request, StrBytes};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Larger answers than this do not occur for the requests sent here; what looks like one is another protocol.
const MAX_FRAME: usize = 64 * 1024 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection on which requests go one after the other.
pub struct Connection {
    stream: Box<dyn Stream>,
    address: String,
    client_id: StrBytes,
    request_timeout: Duration,
    correlation_id: i32,
    versions: HashMap<i16, (i16, i16)>,
    /// From here on the broker may demand a new login (KIP-368), so a new connection is due.
    renew_at: Option<Instant>,
    /// A request was not answered completely; the stream's position is unknown.
    broken: bool,
}

impl Connection {
    /// Connects, secures, negotiates versions and logs in.
    pub async fn open(host: &str, port: u16, config: &WireConfig) -> Result<Self, WireError> {
        let address = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let limit = config.connect_timeout;
        let connecting = connect(host, port, &address, config);
        let Ok(stream) = timeout(limit, connecting).await else {
            return Err(WireError::Timeout {
                address,
                doing: "connecting",
                after: limit,
            });
        };
        let mut connection = Self {
            stream: stream?,
            address,
            client_id: StrBytes::from_string(config.client_id.clone()),
            request_timeout: config.request_timeout,
            correlation_id: 0,
            versions: HashMap::new(),
            renew_at: None,
            broken: false,
        };
        connection.negotiate().await?;
        if let Some(sasl) = &config.security.sasl {
            connection.log_in(sasl).await?;
        }
        Ok(connection)
    }

    /// `host:port` of the broker.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// False when a new connection has to be opened before the next request.
    pub fn is_usable(&self) -> bool {
        !self.broken && self.renew_at.is_none_or(|at| Instant::now() < at)
    }

    /// Sends a request in the newest common version, which `build` is told, and reads its answer.
    /// An error other than [`WireError::Unsupported`], and dropping the future, make the connection unusable.
    pub async fn call<C: Call>(&mut self, build: impl FnOnce(i16) -> C) -> Result<C::Answer, WireError> {
        let limit = self.request_timeout;
        self.call_within(limit, build).await
    }

    /// As [`call`](Self::call) with another limit than the request timeout.
    pub async fn call_within<C: Call>(
        &mut self,
        limit: Duration,
        build: impl FnOnce(i16) -> C,
    ) -> Result<C::Answer, WireError> {
        let (spoken_min, spoken_max) = C::SPOKEN;
        let (min, max) = self.versions.get(&C::KEY).copied().unwrap_or((0, -1));
        let version = spoken_max.min(C::VERSIONS.max).min(max);
        if version < spoken_min.max(min) {
            return Err(WireError::Unsupported {
                address: self.address.clone(),
                api: C::NAME,
            });
        }
        self.exchange(limit, version, &build(version)).await
    }

    async fn exchange<C: Call>(&mut self, limit: Duration, version: i16, call: &C) -> Result<C::Answer, WireError> {
        if self.broken {
            return Err(self.io_error("an earlier request was not answered"));
        }
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let frame =
            encode(call, version, self.correlation_id, &self.client_id).map_err(|message| WireError::Protocol {
                address: self.address.clone(),
                message: format!("cannot encode {}: {message}", C::NAME),
            })?;

        self.broken = true;
        let Ok(response) = timeout(limit, self.send_and_receive(&frame)).await else {
            return Err(WireError::Timeout {
                address: self.address.clone(),
                doing: C::NAME,
                after: limit,
            });
        };
        let response = response?;
        let answer = self
            .read_response::<C>(&response, version)
            .map_err(|e| WireError::decode(&self.address, C::NAME, &e))?;
        self.broken = false;
        Ok(answer)
    }

    async fn send_and_receive(&mut self, frame: &[u8]) -> Result<Vec<u8>, WireError> {
        self.stream.write_all(frame).await.map_err(|e| self.io_error(e))?;
        self.stream.flush().await.map_err(|e| self.io_error(e))?;
        let size = self.stream.read_i32().await.map_err(|e| self.io_error(e))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_FRAME);
        let Some(size) = size else {
            let message = "its answer does not begin with a plausible length".to_owned();
            return Err(WireError::Protocol {
                address: self.address.clone(),
                message,
            });
        };
        // Grows with what arrives: a bogus length must not reserve memory.
        let mut response = Vec::with_capacity(size.min(64 * 1024));
        let read = (&mut self.stream).take(size as u64).read_to_end(&mut response).await;
        match read.map_err(|e| self.io_error(e))? {
            read if read == size => Ok(response),
            _ => Err(self.io_error("closed in the middle of a response")),
        }
    }

    fn read_response<C: Call>(&self, response: &[u8], version: i16) -> Result<C::Answer, DecodeError> {
        let header_version = <C::Response as HeaderVersion>::header_version(version);
        let Some((header, rest)) = response.split_at_checked(4) else {
            return Err(DecodeError::new("it has no header"));
        };
        let correlation_id = Reader::classic(header).i32()?;
        if correlation_id != self.correlation_id {
            let expected = self.correlation_id;
            return Err(DecodeError::new(format!(
                "it answers request {correlation_id} instead of {expected}"
            )));
        }
        let flexible = version >= C::FLEXIBLE_FROM;
        let mut reader = Reader::with_encoding(rest, flexible);
        if header_version >= 1 {
            reader.tags()?;
        }
        C::read(&mut reader, version)
    }

    async fn negotiate(&mut self) -> Result<(), WireError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("turnbuckle"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let newest = ApiVersionsRequest::SPOKEN.1;
        let answer = match self.exchange(self.request_timeout, newest, &request).await {
            Ok(answer) if answer.error != code::UNSUPPORTED_VERSION => answer,
            // A broker that does not know the version answers with the body of version 0.
            Ok(_) | Err(WireError::Protocol { .. }) => {
                self.broken = false;
                self.exchange(self.request_timeout, 0, &ApiVersionsRequest::default())
                    .await?
            }
            Err(WireError::Io { address, message }) => {
                let message = format!("{message}, before any answer (does security.protocol match this listener?)");
                return Err(WireError::Io { address, message });
            }
            Err(error) => return Err(error),
        };
        if answer.error != 0 {
            return Err(WireError::Broker {
                api: ApiVersionsRequest::NAME,
                code: answer.error,
            });
        }
        self.versions = answer.versions;
        Ok(())
    }

    async fn log_in(&mut self, sasl: &Sasl) -> Result<(), WireError> {
        let mechanism = sasl.mechanism.name();
        let started = Instant::now();
        let offer = self
            .call(|_| SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism)))
            .await?;
        if offer.error != 0 {
            let reason = match offer.mechanisms.join(", ") {
                none if none.is_empty() => {
                    "this listener has no SASL; set security.protocol to PLAINTEXT or SSL".to_owned()
                }
                enabled => format!("the broker has enabled {enabled}; set sasl.mechanism to one of them"),
            };
            return Err(self.refused(mechanism, reason));
        }
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let mut client = SaslClient::new(sasl, nonce);
        let mut token = Vec::new();
        let mut lifetime = 0;
        while let Some(next) = client
            .step(&token)
            .map_err(|message| self.refused(mechanism, message))?
        {
            let answer = self
                .call(|_| SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(next)))
                .await?;
            if answer.error != 0 {
                let reason = answer.message.unwrap_or_else(|| describe_code(answer.error));
                return Err(self.refused(mechanism, reason));
            }
            token = answer.token;
            lifetime = answer.session_lifetime_ms;
        }
        if let Ok(lifetime @ 1..) = u64::try_from(lifetime) {
            // Renewed well before the broker closes the connection at the end of the session.
            self.renew_at = Some(started + Duration::from_millis(lifetime / 10 * 8));
        }
        Ok(())
    }

    fn refused(&self, mechanism: &'static str, message: String) -> WireError {
        WireError::Authentication {
            address: self.address.clone(),
            mechanism,
            message,
        }
    }

    fn io_error(&self, error: impl ToString) -> WireError {
        WireError::Io {
            address: self.address.clone(),
            message: error.to_string(),
        }
    }
}

async fn connect(host: &str, port: u16, address: &str, config: &WireConfig) -> Result<Box<dyn Stream>, WireError> {
    let failed = |e: std::io::Error| WireError::Io {
        address: address.to_owned(),
        message: e.to_string(),
    };
    let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let Some(tls) = &config.security.tls else {
        return Ok(Box::new(stream));
    };
    let Ok(name) = rustls::pki_types::ServerName::try_from(host.to_owned()) else {
        let message = format!("'{host}' cannot be used as a TLS server name");
        return Err(WireError::Io {
            address: address.to_owned(),
            message,
        });
    };
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, stream).await.map_err(|e| WireError::Io {
        address: address.to_owned(),
        message: format!("TLS handshake: {e}"),
    })?;
    Ok(Box::new(stream))
}

/// A whole frame: INT32 size, request header, request.
fn encode<C: Call>(call: &C, version: i16, correlation_id: i32, client_id: &StrBytes) -> Result<BytesMut, String> {
    let header = RequestHeader::default()
        .with_request_api_key(<C as Request>::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(client_id.clone()));
    let mut frame = BytesMut::with_capacity(512);
    frame.put_i32(0);
    header
        .encode(&mut frame, <C as HeaderVersion>::header_version(version))
        .map_err(|e| e.to_string())?;
    call.encode(&mut frame, version).map_err(|e| e.to_string())?;
    let size = i32::try_from(frame.len() - 4).map_err(|_| "the request is too large".to_owned())?;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame)
}

#[cfg(test)]
mod tests;
