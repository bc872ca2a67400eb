//! Keys of `io.aiven.connect.elasticsearch.ElasticsearchSinkConnector`.

use super::checks::{one_of_any_case, url_list};
use super::*;

/// All keys.
#[derive(Clone, Debug, Config)]
pub(crate) struct AivenElasticsearchConfig {
    /// Addresses of nodes, such as ``http://host1:9200,http://host2:9200``.
    #[config(key = "connection.url", required, importance = High, group = "Connector", width = Long,
             display = "Connection URLs", validator = url_list())]
    pub(crate) urls: Vec<String>,
    /// User to log in as. Needs a password as well.
    #[config(key = "connection.username", group = "Connector", width = Short, display = "Connection Username")]
    pub(crate) username: Option<String>,
    /// Password of the user.
    #[config(key = "connection.password", group = "Connector", width = Short, display = "Connection Password")]
    pub(crate) password: Option<Password>,
    /// Most records of one bulk request.
    #[config(key = "batch.size", default = "2000", group = "Connector", width = Short, display = "Batch Size")]
    pub(crate) batch_size: i32,
    /// Most bulk requests on their way at once.
    #[config(key = "max.in.flight.requests", default = "5", group = "Connector", width = Short,
             display = "Max In-flight Requests")]
    pub(crate) in_flight: i32,
    /// Most records that a task holds before it takes no more.
    #[config(key = "max.buffered.records", default = "20000", importance = Low, group = "Connector", width = Short,
             display = "Max Buffered Records")]
    pub(crate) buffered: i32,
    /// How long a bulk request that is not full waits for further records, in milliseconds.
    #[config(key = "linger.ms", default = "1", importance = Low, group = "Connector", width = Short,
             display = "Linger (ms)")]
    pub(crate) linger_ms: i64,
    /// How long to wait for outstanding requests when flushing, and for room for further records. The task fails after.
    #[config(key = "flush.timeout.ms", default = "10000", importance = Low, group = "Connector", width = Short,
             display = "Flush Timeout (ms)")]
    pub(crate) flush_timeout_ms: i64,
    /// How often a failed request is repeated before the task fails.
    #[config(key = "max.retries", default = "5", importance = Low, group = "Connector", width = Short,
             display = "Max Retries")]
    pub(crate) retries: i32,
    /// Longest wait before the first repetition in milliseconds; it doubles with each.
    #[config(key = "retry.backoff.ms", default = "100", importance = Low, group = "Connector", width = Short,
             display = "Retry Backoff (ms)")]
    pub(crate) backoff_ms: i64,
    /// How long connecting may take, in milliseconds; 0 for no limit.
    #[config(key = "connection.timeout.ms", default = "1000", importance = Low, group = "Connector", width = Short,
             display = "Connection Timeout")]
    pub(crate) connect_timeout_ms: i32,
    /// How long a node may be silent while it owes an answer, in milliseconds; 0 for no limit.
    #[config(key = "read.timeout.ms", default = "3000", importance = Low, group = "Connector", width = Short,
             display = "Read Timeout")]
    pub(crate) read_timeout_ms: i32,

    /// Type of documents; servers have none any more, so it is not sent.
    #[config(key = "type.name", required, importance = High, group = "Data Conversion", width = Short,
             display = "Type Name")]
    pub(crate) type_name: String,
    /// True: ids of documents are ``topic+partition+offset``, whatever the keys. ``topic.key.ignore`` says so for some
    /// topics only.
    #[config(key = "key.ignore", default = "false", importance = High, group = "Data Conversion", width = Short,
             display = "Ignore Key mode")]
    pub(crate) key_ignore: bool,
    /// True: no mapping is made from schemas. ``topic.schema.ignore`` says so for some topics only.
    #[config(key = "schema.ignore", default = "false", importance = Low, group = "Data Conversion", width = Short,
             display = "Ignore Schema mode")]
    pub(crate) schema_ignore: bool,
    /// True: maps with text keys become objects. False: they become lists of ``{"key": …, "value": …}``, as maps with
    /// other keys always do.
    #[config(key = "compact.map.entries", default = "true", importance = Low, group = "Data Conversion", width = Short,
             display = "Compact Map Entries")]
    pub(crate) compact_maps: bool,
    /// Which topic goes to which index: ``topic:index``, separated by commas. Others go to the index of their name.
    #[config(key = "topic.index.map", default = "", importance = Low, group = "Data Conversion", width = Long,
             display = "Topic to Index Map")]
    pub(crate) topic_index_map: Vec<String>,
    /// Topics for which ``key.ignore`` is true.
    #[config(key = "topic.key.ignore", default = "", importance = Low, group = "Data Conversion", width = Long,
             display = "Topics for 'Ignore Key' mode")]
    pub(crate) topic_key_ignore: Vec<String>,
    /// Topics for which ``schema.ignore`` is true.
    #[config(key = "topic.schema.ignore", default = "", importance = Low, group = "Data Conversion", width = Long,
             display = "Topics for 'Ignore Schema' mode")]
    pub(crate) topic_schema_ignore: Vec<String>,
    /// True: records of which no document can be made are passed over. False: the task fails.
    #[config(key = "drop.invalid.message", default = "false", importance = Low, group = "Data Conversion", width = Long,
             display = "Drop invalid messages")]
    pub(crate) drop_invalid: bool,
    /// What a record with a key and no value does: ``ignore``, ``delete`` the document, ``fail``.
    #[config(key = "behavior.on.null.values", default = "ignore", importance = Low, group = "Data Conversion",
             width = Short, display = "Behavior for null-valued records",
             validator = one_of_any_case(&["ignore", "delete", "fail"]))]
    pub(crate) null_values: NullBehavior,
    /// What to do about a document that is refused as it is: ``ignore``, ``warn`` in the log, ``fail``.
    #[config(key = "behavior.on.malformed.documents", default = "fail", importance = Low, group = "Data Conversion",
             width = Short, display = "Behavior on malformed documents",
             validator = one_of_any_case(&["ignore", "warn", "fail"]))]
    pub(crate) malformed: Behavior,
}

impl AivenElasticsearchConfig {
    /// # Errors
    /// None so far; as the other classes.
    pub(crate) fn settings(&self) -> Result<Settings> {
        if self.type_name != "_doc" {
            tracing::warn!(
                type_name = self.type_name,
                "type.name is ignored: servers have no types any more"
            );
        }
        Ok(Settings {
            connection: Connection {
                urls: self.urls.clone(),
                login: self.username.clone().zip(self.password.clone()),
                connect_timeout: limit(self.connect_timeout_ms),
                read_timeout: limit(self.read_timeout_ms),
                idle_timeout: None,
                compression: false,
                proxy: None,
                tls: Tls::plain("connection."),
            },
            bulk: Bulk {
                batch_size: count(self.batch_size).max(1),
                bytes: DEFAULT_BULK_BYTES,
                in_flight: count(self.in_flight).max(1),
                buffered: count(self.buffered).max(1),
                linger: millis(self.linger_ms),
                flush_timeout: millis(self.flush_timeout_ms),
                flush_synchronously: true,
                retries: u32::try_from(self.retries).unwrap_or(0),
                backoff: millis(self.backoff_ms),
            },
            resources: Resources {
                naming: Naming::LowerCase {
                    exceptions: pairs(&self.topic_index_map),
                },
                data_stream: false,
                provision: Provision::Separate,
            },
            documents: Documents {
                write: WriteMethod::Insert,
                doc_as_upsert: false,
                retry_on_conflict: 0,
                ids: Ids {
                    ignore_key: PerTopic::new(self.key_ignore, &self.topic_key_ignore),
                    otherwise: OtherId::Coordinates,
                },
                ignore_schema: PerTopic::new(self.schema_ignore, &self.topic_schema_ignore),
                compact_maps: self.compact_maps,
                null_values: self.null_values,
                report_ignored_nulls: false,
                drop_invalid: self.drop_invalid,
                version_header: None,
                routing: Routing::None,
                timestamp: Timestamp::None,
            },
            outcomes: Outcomes {
                malformed: self.malformed,
                conflict: Conflict::Behavior(Behavior::Ignore),
                report_refused: true,
                vendor: Vendor::AivenElasticsearch,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_the_topic_index_map() {
        let props = Props::new()
            .with("connection.url", "http://a:9200")
            .with("type.name", "_doc");
        let settings = Vendor::AivenElasticsearch.settings(&props).unwrap();
        assert_eq!(settings.documents.null_values, NullBehavior::Ignore);
        assert_eq!(settings.bulk.flush_timeout, Duration::from_secs(10));
        let settings = Vendor::AivenElasticsearch
            .settings(&props.with("topic.index.map", "A:b, C:d"))
            .unwrap();
        assert_eq!(settings.resources.naming.of("C").unwrap(), "d");
        let without_type = Props::new().with("connection.url", "http://a:9200");
        let error = Vendor::AivenElasticsearch.settings(&without_type).unwrap_err();
        assert!(
            error.to_string().contains("\"type.name\" which has no default value"),
            "{error}"
        );
    }
}
