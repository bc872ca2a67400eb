//! Source offsets on the offsets topic (`KafkaOffsetBackingStore`).

use super::OffsetStore;
use super::offset_key;
use crate::kafka::log::{CompactedLog, LogRecord, LogSettings};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use turnbuckle_api::Result;

type Table = Mutex<HashMap<Bytes, Bytes>>;

fn lock(table: &Table) -> MutexGuard<'_, HashMap<Bytes, Bytes>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The offsets topic.
pub struct KafkaOffsetStore {
    log: CompactedLog,
    table: Arc<Table>,
}

impl KafkaOffsetStore {
    /// Starts reading; returns when all that is there has been read.
    pub async fn start(settings: LogSettings) -> Result<Self> {
        let table = Arc::new(Table::default());
        let on_record = {
            let table = table.clone();
            move |record: LogRecord| {
                let Some(key) = record.key else { return };
                match record.value {
                    Some(value) => lock(&table).insert(key.into(), value.into()),
                    None => lock(&table).remove(key.as_slice()),
                };
            }
        };
        let log = CompactedLog::start(settings, Box::new(on_record)).await?;
        Ok(KafkaOffsetStore { log, table })
    }

    /// Stops reading.
    pub fn stop(&self) {
        self.log.stop();
    }
}

#[async_trait]
impl OffsetStore for KafkaOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
        self.log.read_to_end().await?;
        let table = lock(&self.table);
        Ok(keys.iter().map(|key| table.get(key).cloned()).collect())
    }

    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<()> {
        let records: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| (key.to_vec(), value.map(|value| value.to_vec())))
            .collect();
        self.log.send_all(&records).await
    }

    async fn of_connector(&self, connector: &str) -> Result<Vec<(Bytes, Bytes)>> {
        self.log.read_to_end().await?;
        let table = lock(&self.table);
        let own = table.iter().filter(|(key, _)| offset_key::belongs_to(key, connector));
        Ok(own.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
