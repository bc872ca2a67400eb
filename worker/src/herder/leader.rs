//! What a follower sends its leader: the task configurations of a connector that runs here, signed with the group's session
//! key (KIP-507).

use super::actor::{Actor, Internal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use turnbuckle_api::{Error, Props, Result};

/// The signature of a request's body.
pub const SIGNATURE_HEADER: &str = "X-Connect-Authorization";
/// The algorithm of [`SIGNATURE_HEADER`].
pub const ALGORITHM_HEADER: &str = "X-Connect-Request-Signature-Algorithm";

/// Base64 of the HMAC-SHA256 of `body` under the session key (itself base64).
///
/// # Errors
/// If the key is not base64.
pub fn sign(key: &str, body: &[u8]) -> Result<String> {
    let key = STANDARD
        .decode(key)
        .map_err(|error| Error::connect(format!("the session key is not base64: {error}")))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| Error::connect(error.to_string()))?;
    mac.update(body);
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

/// Checks a signature in constant time.
pub fn verify(key: &str, body: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = STANDARD.decode(key) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

impl Actor {
    /// Sends aside; a failure comes back as a request to compute the configurations again.
    pub(super) fn spawn_send_to_leader(&self, leader: &str, name: &str, configs: Vec<Props>) {
        let key = self.store.snapshot().session_key().map(|key| key.key.clone());
        let (leader, name, internal) = (leader.to_string(), name.to_string(), self.internal.clone());
        tokio::spawn(async move {
            let sent = send(&leader, &name, &configs, key.as_deref()).await;
            if let Err(error) = sent {
                let configs = Err(Error::retriable(format!(
                    "the leader did not take the task configurations of connector {name}: {error}"
                )));
                let _ = internal.send(Internal::TaskConfigs { name, configs }).await;
            }
        });
    }
}

async fn send(leader: &str, name: &str, configs: &[Props], key: Option<&str>) -> Result<()> {
    let body = serde_json::to_vec(configs).map_err(|error| Error::connect(error.to_string()))?;
    ask_leader(reqwest::Method::POST, leader, &["connectors", name, "tasks"], body, key).await
}

/// A signed request to the leader's internal resources; one without a body is signed over nothing.
///
/// # Errors
/// Retriable if the leader can't be reached; what it answers otherwise.
pub(super) async fn ask_leader(
    method: reqwest::Method,
    leader: &str,
    path: &[&str],
    body: Vec<u8>,
    key: Option<&str>,
) -> Result<()> {
    let unreachable = |error: reqwest::Error| Error::connect(error.to_string()).with_retriable(true);
    let mut url = reqwest::Url::parse(leader).map_err(|error| Error::connect(format!("leader {leader}: {error}")))?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    let mut request = reqwest::Client::new().request(method, url);
    if !body.is_empty() {
        request = request.header("Content-Type", "application/json");
    }
    if let Some(key) = key {
        request = request
            .header(SIGNATURE_HEADER, sign(key, &body)?)
            .header(ALGORITHM_HEADER, "HmacSHA256");
    }
    let answer = request.body(body).send().await.map_err(unreachable)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    Err(Error::connect(format!("{status} {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_body_only() {
        let key = STANDARD.encode([7u8; 32]);
        let signature = STANDARD.decode(sign(&key, b"[]").unwrap()).unwrap();
        assert!(verify(&key, b"[]", &signature));
        assert!(!verify(&key, b"[ ]", &signature));
        assert!(!verify(&STANDARD.encode([8u8; 32]), b"[]", &signature));
        assert!(sign("no base64!", b"").is_err());
    }
}
