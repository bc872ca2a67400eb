//! Putting tasks together: plugin, converters, transforms, clients. What fails here fails the start; what fails later fails
//! the task.

use super::clients::SinkClient;
use super::offsets::StoredOffsets;
use super::pipeline::{Chain, ConverterSet, DeadLetterConfig, DeadLetters, ErrorConfig, Operator};
use super::sink::{self, Decoder, SinkContext, SinkParts, SinkTimes, Subscription};
use super::source::{self, Groups, Sender, SenderParts, SourceRun, SourceTimes, TaskGate, TopicCreation, Transactions};
use super::task::{Control, TaskHandle, TaskStatusWriter};
use super::task_configs::Limits;
use super::topics::TopicTracker;
use super::{ConfigResolver, Runtime, unknown_kind};
use crate::herder::{TargetState, TaskId};
use crate::kafka::admin::TopicAdmin;
use crate::kafka::consumer::TaskConsumer;
use crate::kafka::producer::RecordProducer;
use std::sync::Arc;
use turnbuckle_api::config::Config;
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::sink::SinkTask;
use turnbuckle_api::source::{OffsetReader, SourceTask, SourceTaskContext};
use turnbuckle_api::{Error, Props, Result};

/// A task to start.
#[derive(Clone)]
pub struct StartTask {
    pub id: TaskId,
    pub connector_config: Props,
    pub task_config: Props,
    pub target: TargetState,
    /// Tasks that the connector has, to check `tasks.max`.
    pub task_count: usize,
    /// For source tasks with exactly-once support.
    pub gate: Option<Arc<dyn TaskGate>>,
}

/// Context of a source task.
struct SourceContext {
    resolver: ConfigResolver,
    offsets: Arc<StoredOffsets>,
}

impl SourceTaskContext for SourceContext {
    fn configs(&self) -> Result<Props> {
        self.resolver.resolve()
    }

    fn offset_reader(&self) -> Arc<dyn OffsetReader> {
        self.offsets.clone()
    }
}

impl Runtime {
    fn task_plugin(&self, start: &StartTask) -> Result<&Plugin> {
        let class = start.task_config.get("task.class").unwrap_or_default().trim();
        self.plugins
            .connector_of_task(class)
            .ok_or_else(|| Error::invalid_config("task.class", class, format!("Class {class} could not be found.")))
    }

    /// Version that the task's statuses show.
    pub(super) fn task_version(&self, start: &StartTask) -> Option<String> {
        self.task_plugin(start).ok()?.version.map(str::to_string)
    }

    pub(super) async fn make_task(&self, start: StartTask, status: &Arc<TaskStatusWriter>) -> Result<TaskHandle> {
        let resolver = ConfigResolver::new(start.task_config.clone(), self.config.worker.providers.clone());
        let start = StartTask {
            connector_config: self.resolve(&start.connector_config)?,
            task_config: resolver.resolve()?,
            ..start
        };
        Limits::from_props(&start.connector_config)?.check(&start.id.connector, start.task_count)?;
        let plugin = self.task_plugin(&start)?;
        let converters = ConverterSet::new(&self.plugins, &start.connector_config, &self.config.worker.props)?;
        let chain = Chain::new(&self.plugins, &start.connector_config)?;
        match plugin.kind {
            PluginKind::Source { task, .. } => self.make_source(start, resolver, task(), converters, chain, status),
            PluginKind::Sink { task, .. } => self.make_sink(start, resolver, task(), converters, chain, status),
            _ => Err(unknown_kind(plugin.class)),
        }
    }

    fn make_source(
        &self,
        start: StartTask,
        resolver: ConfigResolver,
        task: Box<dyn SourceTask>,
        converters: ConverterSet,
        chain: Chain,
        status: &Arc<TaskStatusWriter>,
    ) -> Result<TaskHandle> {
        let config = &start.connector_config;
        let errors = ErrorConfig::from_props(config)?;
        let groups = match self.config.topic_creation_enable() {
            true => Groups::from_props(config)?,
            false => None,
        };
        let topic_creation = match groups {
            Some(groups) => {
                let admin = TopicAdmin::new(&self.clients.task_admin(config, &start.id)?)?;
                Some(TopicCreation { groups, admin })
            }
            None => None,
        };
        let times = SourceTimes {
            flush_interval: self.config.offset_flush_interval(),
            flush_timeout: self.config.offset_flush_timeout(),
        };
        let transactions = match start.gate {
            Some(gate) => Some(Transactions::from_props(config, gate, times.flush_interval)?),
            None => None,
        };
        let (producer, offsets_topic) = match &transactions {
            Some(_) => {
                let producer = self.clients.transactional_producer(config, &start.id)?;
                (producer, self.clients.offsets_topic().map(str::to_string))
            }
            None => {
                let waits = task.wants_acknowledgements();
                (self.clients.task_producer(config, &start.id, waits)?, None)
            }
        };
        let sender = Sender::new(SenderParts {
            connector: start.id.connector.clone(),
            chain,
            converters,
            operator: Operator::new(start.id.clone(), &errors, None),
            producer: RecordProducer::new(&producer)?,
            topics: self.topic_tracker(&start.id),
            topic_creation,
            offsets: self.offsets.clone(),
            wants_acknowledgements: task.wants_acknowledgements(),
            offsets_topic,
        });
        let offsets = StoredOffsets {
            connector: start.id.connector.clone(),
            store: self.offsets.clone(),
        };
        let context = SourceContext {
            resolver,
            offsets: Arc::new(offsets),
        };
        let run = SourceRun {
            task,
            config: start.task_config,
            context: Arc::new(context),
            sender,
            times,
            transactions,
        };
        let target = Control::from(start.target);
        Ok(TaskHandle::spawn(status.clone(), target, move |control, status| {
            source::run(run, control, status)
        }))
    }

    fn make_sink(
        &self,
        start: StartTask,
        resolver: ConfigResolver,
        task: Box<dyn SinkTask>,
        converters: ConverterSet,
        chain: Chain,
        status: &Arc<TaskStatusWriter>,
    ) -> Result<TaskHandle> {
        let config = &start.connector_config;
        let errors = ErrorConfig::from_props(config)?;
        let dead_letters = DeadLetterConfig::from_props(config)?;
        let SinkClient {
            config: client,
            limits,
            metadata_max_age,
        } = self.clients.task_consumer(config, &start.id)?;
        let subscription = Subscription::from_props(&start.task_config, metadata_max_age)?;
        let dead_letter_clients = match dead_letters.topic.is_empty() {
            true => None,
            false => Some((
                self.clients.dead_letter_producer(config, &start.id)?,
                self.clients.dead_letter_admin(config)?,
            )),
        };
        let topics = self.topic_tracker(&start.id);
        let times = SinkTimes {
            flush_interval: self.config.offset_flush_interval(),
            flush_timeout: self.config.offset_flush_timeout(),
        };
        let (id, config) = (start.id, start.task_config);
        let target = Control::from(start.target);
        Ok(TaskHandle::spawn(
            status.clone(),
            target,
            move |control, status| async move {
                let dead_letters = match dead_letter_clients {
                    Some((producer, admin)) => {
                        Some(DeadLetters::open(id.clone(), &dead_letters, &producer, &admin).await?)
                    }
                    None => None,
                };
                let operator = Arc::new(Operator::new(id, &errors, dead_letters));
                let parts = SinkParts {
                    task,
                    context: Arc::new(SinkContext::new(resolver, &operator)),
                    config,
                    consumer: TaskConsumer::new(&client)?,
                    subscription,
                    decoder: Decoder {
                        chain,
                        converters,
                        keep_raw: operator.reports(),
                        operator,
                    },
                    topics,
                    limits,
                    times,
                };
                sink::run(parts, control, status).await
            },
        ))
    }

    fn topic_tracker(&self, task: &TaskId) -> TopicTracker {
        TopicTracker::new(
            task.clone(),
            self.statuses.clone(),
            self.config.worker.common.topic_tracking_enable,
        )
    }
}
