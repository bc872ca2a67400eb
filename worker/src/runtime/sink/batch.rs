//! Decoding: consumed bytes → converters → transforms → the records of the next `put`, with the positions behind them.

use super::super::pipeline::{Attempt, Chain, ConverterSet, NamedConverter, Next, Operator, RawSource, Stage, Subject};
use crate::kafka::consumer::{RawBatch, RawEntry};
use bytes::Bytes;
use std::sync::Arc;
use turnbuckle_api::converter::{Converter, Step};
use turnbuckle_api::record::SinkOrigin;
use turnbuckle_api::sink::SinkOffsets;
use turnbuckle_api::transform::{Slot, SlotState};
use turnbuckle_api::{Error, ErrorKind, Header, Headers, Origin, Record, Result, SchemaAndValue, Text, TopicPartition};

/// Records for one `put`.
#[derive(Default)]
pub(crate) struct Batch {
    pub records: Vec<Record>,
    /// Positions after this batch, those of skipped and filtered records included.
    pub positions: SinkOffsets,
    /// First consumed offset of each partition.
    pub starts: SinkOffsets,
    /// Topics that were consumed from.
    pub topics: Vec<Text>,
    /// Where the records come from, kept only for the errant record reporter.
    pub raw: Vec<Arc<RawBatch>>,
    /// Delivered once already and refused for the moment.
    pub retried: bool,
    /// Number and size of consumed records.
    pub consumed: usize,
    pub bytes: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.consumed == 0
    }

    /// Forgets what belongs to `partitions`.
    pub(crate) fn remove(&mut self, partitions: &[TopicPartition]) {
        let gone = |topic: &Text, number: i32| {
            partitions
                .iter()
                .any(|partition| partition.partition == number && partition.topic == *topic)
        };
        self.records.retain(|record| match &record.origin {
            Origin::Sink(from) => !gone(&from.topic, from.partition),
            Origin::Source { .. } => true,
        });
        self.positions
            .retain(|partition, _| !gone(&partition.topic, partition.partition));
        self.starts
            .retain(|partition, _| !gone(&partition.topic, partition.partition));
    }
}

/// Makes records of consumed bytes.
pub(crate) struct Decoder {
    pub chain: Chain,
    pub converters: ConverterSet,
    pub operator: Arc<Operator>,
    /// Keep consumed bytes with their batch.
    pub keep_raw: bool,
}

impl Decoder {
    /// Decodes `raw` onto the end of `batch`.
    ///
    /// # Errors
    /// A record that failed and is not tolerated; nothing of `raw` may be delivered then.
    pub(crate) async fn decode(&mut self, raw: RawBatch, batch: &mut Batch) -> Result<()> {
        let mut positions = Positions::default();
        let mut slots: Vec<Slot> = Vec::new();
        let mut sources: Vec<usize> = Vec::new();
        let transforms = !self.chain.is_empty();
        batch.records.reserve(raw.entries.len());
        for (index, entry) in raw.entries.iter().enumerate() {
            positions.note(entry);
            let Some(record) = self.decode_record(RawSource { batch: &raw, entry }).await? else {
                continue;
            };
            if transforms {
                slots.push(Slot::new(record));
                sources.push(index);
            } else {
                batch.records.push(record);
            }
        }
        if transforms {
            let find = |slot: usize| {
                Some(RawSource {
                    batch: &raw,
                    entry: &raw.entries[sources[slot]],
                })
            };
            let passed = self.chain.apply(&mut slots, &self.operator, find).await;
            if let Some(error) = passed.error {
                return Err(error);
            }
            let live = slots.into_iter().filter(|slot| matches!(slot.state, SlotState::Live));
            batch.records.extend(live.map(|slot| slot.record));
        }
        positions.add_to(&raw, batch);
        batch.consumed += raw.entries.len();
        batch.bytes += raw.bytes();
        if self.keep_raw {
            batch.raw.push(Arc::new(raw));
        }
        Ok(())
    }

    /// None if the record is skipped.
    async fn decode_record(&mut self, raw: RawSource<'_>) -> Result<Option<Record>> {
        let topic = raw.batch.topic(raw.entry);
        let converters = &mut self.converters;
        let key = raw.batch.key(raw.entry);
        let key = decode_part(
            &mut converters.key,
            &self.operator,
            Stage::KeyConverter,
            raw,
            key.as_ref(),
        )
        .await?;
        let Some(key) = key else { return Ok(None) };
        let value = raw.batch.value(raw.entry);
        let value = decode_part(
            &mut converters.value,
            &self.operator,
            Stage::ValueConverter,
            raw,
            value.as_ref(),
        )
        .await?;
        let Some(value) = value else { return Ok(None) };
        let raw_headers = raw.batch.headers(raw.entry);
        let mut headers = Headers(Vec::with_capacity(raw_headers.len()));
        for (name, payload) in raw_headers {
            let Some(value) = self.decode_header(raw, name, payload.as_ref()).await? else {
                return Ok(None);
            };
            headers.0.push(Header {
                key: name.clone(),
                value,
            });
        }
        Ok(Some(Record {
            topic: topic.clone(),
            partition: Some(raw.entry.partition),
            key,
            value,
            timestamp: checked_timestamp(raw.entry.timestamp)?,
            headers,
            origin: Origin::Sink(SinkOrigin {
                topic: topic.clone(),
                partition: raw.entry.partition,
                offset: raw.entry.offset,
                timestamp_type: raw.entry.timestamp_type,
            }),
        }))
    }

    async fn decode_header(
        &mut self,
        raw: RawSource<'_>,
        name: &Text,
        payload: Option<&Bytes>,
    ) -> Result<Option<SchemaAndValue>> {
        let named = &mut self.converters.header;
        let topic = raw.batch.topic(raw.entry);
        let mut attempt = Attempt::default();
        loop {
            let error = match named.converter.to_connect_header(topic, name, payload) {
                Ok(Step::Done(value)) => return Ok(Some(value)),
                Ok(Step::Fetch(fetch)) => match fetch.await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let subject = Subject::Sink(raw);
            match self
                .operator
                .failed(&mut attempt, Stage::HeaderConverter, named.class, error, subject)
                .await?
            {
                Next::Retry => {}
                Next::Skip => return Ok(None),
            }
        }
    }

    pub(crate) fn close(&mut self) {
        self.chain.close();
    }
}

async fn decode_part(
    named: &mut NamedConverter,
    operator: &Operator,
    stage: Stage,
    raw: RawSource<'_>,
    payload: Option<&Bytes>,
) -> Result<Option<SchemaAndValue>> {
    let mut attempt = Attempt::default();
    let topic = raw.batch.topic(raw.entry);
    loop {
        let error = match Converter::to_connect(named.converter.as_mut(), topic, payload) {
            Ok(Step::Done(value)) => return Ok(Some(value)),
            Ok(Step::Fetch(fetch)) => match fetch.await {
                Ok(()) => continue,
                Err(error) => error,
            },
            Err(error) => error,
        };
        match operator
            .failed(&mut attempt, stage, named.class, error, Subject::Sink(raw))
            .await?
        {
            Next::Retry => {}
            Next::Skip => return Ok(None),
        }
    }
}

fn checked_timestamp(timestamp: Option<i64>) -> Result<Option<i64>> {
    match timestamp {
        None | Some(-1) => Ok(None),
        Some(millis) if millis >= 0 => Ok(Some(millis)),
        Some(millis) => Err(Error::new(
            ErrorKind::Class("org.apache.kafka.common.InvalidRecordException"),
            format!("Invalid record timestamp {millis}"),
        )),
    }
}

/// Topic index, partition, first and next offset.
type Position = (u32, i32, i64, i64);

/// Positions of one decoded batch: few entries, mostly the last one is meant.
#[derive(Default)]
struct Positions(Vec<Position>);

impl Positions {
    fn note(&mut self, entry: &RawEntry) {
        let next = entry.offset + 1;
        let same = |known: &&mut Position| known.0 == entry.topic && known.1 == entry.partition;
        match self.0.iter_mut().rev().find(same) {
            Some(known) => known.3 = next,
            None => self.0.push((entry.topic, entry.partition, entry.offset, next)),
        }
    }

    fn add_to(self, raw: &RawBatch, batch: &mut Batch) {
        for (topic, partition, first, next) in self.0 {
            let topic = &raw.topics[topic as usize];
            if !batch.topics.contains(topic) {
                batch.topics.push(topic.clone());
            }
            let partition = TopicPartition::new(topic.clone(), partition);
            batch.starts.entry(partition.clone()).or_insert(first);
            batch.positions.insert(partition, next);
        }
    }
}
