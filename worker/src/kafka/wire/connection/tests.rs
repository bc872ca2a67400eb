//! Against peers that misbehave in ways a real broker does not; logins and groups are tested with real brokers.

use super::*;
use kafka_protocol::messages::HeartbeatRequest;
use tokio::net::TcpListener;

/// Accepts one connection and answers the n-th frame with `responses[n]`, where the correlation id is filled in at byte 4.
async fn peer(responses: Vec<Vec<u8>>) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for mut response in responses {
            let size = stream.read_i32().await.unwrap();
            let mut frame = vec![0; size as usize];
            stream.read_exact(&mut frame).await.unwrap();
            if response.len() >= 8 && response[4..8] == [0; 4] {
                response[4..8].copy_from_slice(&frame[4..8]);
            }
            stream.write_all(&response).await.unwrap();
        }
        // Stays open until the client is gone, so that missing answers are time-outs.
        let _ = stream.read_u8().await;
    });
    (port, task)
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as i32 + 4).to_be_bytes().to_vec();
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(body);
    frame
}

/// ApiVersions version 3: no error, Heartbeat (12) 0..4.
fn versions() -> Vec<u8> {
    frame(&[0, 0, 2, 0, 12, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0])
}

fn config() -> WireConfig {
    let mut config = WireConfig::plaintext(Vec::new(), "test");
    config.request_timeout = Duration::from_millis(300);
    config
}

async fn heartbeat(port: u16) -> Result<i16, WireError> {
    let mut connection = Connection::open("127.0.0.1", port, &config()).await?;
    let result = connection.call(|_| HeartbeatRequest::default()).await;
    assert_eq!(connection.is_usable(), result.is_ok());
    result
}

#[tokio::test]
async fn reads_an_answer() {
    let (port, _peer) = peer(vec![versions(), frame(&[0, 0, 0, 0, 0, 0, 27, 0])]).await;
    assert_eq!(heartbeat(port).await.unwrap(), code::REBALANCE_IN_PROGRESS);
}

#[tokio::test]
async fn falls_back_to_the_oldest_version_negotiation() {
    let old = frame(&[0, 35, 0, 0, 0, 0]);
    let offered = frame(&[0, 0, 0, 0, 0, 1, 0, 12, 0, 0, 0, 0]);
    let (port, _peer) = peer(vec![old, offered, frame(&[0, 16])]).await;
    assert_eq!(heartbeat(port).await.unwrap(), code::NOT_COORDINATOR);
}

#[tokio::test]
async fn bad_answers_are_errors() {
    let other_request = [0, 0, 0, 11, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0];
    let cases: [(Vec<u8>, &str); 4] = [
        (other_request.to_vec(), "answers request"),
        (frame(&[0]), "unreadable Heartbeat response"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "plausible length"),
        (Vec::new(), "no answer from broker"),
    ];
    for (answer, message) in cases {
        let (port, _peer) = peer(vec![versions(), answer]).await;
        let error = heartbeat(port).await.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[tokio::test]
async fn an_unsupported_request_is_named() {
    let none = frame(&[0, 0, 1, 0, 0, 0, 0, 0]);
    let (port, _peer) = peer(vec![none]).await;
    let mut connection = Connection::open("127.0.0.1", port, &config()).await.unwrap();
    let error = connection.call(|_| HeartbeatRequest::default()).await.unwrap_err();
    assert!(
        error.to_string().contains("supports no version of Heartbeat"),
        "{error}"
    );
    assert!(connection.is_usable());
}

#[tokio::test]
async fn a_dropped_call_makes_the_connection_unusable() {
    let (port, _peer) = peer(vec![versions(), Vec::new()]).await;
    let mut connection = Connection::open("127.0.0.1", port, &config()).await.unwrap();
    let call = connection.call(|_| HeartbeatRequest::default());
    assert!(timeout(Duration::from_millis(20), call).await.is_err());
    assert!(!connection.is_usable());
    let error = connection.call(|_| HeartbeatRequest::default()).await.unwrap_err();
    assert!(error.is_transient());
}
