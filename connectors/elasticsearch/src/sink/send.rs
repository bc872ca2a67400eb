//! Sends one batch until each of its items has a verdict: repeats what failed for now, and splits what is refused as a
//! whole until the item at fault is alone.

use super::answer::{Refusal, Verdict, verdicts};
use super::backoff;
use super::batch::{Item, body_of, with_followers};
use crate::client::{Body, Client};
use crate::error::Failure;
use crate::resources::Retries;
use bytes::Bytes;
use reqwest::Method;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Of an answer only this much is wanted.
const PATH: &str = "/_bulk?timeout=1m&filter_path=errors,items.*.status,items.*.error";

const WHAT: &str = "execute bulk request";

/// Sends items and returns a verdict for each.
///
/// # Errors
/// `ConnectException: Bulk request failed` if the server can't be reached or refuses everything.
pub(crate) async fn send(client: &Client, retries: Retries, body: &Bytes, items: &[Item]) -> Result<Vec<Verdict>> {
    let mut verdicts = vec![Verdict::Done; items.len()];
    let mut pending: Vec<usize> = (0..items.len()).collect();
    let mut attempt = 0;
    loop {
        send_part(client, retries, body, items, pending, &mut verdicts)
            .await
            .map_err(|error| Error::wrap(ErrorKind::Connect, "Bulk request failed", error))?;
        let busy: Vec<bool> = verdicts
            .iter()
            .map(|verdict| matches!(verdict, Verdict::Busy(_)))
            .collect();
        let Some(reason) = verdicts.iter().find_map(busy_reason) else {
            return Ok(verdicts);
        };
        if attempt >= retries.max {
            return Ok(verdicts);
        }
        attempt += 1;
        let wait = backoff(retries.backoff, attempt);
        tracing::warn!(
            items = busy.iter().filter(|busy| **busy).count(),
            attempt,
            wait_ms = wait.as_millis(),
            reason,
            "items are sent again"
        );
        tokio::time::sleep(wait).await;
        pending = with_followers(items, &busy);
        for index in &pending {
            if let Some(verdict) = verdicts.get_mut(*index) {
                *verdict = Verdict::Done;
            }
        }
    }
}

fn busy_reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Busy(refusal) => Some(&refusal.reason),
        _ => None,
    }
}

async fn send_part(
    client: &Client,
    retries: Retries,
    body: &Bytes,
    items: &[Item],
    part: Vec<usize>,
    outcome: &mut [Verdict],
) -> Result<()> {
    let mut parts = vec![part];
    while let Some(part) = parts.pop() {
        let request = client.prepare(Body::lines(body_of(body, items, &part))).await?;
        let given_up = match retries.send(client, WHAT, Method::POST, PATH, Some(&request)).await {
            Ok(answer) => {
                for (index, verdict) in part.iter().zip(verdicts(&answer, part.len())?) {
                    if let Some(place) = outcome.get_mut(*index) {
                        *place = verdict;
                    }
                }
                continue;
            }
            Err(given_up) if is_about_items(&given_up.failure) => given_up,
            Err(given_up) => return Err(given_up.into_error(WHAT)),
        };
        match part.as_slice() {
            [index] => {
                if let Some(place) = outcome.get_mut(*index) {
                    let message = given_up.failure.message().to_string();
                    *place = Verdict::Malformed(Refusal {
                        reason: message.clone(),
                        message,
                    });
                }
            }
            _ => {
                tracing::debug!(
                    items = part.len(),
                    reason = given_up.failure.message(),
                    "a bulk request is split"
                );
                let (first, second) = part.split_at(part.len() / 2);
                // The last is sent first: the order of writes must stay.
                parts.push(second.to_vec());
                parts.push(first.to_vec());
            }
        }
    }
    Ok(())
}

/// Was a request refused for what is in it: too large, or an action that is none?
fn is_about_items(failure: &Failure) -> bool {
    matches!(failure.status(), Some(400 | 413))
}
