//! `FileStreamSourceConnector` and `FileStreamSourceTask`.
//!
//! One task reads one file. Source partition is `{"filename": F}`, offset `{"position": N}`, N counting bytes up to the end of
//! the record's line, so a restart goes on with the next line. Standard input has neither name nor position.

use crate::config::SourceSettings;
use crate::file_error;
use crate::lines::LineBuffer;
use async_trait::async_trait;
use std::io::SeekFrom;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, Stdin};
use turnbuckle_api::config::{ConfigDef, Props};
use turnbuckle_api::source::{
    AlterOffsets, ConnectorContext, OffsetChange, SourceConnector, SourceTask, SourceTaskContext, Support,
};
use turnbuckle_api::{
    Config, Error, ErrorKind, OffsetMap, Record, Result, Schema, SchemaAndValue, SchemaRef, Text, Type, Value,
};

const FILENAME: &str = "filename";
const POSITION: &str = "position";
const READ_SIZE: usize = 64 * 1024;
/// How long a task waits for a file to appear or to grow.
const IDLE: Duration = Duration::from_millis(250);

/// Hands its configuration to one task.
#[derive(Debug, Default)]
pub struct FileStreamSourceConnector {
    config: Props,
}

#[async_trait]
impl SourceConnector for FileStreamSourceConnector {
    fn config_def(&self) -> &'static ConfigDef {
        SourceSettings::config_def()
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        let settings = SourceSettings::from_props(config)?;
        let file = settings.file.as_deref().unwrap_or("standard input");
        tracing::info!("Starting file source connector reading from {file}");
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, _max_tasks: u32) -> Result<Vec<Props>> {
        Ok(vec![self.config.clone()])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    fn alter_offsets(&self, config: &Props, offsets: &[OffsetChange]) -> Result<AlterOffsets> {
        let settings = SourceSettings::from_props(config)?;
        if settings.tracked_file().is_none() {
            return Err(Error::connect(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is because stdin is used for \
                 input and offsets are not tracked.",
            ));
        }
        for (partition, offset) in offsets {
            // Anything may be removed, so that users can clean up what should not be there.
            let Some(offset) = offset else { continue };
            check_offset(partition.as_ref(), offset)?;
        }
        Ok(AlterOffsets::Checked)
    }

    fn exactly_once_support(&self, config: &Props) -> Option<Support> {
        match SourceSettings::from_props(config) {
            Ok(settings) if settings.tracked_file().is_some() => Some(Support::Supported),
            _ => Some(Support::Unsupported),
        }
    }
}

fn check_offset(partition: Option<&OffsetMap>, offset: &OffsetMap) -> Result<()> {
    let text = match offset.get(POSITION) {
        None => "Offset objects should either be null or contain the key 'position'",
        Some(Value::Int64(position)) if *position < 0 => {
            "The value for the 'position' key in the offset should be a non-negative value"
        }
        Some(Value::Int64(_)) => match partition {
            None => "Partition objects cannot be null",
            Some(partition) if partition.get(FILENAME).is_none() => {
                "Partition objects should contain the key 'filename'"
            }
            Some(_) => return Ok(()),
        },
        Some(_) => "The value for the 'position' key in the offset is expected to be a Long value",
    };
    Err(Error::connect(text))
}

/// Where lines come from.
#[derive(Debug)]
enum Input {
    File(File),
    Stdin(Stdin),
}

/// Reads one file.
#[derive(Default)]
pub struct FileStreamSourceTask {
    started: Option<Started>,
}

struct Started {
    context: Arc<dyn SourceTaskContext>,
    file: Option<Text>,
    topic: Option<Text>,
    batch_size: usize,
    partition: Arc<OffsetMap>,
    value_schema: SchemaRef,
    input: Option<Input>,
    warned: bool,
    lines: LineBuffer,
    read: Vec<u8>,
    /// Bytes up to the end of the last line that was given out.
    position: i64,
    /// Kept here, so that a dropped `poll` loses nothing.
    batch: Vec<Record>,
}

#[async_trait]
impl SourceTask for FileStreamSourceTask {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        let settings = SourceSettings::from_props(config)?;
        let file = settings.file.map(Text::from);
        let name = file.clone().map_or(Value::Null, Value::String);
        let input = match file {
            Some(_) => None,
            None => Some(Input::Stdin(tokio::io::stdin())),
        };
        self.started = Some(Started {
            context,
            file,
            topic: settings.topic.map(Text::from),
            batch_size: usize::try_from(settings.batch_size).unwrap_or(0).max(1),
            partition: Arc::new(OffsetMap::new().with(FILENAME, name)),
            value_schema: Schema::primitive(Type::String, false),
            input,
            warned: false,
            lines: LineBuffer::default(),
            read: vec![0; READ_SIZE],
            position: 0,
            batch: Vec::new(),
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let not_started = || Error::new(ErrorKind::IllegalState, "The task is not started");
        let task = self.started.as_mut().ok_or_else(not_started)?;
        task.poll().await
    }

    async fn stop(&mut self) -> Result<()> {
        self.started = None;
        Ok(())
    }
}

impl Started {
    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        if self.input.is_none() && !self.open().await? {
            tokio::time::sleep(IDLE).await;
            return Ok(None);
        }
        loop {
            self.take_lines()?;
            let is_full = self.batch.len() >= self.batch_size;
            // Standard input may have nothing more for hours; a file says at once.
            let is_waiting = !self.batch.is_empty() && matches!(self.input, Some(Input::Stdin(_)));
            if is_full || is_waiting {
                return Ok(Some(std::mem::take(&mut self.batch)));
            }
            if self.read_more().await == 0 {
                if !self.batch.is_empty() {
                    return Ok(Some(std::mem::take(&mut self.batch)));
                }
                tokio::time::sleep(IDLE).await;
                return Ok(None);
            }
        }
    }

    /// Opens the file at the stored position; false if it is not there yet.
    async fn open(&mut self) -> Result<bool> {
        let Some(name) = self.file.clone() else {
            return Ok(false);
        };
        let mut file = match File::open(&*name).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.warn_once(&format!("Couldn't find file {name}, waiting for it to be created"));
                return Ok(false);
            }
            Err(error) => {
                let cause = file_error(&name, &error);
                let text = cause.headline();
                return Err(Error::wrap(ErrorKind::Connect, text, cause));
            }
        };
        let reader = self.context.offset_reader();
        let stored = reader.offsets(&[OffsetMap::clone(&self.partition)]).await?;
        let stored = stored.into_iter().next().flatten();
        self.position = match stored.as_ref().and_then(|offset| offset.get(POSITION)) {
            None | Some(Value::Null) => 0,
            Some(Value::Int64(position)) => (*position).max(0),
            Some(_) => return Err(Error::connect("Offset position is the incorrect type")),
        };
        let failed = |error: std::io::Error| {
            let cause = file_error(&name, &error);
            Error::wrap(ErrorKind::Connect, cause.headline(), cause)
        };
        let length = file.metadata().await.map_err(failed)?.len();
        let start = self.position.unsigned_abs();
        if start > length {
            self.warn_once(&format!(
                "File {name} has {length} bytes, fewer than the stored position {start}: waiting for it to grow. \
                 Reset the connector's offsets to read it from its start"
            ));
        }
        if start > 0 {
            file.seek(SeekFrom::Start(start)).await.map_err(failed)?;
        }
        tracing::debug!("Opened {name} for reading from position {start}");
        self.input = Some(Input::File(file));
        Ok(true)
    }

    fn warn_once(&mut self, text: &str) {
        if !self.warned {
            tracing::warn!("{text}");
            self.warned = true;
        }
    }

    /// Reads what is there, at most one buffer; 0 at the end. Failures count as nothing to read, as in Kafka's connector.
    async fn read_more(&mut self) -> usize {
        let result = match &mut self.input {
            Some(Input::File(file)) => file.read(&mut self.read).await,
            Some(Input::Stdin(stdin)) => stdin.read(&mut self.read).await,
            None => Ok(0),
        };
        match result {
            Ok(count) => {
                self.lines.append(&self.read[..count]);
                count
            }
            Err(error) => {
                let name = self.file.clone().unwrap_or_else(|| Text::from_static("standard input"));
                self.warn_once(&format!("Couldn't read {name}, trying again: {error}"));
                0
            }
        }
    }

    /// Moves complete lines to the batch until it is full.
    fn take_lines(&mut self) -> Result<()> {
        let timestamp = now_millis();
        while self.batch.len() < self.batch_size {
            let Some(line) = self.lines.next_line() else {
                return Ok(());
            };
            let Some(topic) = &self.topic else {
                return Err(Error::new(ErrorKind::IllegalArgument, "Topic cannot be null."));
            };
            self.position += line.length as i64;
            let position = match self.file {
                Some(_) => Value::Int64(self.position),
                None => Value::Null,
            };
            let value = SchemaAndValue::new(self.value_schema.clone(), Value::text(line.text.into_owned()));
            let offset = OffsetMap::with_capacity(1).with(POSITION, position);
            let mut record = Record::source(topic.clone(), value, self.partition.clone(), Some(offset));
            record.timestamp = Some(timestamp);
            self.batch.push(record);
        }
        Ok(())
    }
}

fn now_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
