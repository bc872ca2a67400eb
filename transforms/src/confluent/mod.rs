//! Transformations that users' configurations name by Confluent's classes, `io.confluent.connect.transforms.*`, made from
//! their public documentation. docs/transforms.md lists them, and what they leave out.

pub(crate) mod drop;
pub(crate) mod replace_field;
pub(crate) mod tombstone_handler;

use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::transform::Transform;
use turnbuckle_api::{ConfigDef, Props, Result};

/// Descriptor of one of these transformations. They have no version that could be claimed.
const fn transformation(
    class: &'static str,
    config_def: fn() -> &'static ConfigDef,
    create: fn(&Props) -> Result<Box<dyn Transform>>,
) -> Plugin {
    Plugin {
        class,
        version: None,
        config_def,
        kind: PluginKind::Transformation(create),
    }
}
