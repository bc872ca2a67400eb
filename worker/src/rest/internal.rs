//! Requests of other workers (KIP-507), signed with the session key of the group.

use super::answer::{Failure, Handled};
use super::body;
use super::dispatch::{Call, empty};
use super::forward::Target;
use crate::herder::leader::{ALGORITHM_HEADER, SIGNATURE_HEADER, verify};
use crate::storage::ConfigStore;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::sync::Arc;

/// How requests of other workers are checked.
#[derive(Clone)]
pub(super) enum Signatures {
    /// The group's protocol has no signatures.
    Unsigned,
    /// A signature is needed; the key comes from the config store.
    Signed {
        algorithms: Vec<String>,
        keys: Option<Arc<dyn ConfigStore>>,
    },
}

/// Algorithms whose name a Java runtime knows, beyond those that this worker can verify.
const KNOWN_ALGORITHMS: [&str; 8] = [
    "HmacMD5",
    "HmacSHA1",
    "HmacSHA224",
    "HmacSHA256",
    "HmacSHA384",
    "HmacSHA512",
    "HmacSHA512/224",
    "HmacSHA512/256",
];

impl Signatures {
    fn check(&self, call: &Call<'_>) -> Result<(), Failure> {
        let Signatures::Signed { algorithms, keys } = self else {
            return Ok(());
        };
        let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(signature), Some(algorithm)) = (header(SIGNATURE_HEADER), header(ALGORITHM_HEADER)) else {
            return Err(Failure::new(400, "Internal request missing required signature"));
        };
        if !KNOWN_ALGORITHMS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(algorithm))
        {
            return Err(Failure::new(400, format!("Algorithm {algorithm} not available")));
        }
        let signature = decode(signature)?;
        if !algorithms.iter().any(|permitted| permitted == algorithm) {
            return Err(Failure::new(400, not_permitted(algorithm, algorithms)));
        }
        let key = keys.as_ref().and_then(|keys| keys.snapshot().session_key().cloned());
        let Some(key) = key else {
            let text = "This worker is still starting up and has not been able to read a session key from the config topic yet";
            return Err(Failure::new(503, text));
        };
        if !algorithm.eq_ignore_ascii_case("HmacSHA256") || !verify(&key.key, &call.body, &signature) {
            return Err(Failure::new(403, "Internal request contained invalid signature."));
        }
        Ok(())
    }
}

fn decode(signature: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(signature).map_err(|error| {
        let message = match error {
            base64::DecodeError::InvalidByte(_, byte) => format!("Illegal base64 character {byte:x}"),
            other => format!("Input byte array has wrong form for base64: {other}"),
        };
        Failure::new(400, message)
    })
}

fn not_permitted(algorithm: &str, permitted: &[String]) -> String {
    format!(
        "This worker does not support the '{algorithm}' key signing algorithm used by other workers. This worker is currently \
         configured to use: [{}]. Check that all workers' configuration files permit the same set of signature algorithms, and \
         correct any misconfigured worker and restart it.",
        permitted.join(", ")
    )
}

/// `POST /connectors/{name}/tasks`: a follower's task configurations. Another leader gets them without a signature, as the
/// JVM worker does it.
pub(super) async fn put_tasks(call: &Call<'_>, name: &str) -> Handled {
    let configs = body::configs(&call.body)?;
    call.resources.signatures.check(call)?;
    match call.herder().put_task_configs(name, configs.clone()).await {
        Ok(()) => empty(204),
        Err(error) => {
            call.forward(error, || Target::of(name, "POST", "/tasks").body(json!(configs)), None)
                .await
        }
    }
}

/// `PUT /connectors/{name}/fence`.
pub(super) async fn fence(call: &Call<'_>, name: &str) -> Handled {
    call.resources.signatures.check(call)?;
    match call.herder().fence_zombies(name).await {
        Ok(()) => empty(204),
        Err(error) => call.forward(error, || Target::of(name, "PUT", "/fence"), None).await,
    }
}
