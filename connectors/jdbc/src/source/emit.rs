//! Rows → records: positions, batches, hand-over to `poll`.
//!
//! A reader pushes rows; full batches go into a bounded channel. A batch is handed over when it holds as many rows or bytes
//! as it may, at the end of a query, or when the database has nothing ready, `batch.max.rows` rows are there and `poll`
//! waits. So `poll` gets at least what the reference would return at once, and more where rows come faster than they are
//! sent: the worker stores a position per record, larger batches change nothing else.

use super::offset::Position;
use super::time::Moment;
use futures::{FutureExt, Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use turnbuckle_api::{
    Error, ErrorKind, OffsetMap, Record, Result, SchemaAndValue, SchemaRef, Struct, Text, Type, Value,
};

/// Most rows of a batch, unless `batch.max.rows` is larger.
const BATCH_ROWS: usize = 5_000;
/// A batch with this much row data is handed over, however few its rows.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for `poll`.
pub(crate) const QUEUED_BATCHES: usize = 2;

pub(crate) type Batch = Result<Vec<Record>>;

/// What the position of a record is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// Bulk mode: no position at all.
    Nothing,
    /// A mode with positions whose incrementing column could not be found: an empty position.
    Empty,
    Incrementing,
    Timestamp,
    TimestampAndIncrementing,
}

/// The part of a row that positions are made of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) timestamp: Option<Moment>,
    pub(crate) incrementing: Option<i64>,
}

/// What all records of a table or query share.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    pub(crate) topic: Text,
    pub(crate) partition: Arc<OffsetMap>,
    pub(crate) tracking: Tracking,
}

/// The reader's end of the channel, with the batch in the making.
#[derive(Debug)]
pub(crate) struct Output {
    channel: mpsc::Sender<Batch>,
    batch: Vec<Record>,
    bytes: usize,
    batch_max_rows: usize,
    most_rows: usize,
}

/// `poll` is gone: the task was stopped.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Output {
    pub(crate) fn new(channel: mpsc::Sender<Batch>, batch_max_rows: usize) -> Output {
        Output {
            channel,
            batch: Vec::new(),
            bytes: 0,
            batch_max_rows: batch_max_rows.max(1),
            most_rows: batch_max_rows.max(BATCH_ROWS),
        }
    }

    fn push(&mut self, record: Record, bytes: usize) {
        if self.batch.capacity() == 0 {
            self.batch.reserve(self.batch_max_rows.min(BATCH_ROWS));
        }
        self.batch.push(record);
        self.bytes += bytes;
    }

    /// Hands over what there is; waits for room.
    pub(crate) async fn flush(&mut self) -> Result<(), Stopped> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.channel.send(Ok(batch)).await.map_err(|_| Stopped)
    }

    /// Reports the error that ends the task. Rows not handed over yet are dropped: they are read again after a restart.
    pub(crate) async fn fail(&mut self, error: Error) {
        self.batch.clear();
        if self.channel.send(Err(error)).await.is_err() {
            tracing::debug!("the task stopped before its failure could be told");
        }
    }

    /// The next item of a stream of rows. Full batches are handed over first; while nothing is ready, so is a sufficient one
    /// if `poll` waits.
    pub(crate) async fn next<S, R>(
        &mut self,
        stream: &mut S,
        read_timeout: Option<Duration>,
    ) -> Result<Option<R>, ReadEnd>
    where
        S: Stream<Item = Result<R, sqlx::Error>> + Unpin,
    {
        if self.batch.len() >= self.most_rows || self.bytes >= BATCH_BYTES {
            self.flush().await.map_err(|_| ReadEnd::Stopped)?;
        }
        if let Some(ready) = stream.next().now_or_never() {
            return Ok(ready.transpose()?);
        }
        if self.batch.len() >= self.batch_max_rows
            && let Ok(place) = self.channel.try_reserve()
        {
            self.bytes = 0;
            place.send(Ok(std::mem::take(&mut self.batch)));
        }
        match read_timeout {
            None => Ok(stream.next().await.transpose()?),
            Some(limit) => match tokio::time::timeout(limit, stream.next()).await {
                Ok(item) => Ok(item.transpose()?),
                Err(_) => Err(ReadEnd::Sql(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
            },
        }
    }
}

/// Why reading ended before the result did.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The task was stopped.
    Stopped,
    /// The database's error: may be tried again.
    Sql(sqlx::Error),
    /// The same, with the number of characters that preceded the statement.
    Shifted(sqlx::Error, usize),
    /// A value or column does not fit: ends the task.
    Fatal(Error),
}

impl From<Stopped> for ReadEnd {
    fn from(_: Stopped) -> Self {
        ReadEnd::Stopped
    }
}

impl From<sqlx::Error> for ReadEnd {
    fn from(error: sqlx::Error) -> Self {
        ReadEnd::Sql(error)
    }
}

impl From<Error> for ReadEnd {
    fn from(error: Error) -> Self {
        ReadEnd::Fatal(error)
    }
}

/// Turns the rows of one query into records.
#[derive(Debug)]
pub(crate) struct Emitter<'a> {
    output: &'a mut Output,
    labels: &'a Labels,
    /// Moves with each record; read on from here after an error.
    position: &'a mut Position,
    /// Timestamp mode: the newest row, whose position depends on the next one.
    held: Option<(SchemaRef, Vec<Value>, Option<Moment>, usize)>,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(output: &'a mut Output, labels: &'a Labels, position: &'a mut Position) -> Emitter<'a> {
        Emitter {
            output,
            labels,
            position,
            held: None,
        }
    }

    pub(crate) fn output(&mut self) -> &mut Output {
        self.output
    }

    /// Takes a row; `bytes` is about its size.
    pub(crate) fn row(&mut self, schema: &SchemaRef, values: Vec<Value>, marks: Marks, bytes: usize) {
        match self.labels.tracking {
            Tracking::Nothing => self.record(Arc::clone(schema), values, None, bytes),
            Tracking::Empty => self.record(Arc::clone(schema), values, Some(OffsetMap::new()), bytes),
            Tracking::Incrementing => {
                self.position.incrementing = marks.incrementing;
                let offset = self.position.to_map();
                self.record(Arc::clone(schema), values, Some(offset), bytes);
            }
            Tracking::TimestampAndIncrementing => {
                *self.position = Position {
                    timestamp: marks.timestamp,
                    incrementing: marks.incrementing,
                };
                let offset = self.position.to_map();
                self.record(Arc::clone(schema), values, Some(offset), bytes);
            }
            Tracking::Timestamp => {
                self.release(Some(marks.timestamp));
                self.held = Some((Arc::clone(schema), values, marks.timestamp, bytes));
            }
        }
    }

    /// Emits the held row. Its timestamp becomes the position only if no further row has it.
    fn release(&mut self, next: Option<Option<Moment>>) {
        let Some((schema, values, timestamp, bytes)) = self.held.take() else {
            return;
        };
        self.position.timestamp = match next == Some(timestamp) {
            // Before the first group ends, the position is the epoch.
            true => Some(self.position.timestamp_or_epoch()),
            false => timestamp,
        };
        let offset = self.position.to_map();
        self.record(schema, values, Some(offset), bytes);
    }

    /// The result was read to its end.
    pub(crate) async fn finish(mut self) -> Result<(), Stopped> {
        self.release(None);
        self.output.flush().await
    }

    fn record(&mut self, schema: SchemaRef, values: Vec<Value>, offset: Option<OffsetMap>, bytes: usize) {
        let value = Value::Struct(Struct::new(Arc::clone(&schema), values));
        let value = SchemaAndValue::new(schema, value);
        let partition = Arc::clone(&self.labels.partition);
        self.output.push(
            Record::source(self.labels.topic.clone(), value, partition, offset),
            bytes,
        );
    }
}

/// The id of a row (`extractOffsetIncrementedId`).
///
/// # Errors
/// `ConnectException` for null, for types that are no integers, and for decimals with a scale or out of range.
pub(crate) fn incrementing_id(value: &Value, kind: Type) -> Result<i64> {
    match value {
        Value::Int8(id) => Ok(i64::from(*id)),
        Value::Int16(id) => Ok(i64::from(*id)),
        Value::Int32(id) => Ok(i64::from(*id)),
        Value::Int64(id) => Ok(*id),
        Value::Decimal(decimal) if decimal.scale() != 0 => Err(Error::connect(
            "Scale of Decimal value for incrementing column must be 0",
        )),
        Value::Decimal(decimal) => decimal
            .unscaled_i64()
            .ok_or_else(|| Error::connect("Decimal value for incrementing column exceeded Long.MAX_VALUE")),
        Value::Null => Err(Error::connect(format!(
            "Null value for incrementing column of type: {kind}"
        ))),
        other => Err(Error::connect(format!(
            "Invalid type for incrementing column: {kind} ({})",
            other.java_class()
        ))),
    }
}

/// Where a row's marks are: indices of fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarkColumns {
    pub(crate) timestamps: Vec<usize>,
    pub(crate) incrementing: Option<usize>,
}

impl MarkColumns {
    /// Finds the configured columns among the fields of a result.
    ///
    /// # Errors
    /// `DataException` for a column that is not there or is there several times in other cases; `ClassCastException` for a
    /// timestamp column of another type.
    pub(crate) fn find(
        plan: &super::plan::RowPlan,
        timestamps: &[String],
        incrementing: Option<&str>,
    ) -> Result<MarkColumns> {
        let fields = plan.schema.fields();
        let mut found = MarkColumns::default();
        for name in timestamps {
            let exact = fields.iter().position(|field| *field.name == **name);
            let index = match exact {
                Some(index) => index,
                None => {
                    let similar: Vec<usize> = (0..fields.len())
                        .filter(|index| fields[*index].name.eq_ignore_ascii_case(name))
                        .collect();
                    match similar.as_slice() {
                        [index] => *index,
                        [] => {
                            return Err(Error::data(format!(
                                "Timestamp column {name} not found among the columns of the result"
                            )));
                        }
                        several => {
                            let names: Vec<&str> = several.iter().map(|index| &*fields[*index].name).collect();
                            let text = format!("Timestamp column {name} matches several columns: {}", names.join(", "));
                            return Err(Error::data(text));
                        }
                    }
                }
            };
            match plan.fields[index].1 {
                super::plan::Target::Timestamp(_) => found.timestamps.push(index),
                super::plan::Target::Date => {
                    let text = "class java.sql.Date cannot be cast to class java.sql.Timestamp (java.sql.Date and \
                                java.sql.Timestamp are in module java.sql of loader 'platform')";
                    return Err(Error::new(ErrorKind::ClassCast, text));
                }
                _ => {
                    let kind = fields[index].schema.kind();
                    let text = format!("column {name} of type {kind} cannot be cast to class java.sql.Timestamp");
                    return Err(Error::new(ErrorKind::ClassCast, text));
                }
            }
        }
        if let Some(name) = incrementing {
            let index = fields.iter().position(|field| *field.name == *name);
            found.incrementing = Some(index.ok_or_else(|| Error::data(format!("{name} is not a valid field name")))?);
        }
        Ok(found)
    }

    /// Reads the id of a decoded row.
    ///
    /// # Errors
    /// As [`incrementing_id`].
    pub(crate) fn id(&self, schema: &SchemaRef, values: &[Value]) -> Result<Option<i64>> {
        let Some(index) = self.incrementing else {
            return Ok(None);
        };
        incrementing_id(&values[index], schema.fields()[index].schema.kind()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Decimal, Schema};

    fn emitted(tracking: Tracking, start: Position, rows: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let (sender, mut receiver) = mpsc::channel(4);
        let mut output = Output::new(sender, 100);
        let labels = Labels {
            topic: Text::from("t"),
            partition: Arc::new(OffsetMap::new()),
            tracking,
        };
        let mut position = start;
        let mut emitter = Emitter::new(&mut output, &labels, &mut position);
        let schema = Schema::structure().finish();
        for (millis, id) in rows {
            let marks = Marks {
                timestamp: Some(Moment::from_millis(*millis)),
                incrementing: Some(*id),
            };
            emitter.row(&schema, Vec::new(), marks, 1);
        }
        futures::executor::block_on(emitter.finish()).unwrap();
        let batch = receiver.try_recv().unwrap().unwrap();
        batch
            .iter()
            .map(|record| match &record.origin {
                turnbuckle_api::Origin::Source { offset, .. } => {
                    let position = Position::from_map(offset.as_ref());
                    (position.timestamp_or_epoch().millis, position.incrementing_or_start())
                }
                turnbuckle_api::Origin::Sink(_) => unreachable!(),
            })
            .collect()
    }

    #[test]
    fn timestamps_move_at_the_end_of_their_group() {
        let start = Position {
            timestamp: Some(Moment::from_millis(1)),
            incrementing: None,
        };
        let offsets = emitted(
            Tracking::Timestamp,
            start,
            &[(10, 1), (10, 2), (20, 3), (20, 4), (30, 5)],
        );
        let millis: Vec<i64> = offsets.iter().map(|(millis, _)| *millis).collect();
        assert_eq!(millis, [1, 10, 10, 20, 30]);
        let fresh = emitted(Tracking::Timestamp, Position::default(), &[(10, 1), (10, 2)]);
        assert_eq!(fresh, [(0, -1), (10, -1)]);
    }

    #[test]
    fn other_modes_move_with_each_row() {
        let offsets = emitted(
            Tracking::TimestampAndIncrementing,
            Position::default(),
            &[(10, 1), (10, 2)],
        );
        assert_eq!(offsets, [(10, 1), (10, 2)]);
        let offsets = emitted(Tracking::Incrementing, Position::default(), &[(10, 1), (10, 2)]);
        assert_eq!(offsets, [(0, 1), (0, 2)]);
    }

    #[test]
    fn ids_are_integers() {
        assert_eq!(incrementing_id(&Value::Int16(7), Type::Int16).unwrap(), 7);
        assert_eq!(
            incrementing_id(&Value::Decimal(Decimal::new(5, 0)), Type::Bytes).unwrap(),
            5
        );
        for (value, text) in [
            (
                Value::Decimal(Decimal::new(50, 1)),
                "Scale of Decimal value for incrementing column must be 0",
            ),
            (Value::Null, "Null value for incrementing column of type: INT64"),
            (
                Value::text("x"),
                "Invalid type for incrementing column: INT64 (java.lang.String)",
            ),
        ] {
            assert_eq!(incrementing_id(&value, Type::Int64).unwrap_err().message(), Some(text));
        }
        let huge = Value::Decimal("9223372036854775808".parse().unwrap());
        let error = incrementing_id(&huge, Type::Bytes).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Decimal value for incrementing column exceeded Long.MAX_VALUE")
        );
    }
}
