//! The key that all converters share: which part of a record they serve. The worker sets it, whatever the user wrote.

use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::converter::ConverterRole;
use turnbuckle_api::{Config, Props};

pub(crate) const CONVERTER_TYPE: &str = "converter.type";

/// The roles' names, as `converter.type` has them.
pub(crate) const ROLES: &[&str] = &["key", "value", "header"];

/// Keys of converters that have none of their own (`org.apache.kafka.connect.storage.ConverterConfig`).
#[derive(Config)]
pub(crate) struct RoleOnly {
    /// Which part of a record this converter serves: key, value or header. Set by the worker.
    #[config(key = "converter.type", required, importance = Low, validator = one_of(ROLES))]
    _role: String,
}

/// `props` with the role put in.
pub(crate) fn with_role(props: &Props, role: ConverterRole) -> Props {
    props.clone().with(CONVERTER_TYPE, role.name())
}
