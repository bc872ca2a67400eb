//! `ReplaceField$Key` and `ReplaceField$Value` by Confluent's name: the same as Kafka's.

use super::transformation;
use crate::replace_field::{Settings, create};
use crate::side::Side;
use turnbuckle_api::Config;
use turnbuckle_api::plugin::Plugin;

pub(crate) const PLUGINS: &[Plugin] = &[
    transformation(
        "io.confluent.connect.transforms.ReplaceField$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    transformation(
        "io.confluent.connect.transforms.ReplaceField$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];
