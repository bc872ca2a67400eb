//! `FileStreamSinkConnector` and `FileStreamSinkTask`: each record's value, as Java prints it, is one line.

use crate::config::SinkSettings;
use crate::file_error;
use async_trait::async_trait;
use std::io::Write;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt, Stdout};
use turnbuckle_api::config::{ConfigDef, Props};
use turnbuckle_api::data::JavaText;
use turnbuckle_api::sink::{SinkConnector, SinkOffsets, SinkTask, SinkTaskContext};
use turnbuckle_api::source::{AlterOffsets, ConnectorContext};
use turnbuckle_api::{Config, Error, ErrorKind, Record, Result, TopicPartition};

/// Hands its configuration to each task.
#[derive(Debug, Default)]
pub struct FileStreamSinkConnector {
    config: Props,
}

#[async_trait]
impl SinkConnector for FileStreamSinkConnector {
    fn config_def(&self) -> &'static ConfigDef {
        SinkSettings::config_def()
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        let settings = SinkSettings::from_props(config)?;
        let file = settings.file.as_deref().unwrap_or("standard output");
        tracing::info!("Starting file sink connector writing to {file}");
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        Ok((0..max_tasks).map(|_| self.config.clone()).collect())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    /// Positions are kept by Kafka alone, so any are fine.
    fn alter_offsets(&self, _config: &Props, _offsets: &[(TopicPartition, Option<i64>)]) -> Result<AlterOffsets> {
        Ok(AlterOffsets::Checked)
    }
}

#[derive(Debug)]
enum Output {
    File(File),
    Stdout(Stdout),
}

/// Appends lines to one file.
#[derive(Debug, Default)]
pub struct FileStreamSinkTask {
    /// Name of the output, for messages.
    name: String,
    output: Option<Output>,
    lines: Vec<u8>,
}

#[async_trait]
impl SinkTask for FileStreamSinkTask {
    async fn start(&mut self, _context: Arc<dyn SinkTaskContext>, config: &Props) -> Result<()> {
        let settings = SinkSettings::from_props(config)?;
        let Some(name) = settings.file else {
            self.name = "standard output".to_string();
            self.output = Some(Output::Stdout(tokio::io::stdout()));
            return Ok(());
        };
        let opened = File::options().create(true).append(true).open(&name).await;
        let file = opened.map_err(|error| {
            let text = format!("Couldn't find or create file '{name}' for FileStreamSinkTask");
            Error::wrap(ErrorKind::Connect, text, file_error(&name, &error))
        })?;
        self.name = name;
        self.output = Some(Output::File(file));
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        self.lines.clear();
        for record in records {
            writeln!(self.lines, "{}", JavaText(&record.value.value))?;
        }
        match &mut self.output {
            Some(Output::File(file)) => write(file, &self.lines, &self.name).await,
            Some(Output::Stdout(stdout)) => write(stdout, &self.lines, &self.name).await,
            None => Err(Error::new(ErrorKind::IllegalState, "The task is not started")),
        }
    }

    async fn flush(&mut self, _offsets: &SinkOffsets) -> Result<()> {
        match &mut self.output {
            Some(Output::File(file)) => write(file, &[], &self.name).await,
            Some(Output::Stdout(stdout)) => write(stdout, &[], &self.name).await,
            None => Ok(()),
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.output = None;
        Ok(())
    }
}

/// Writes and flushes, so that a failure belongs to the batch that caused it.
async fn write(output: &mut (impl AsyncWrite + Unpin), bytes: &[u8], name: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        let text = format!("Couldn't write to {name}");
        Error::wrap(ErrorKind::Connect, text, file_error(name, &error))
    };
    output.write_all(bytes).await.map_err(failed)?;
    output.flush().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::{TestContext, sink_record};
    use turnbuckle_api::{SchemaAndValue, Value};

    fn record(value: Value) -> Record {
        sink_record("t", 0, SchemaAndValue::NULL, SchemaAndValue::schemaless(value))
    }

    #[tokio::test]
    async fn values_are_appended_as_java_prints_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        std::fs::write(&path, "before\n").unwrap();
        let props = Props::new().with("file", path.to_str().unwrap());
        let mut task = FileStreamSinkTask::default();
        task.start(TestContext::new(Props::new()), &props).await.unwrap();
        let map = Value::Map(vec![("k".into(), "v".into())]);
        let values = [Value::text("\u{e9}"), Value::Null, Value::Float64(1.5), map];
        let records: Vec<Record> = values.into_iter().map(record).collect();
        task.put(&records).await.unwrap();
        task.put(&[]).await.unwrap();
        task.put(&[record(Value::Boolean(true))]).await.unwrap();
        task.flush(&SinkOffsets::new()).await.unwrap();
        task.stop().await.unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, "before\n\u{e9}\nnull\n1.5\n{k=v}\ntrue\n");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/out.txt");
        let path = path.to_str().unwrap();
        let mut task = FileStreamSinkTask::default();
        let props = Props::new().with("file", path);
        let error = task.start(TestContext::new(Props::new()), &props).await.unwrap_err();
        let trace = error.trace();
        let expected = format!(
            "org.apache.kafka.connect.errors.ConnectException: Couldn't find or create file '{path}' for FileStreamSinkTask\n\
             Caused by: java.nio.file.NoSuchFileException: {path}\n"
        );
        assert_eq!(trace, expected);
    }

    #[tokio::test]
    async fn each_task_gets_the_whole_configuration() {
        let props = Props::new().with("file", "x").with("topics", "t");
        let mut connector = FileStreamSinkConnector::default();
        connector.start(TestContext::new(Props::new()), &props).await.unwrap();
        assert_eq!(connector.task_configs(3).await.unwrap(), vec![props; 3]);
    }
}
