//! HTTP to the nodes of a cluster: addresses in turn, login, proxy, TLS, time-outs, compression.

use crate::config::{Connection, Proxy};
use crate::error::Failure;
use crate::tls;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use turnbuckle_api::{Error, Result};

/// Speaks to the nodes of one cluster. Cloning shares the connections.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Addresses without a slash at the end.
    nodes: Vec<Url>,
    /// Which node is next.
    turn: AtomicUsize,
    login: Option<HeaderValue>,
    compression: bool,
}

/// A request's body, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    content_type: &'static str,
    gzip: bool,
}

impl Body {
    /// Lines of JSON, each with its line end.
    pub(crate) fn lines(bytes: impl Into<Bytes>) -> Self {
        Body {
            bytes: bytes.into(),
            content_type: "application/x-ndjson",
            gzip: false,
        }
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Body {
            bytes: value.to_string().into(),
            content_type: "application/json",
            gzip: false,
        }
    }
}

impl Client {
    /// # Errors
    /// `ConfigException` for addresses, stores or a proxy that can't be used.
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let nodes = nodes(&connection.urls, connection.tls.required)?;
        let secure = nodes.iter().any(|node| node.scheme() == "https");
        let mut builder = reqwest::Client::builder()
            .use_preconfigured_tls(tls::client_config(&connection.tls, secure)?)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(connection.idle_timeout)
            .tcp_nodelay(true);
        if let Some(timeout) = connection.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(timeout) = connection.read_timeout {
            builder = builder.read_timeout(timeout);
        }
        builder = match &connection.proxy {
            Some(settings) => builder.proxy(proxy(settings)?),
            None => builder.no_proxy(),
        };
        let http = builder
            .build()
            .map_err(|error| Error::config(format!("The HTTP client can't be made: {error}")))?;
        let login = match &connection.login {
            Some((user, password)) => Some(basic(user, password.reveal())?),
            None => None,
        };
        Ok(Client {
            http,
            nodes,
            turn: AtomicUsize::new(0),
            login,
            compression: connection.compression,
        })
    }

    /// Compresses a body if the configuration asks for it.
    ///
    /// # Errors
    /// `ConnectException` if the process is ending.
    pub(crate) async fn prepare(&self, body: Body) -> Result<Body> {
        if !self.compression {
            return Ok(body);
        }
        let compressed = tokio::task::spawn_blocking(move || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(body.bytes.len() / 4), Compression::fast());
            encoder.write_all(&body.bytes)?;
            Ok::<_, std::io::Error>(Body {
                bytes: encoder.finish()?.into(),
                gzip: true,
                ..body
            })
        });
        match compressed.await {
            Ok(body) => Ok(body?),
            Err(error) => Err(Error::connect(format!("Compressing a request failed: {error}"))),
        }
    }

    /// The answer of a node with its status. Nodes that can't be reached are passed over while there are others.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Body>) -> Result<(u16, Bytes), Failure> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut last = None;
        for step in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(first.wrapping_add(step) % self.nodes.len()) else {
                continue;
            };
            match self.ask_node(node, method.clone(), path, body).await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_connect() => last = Some(transport(node, &error)),
                Err(error) => return Err(transport(node, &error)),
            }
        }
        Err(last.unwrap_or(Failure::Transport {
            class: "java.io.IOException",
            message: "there is no node to connect to".to_string(),
        }))
    }

    /// As [`Client::ask`]; any status but 2xx is a failure.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Body>) -> Result<Bytes, Failure> {
        let (status, answer) = self.ask(method.clone(), path, body).await?;
        match status {
            200..=299 => Ok(answer),
            _ => {
                let host = self.nodes.first().map(origin).unwrap_or_default();
                let request = format!("method [{method}], host [{host}], URI [{path}]");
                Err(Failure::of_answer(&request, status, &answer))
            }
        }
    }

    async fn ask_node(
        &self,
        node: &Url,
        method: Method,
        path: &str,
        body: Option<&Body>,
    ) -> Result<(u16, Bytes), reqwest::Error> {
        let url = format!("{}{path}", node.as_str().trim_end_matches('/'));
        let mut request = self.http.request(method, url);
        if let Some(login) = &self.login {
            request = request.header(AUTHORIZATION, login.clone());
        }
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static(body.content_type))
                .body(body.bytes.clone());
            if body.gzip {
                request = request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await?))
    }
}

/// Addresses as the Java client understands them: all by HTTPS if one is, no protocol means `http`, no path, no duplicates.
fn nodes(urls: &[String], required: bool) -> Result<Vec<Url>> {
    let secure = required || urls.iter().any(|url| url.starts_with("https:"));
    let mut nodes: Vec<Url> = Vec::new();
    for url in urls {
        let refuse = |detail: String| Error::invalid_config("connection.url", url, detail);
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let rest = rest.unwrap_or(url).trim_end_matches('/');
        let scheme = if secure { "https" } else { "http" };
        let node = Url::parse(&format!("{scheme}://{rest}"))
            .map_err(|error| refuse(format!("The provided url '{url}' is not a valid url ({error}).")))?;
        if !node.username().is_empty() || node.password().is_some() {
            let detail = "an address has no user; use connection.username and connection.password";
            return Err(Error::invalid_config("connection.url", origin(&node), detail));
        }
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    match nodes.is_empty() {
        true => Err(Error::invalid_config(
            "connection.url",
            "[]",
            "There must be an address",
        )),
        false => Ok(nodes),
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn proxy(settings: &Proxy) -> Result<reqwest::Proxy> {
    let address = format!("http://{}:{}", settings.host, settings.port);
    let proxy = reqwest::Proxy::all(&address)
        .map_err(|error| Error::invalid_config("proxy.host", &settings.host, format!("not an address: {error}")))?;
    Ok(match &settings.login {
        Some((user, password)) => proxy.basic_auth(user, password.reveal()),
        None => proxy,
    })
}

fn basic(user: &str, password: &str) -> Result<HeaderValue> {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
        .map_err(|_| Error::config("connection.username and connection.password can't be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn transport(node: &Url, error: &reqwest::Error) -> Failure {
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let class = if error.is_timeout() {
        "java.net.SocketTimeoutException"
    } else if error.is_connect() {
        "java.net.ConnectException"
    } else {
        "java.io.IOException"
    };
    let what = if error.is_timeout() && error.is_connect() {
        "Timeout connecting to"
    } else if error.is_timeout() {
        "Timeout waiting for an answer of"
    } else if error.is_connect() {
        "Could not connect to"
    } else {
        "The connection broke to"
    };
    Failure::Transport {
        class,
        message: format!("{what} [{}]: {root}", origin(node)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(urls: &[&str]) -> Result<Vec<String>> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_string()).collect();
        Ok(nodes(&urls, false)?.iter().map(origin).collect())
    }

    #[test]
    fn addresses_are_understood_as_by_the_java_client() {
        assert_eq!(
            addresses(&["a:9200", "http://b:9200/"]).unwrap(),
            ["http://a:9200", "http://b:9200"]
        );
        assert_eq!(
            addresses(&["http://a:9200", "https://b"]).unwrap(),
            ["https://a:9200", "https://b"]
        );
        assert_eq!(addresses(&["http://a:9200/", "a:9200"]).unwrap(), ["http://a:9200"]);
        let error = addresses(&["http://me:hush@a:9200"]).unwrap_err().to_string();
        assert!(
            error.contains("connection.username") && !error.contains("hush"),
            "{error}"
        );
        assert!(addresses(&["http://a:port"]).is_err());
    }

    #[tokio::test]
    async fn other_nodes_are_asked_when_one_is_away() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (alive, dead) = (listener.local_addr().unwrap(), {
            let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            closed.local_addr().unwrap()
        });
        let app = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let props = turnbuckle_api::Props::new().with("connection.url", format!("http://{dead},http://{alive}"));
        let settings = crate::config::Vendor::Confluent.settings(&props).unwrap();
        let client = Client::new(&settings.connection).unwrap();
        for _ in 0..3 {
            assert_eq!(client.send(Method::GET, "/", None).await.unwrap(), "here");
        }
    }
}
