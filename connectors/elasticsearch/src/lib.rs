//! Elasticsearch and OpenSearch sinks, under the class names and keys of the Confluent connector and of Aiven's two.
//!
//! * [`config`]: the keys of each class; all become the same [`config::Settings`].
//! * [`client`]: HTTP to the nodes; [`resources`]: indices, data streams, mappings.
//! * [`sink`]: records → documents → bulk requests → acknowledged offsets.

mod client;
mod config;
mod connector;
mod document;
mod error;
mod mapping;
mod names;
mod resources;
mod sink;
mod tls;

use config::{AivenElasticsearchConfig, AivenOpensearchConfig, ConfluentConfig, Vendor};
use connector::ElasticsearchSinkConnector;
use sink::ElasticsearchSinkTask;
use turnbuckle_api::config::Config;
use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The release of the Confluent connector whose behaviour is matched.
pub(crate) const CONFLUENT_VERSION: &str = "15.1.3";

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin {
            class: "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
            version: Some(CONFLUENT_VERSION),
            config_def: ConfluentConfig::config_def,
            kind: PluginKind::Sink {
                connector: || Box::new(ElasticsearchSinkConnector::new(Vendor::Confluent)),
                task_class: "io.confluent.connect.elasticsearch.ElasticsearchSinkTask",
                task: || Box::new(ElasticsearchSinkTask::new(Vendor::Confluent)),
            },
        },
        Plugin {
            class: "io.aiven.connect.elasticsearch.ElasticsearchSinkConnector",
            version: Some("7.0.0"),
            config_def: AivenElasticsearchConfig::config_def,
            kind: PluginKind::Sink {
                connector: || Box::new(ElasticsearchSinkConnector::new(Vendor::AivenElasticsearch)),
                task_class: "io.aiven.connect.elasticsearch.ElasticsearchSinkTask",
                task: || Box::new(ElasticsearchSinkTask::new(Vendor::AivenElasticsearch)),
            },
        },
        Plugin {
            class: "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector",
            version: Some("3.1.1"),
            config_def: AivenOpensearchConfig::config_def,
            kind: PluginKind::Sink {
                connector: || Box::new(ElasticsearchSinkConnector::new(Vendor::AivenOpensearch)),
                task_class: "io.aiven.kafka.connect.opensearch.OpensearchSinkTask",
                task: || Box::new(ElasticsearchSinkTask::new(Vendor::AivenOpensearch)),
            },
        },
    ]
}
