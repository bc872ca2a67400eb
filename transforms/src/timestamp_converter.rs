//! `TimestampConverter$Key` and `TimestampConverter$Value`: converts a time between text, Unix time and Connect's logical
//! types.
//!
//! Every form is read to milliseconds since the epoch ([`Form::read`]) and written from them ([`Form::write`]).

use crate::date_format::{DateFormat, Zone};
use crate::kafka_transformation;
use crate::logical::MILLIS_PER_DAY;
use crate::plan::Plans;
use crate::side::{Side, not_a_struct, require_map};
use crate::structs::{check_copy, copy_basics, fields_of, fill_default, map_put, read, rebuild};
use turnbuckle_api::config::ConfigChoice;
use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::data::Logical;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, ErrorKind, Props, Record, Result, Schema, SchemaRef, Struct, Text, Type, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.TimestampConverter$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "converting timestamp formats";

#[derive(Config)]
struct Settings {
    /// The field that holds the time; empty if the key or value as a whole is the time.
    #[config(key = "field", default = "", importance = High)]
    field: String,
    /// What the time becomes: `string`, `unix`, `Date`, `Time` or `Timestamp`.
    #[config(key = "target.type", required, importance = High,
             validator = one_of(&["string", "unix", "Date", "Time", "Timestamp"]))]
    target: Form,
    /// Pattern of times in text, read and written, as Java's `SimpleDateFormat` reads it.
    #[config(key = "format", default = "", importance = Medium)]
    format: String,
    /// Unit of Unix times: `seconds`, `milliseconds`, `microseconds` or `nanoseconds`.
    #[config(key = "unix.precision", default = "milliseconds", importance = Low,
             validator = one_of(&["nanoseconds", "microseconds", "milliseconds", "seconds"]))]
    precision: Precision,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

/// How a time is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Unix,
    Date,
    Time,
    Timestamp,
}

impl ConfigChoice for Form {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("string", Form::Text),
        ("unix", Form::Unix),
        ("Date", Form::Date),
        ("Time", Form::Time),
        ("Timestamp", Form::Timestamp),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl ConfigChoice for Precision {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("nanoseconds", Precision::Nanos),
        ("microseconds", Precision::Micros),
        ("milliseconds", Precision::Millis),
        ("seconds", Precision::Seconds),
    ];
}

impl Precision {
    fn to_millis(self, time: i64) -> i64 {
        match self {
            Precision::Seconds => time.saturating_mul(1000),
            Precision::Millis => time,
            Precision::Micros => time / 1000,
            Precision::Nanos => time / 1_000_000,
        }
    }

    fn of_millis(self, millis: i64) -> i64 {
        match self {
            Precision::Seconds => millis / 1000,
            Precision::Millis => millis,
            Precision::Micros => millis.saturating_mul(1000),
            Precision::Nanos => millis.saturating_mul(1_000_000),
        }
    }
}

struct TimestampConverter {
    side: Side,
    field: Text,
    conversion: Conversion,
    with_default: bool,
    plans: Plans<Plan>,
}

struct Conversion {
    target: Form,
    format: Option<DateFormat>,
    precision: Precision,
}

struct Plan {
    target: SchemaRef,
    /// Where the time is, in which form; None if there is no such field.
    time: Option<(usize, Result<Form>)>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    let pattern = settings.format;
    let format = match pattern.trim().is_empty() {
        true if settings.target == Form::Text => {
            return Err(Error::config(
                "TimestampConverter requires format option to be specified when using string timestamps",
            ));
        }
        true => None,
        false => Some(DateFormat::new(&pattern).map_err(|error| {
            Error::config(format!(
                "Invalid value {} for configuration TimestampConverter requires a SimpleDateFormat-compatible pattern for \
                 string timestamps: {pattern}",
                error.headline()
            ))
        })?),
    };
    Ok(Box::new(TimestampConverter {
        side,
        field: settings.field.into(),
        conversion: Conversion {
            target: settings.target,
            format,
            precision: settings.precision,
        },
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
    }))
}

impl Transform for TimestampConverter {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        let conversion = &self.conversion;
        let field = &self.field;
        let Some(schema) = &cell.schema else {
            if cell.value.is_null() || field.is_empty() {
                cell.value = conversion.convert_inferred(&cell.value)?;
                return Ok(Verdict::Keep);
            }
            require_map(&cell.value, PURPOSE)?;
            let time = cell.value.map_get(field).unwrap_or(&Value::Null);
            let converted = conversion.convert_inferred(time)?;
            if let Value::Map(entries) = &mut cell.value {
                map_put(entries, field, converted);
            }
            return Ok(Verdict::Keep);
        };
        let with_default = self.with_default;
        if field.is_empty() {
            let plan = self
                .plans
                .get(schema, |schema| Ok(plan_whole(schema, conversion.target)))?;
            if let Some((_, form)) = &plan.time {
                cell.value = conversion.convert(&cell.value, form)?;
            }
            cell.schema = Some(plan.target.clone());
            return Ok(Verdict::Keep);
        }
        if !matches!(cell.value, Value::Null | Value::Struct(_)) {
            return Err(not_a_struct(&cell.value, PURPOSE));
        }
        let plan = self
            .plans
            .get(schema, |schema| plan_field(schema, field, conversion, with_default))?;
        let Value::Struct(value) = &cell.value else {
            cell.schema = Some(plan.target.clone());
            return Ok(Verdict::Keep);
        };
        let converted = plan.convert(conversion, value, with_default)?;
        rebuild(cell, &plan.target, |mut values| {
            plan.put(&mut values, converted, with_default);
            values
        });
        Ok(Verdict::Keep)
    }
}

impl Plan {
    /// The converted time, after all fields were checked.
    fn convert(&self, conversion: &Conversion, value: &Struct, with_default: bool) -> Result<Value> {
        let mut converted = Value::Null;
        for (index, field) in self.target.fields().iter().enumerate() {
            let item = read(value, index, with_default);
            match &self.time {
                Some((position, form)) if *position == index => {
                    converted = conversion.convert(item, form)?;
                    check_copy(field, &converted, false)?;
                }
                _ => check_copy(field, item, false)?,
            }
        }
        Ok(converted)
    }

    fn put(&self, values: &mut Vec<Value>, converted: Value, with_default: bool) {
        values.resize(self.target.fields().len(), Value::Null);
        if let Some((position, _)) = &self.time {
            values[*position] = converted;
        }
        for (field, value) in self.target.fields().iter().zip(values) {
            fill_default(field, value, with_default);
        }
    }
}

fn plan_whole(schema: &SchemaRef, target: Form) -> Plan {
    Plan {
        target: target.schema(schema.is_optional()),
        time: Some((0, Form::of_schema(schema))),
    }
}

fn plan_field(schema: &SchemaRef, name: &Text, conversion: &Conversion, with_default: bool) -> Result<Plan> {
    let mut time = None;
    let mut target = copy_basics(schema, Schema::structure()).with_optional(schema.is_optional());
    for (index, field) in fields_of(schema)?.iter().enumerate() {
        let mut field_schema = field.schema.clone();
        if field.name == *name {
            time = Some((index, Form::of_schema(&field.schema)));
            field_schema = conversion.target.schema(field.schema.is_optional());
        }
        target = target.field(field.name.clone(), field_schema);
    }
    let mut plan = Plan {
        target: target.clone().build()?,
        time,
    };
    if let Some(Value::Struct(default)) = schema.default_value() {
        let converted = plan.convert(conversion, default, with_default)?;
        let mut values = default.values().to_vec();
        plan.put(&mut values, converted, with_default);
        let default = Value::Struct(Struct::new(plan.target.clone(), values));
        // Not checked again: a default's own schema has no default, so it never equals the schema it is the default of.
        plan.target = target.default_value(default).finish();
    }
    Ok(plan)
}

impl Form {
    /// How a value of this schema holds a time.
    fn of_schema(schema: &SchemaRef) -> Result<Form> {
        Ok(match (schema.logical(), schema.kind()) {
            (Some(Logical::Timestamp), _) => Form::Timestamp,
            (Some(Logical::Date), _) => Form::Date,
            (Some(Logical::Time), _) => Form::Time,
            (_, Type::String) => Form::Text,
            (_, Type::Int64) => Form::Unix,
            (_, kind) => {
                let shown = match schema.name() {
                    Some(name) => format!("{name}:{kind}"),
                    None => kind.to_string(),
                };
                return Err(Error::connect(format!(
                    "Schema Schema{{{shown}}} does not correspond to a known timestamp type format"
                )));
            }
        })
    }

    fn schema(self, optional: bool) -> SchemaRef {
        match self {
            Form::Text => Schema::primitive(Type::String, optional),
            Form::Unix => Schema::primitive(Type::Int64, optional),
            Form::Date => Schema::date().with_optional(optional).finish(),
            Form::Time => Schema::time().with_optional(optional).finish(),
            Form::Timestamp => Schema::timestamp().with_optional(optional).finish(),
        }
    }

    /// Milliseconds since the epoch, and the zone that the text named.
    fn read(self, conversion: &Conversion, value: &Value) -> Result<(i64, Option<Zone>)> {
        let class = value.java_class();
        let name = match (self, value) {
            (Form::Text, Value::String(text)) => return conversion.parse(text),
            (Form::Text, _) => {
                let text = format!("Expected string timestamp to be a String, but found class {class}");
                return Err(Error::data(text));
            }
            (Form::Unix, Value::Int64(time)) => return Ok((conversion.precision.to_millis(*time), None)),
            (Form::Unix, _) => {
                let text = format!("Expected Unix timestamp to be a Long, but found class {class}");
                return Err(Error::data(text));
            }
            (_, Value::Date(millis)) => return Ok((*millis, None)),
            (Form::Date, _) => "Date",
            (Form::Time, _) => "Time",
            (Form::Timestamp, _) => "Timestamp",
        };
        Err(Error::data(format!(
            "Expected {name} to be a java.util.Date, but found class {class}"
        )))
    }

    fn write(self, conversion: &Conversion, millis: i64, zone: Option<Zone>) -> Value {
        match self {
            Form::Text => {
                let mut text = String::new();
                if let Some(format) = &conversion.format {
                    format.append(millis, zone, &mut text);
                }
                text.into()
            }
            Form::Unix => Value::Int64(conversion.precision.of_millis(millis)),
            Form::Date => Value::Date(millis.saturating_sub(millis.rem_euclid(MILLIS_PER_DAY))),
            Form::Time => Value::Date(millis.rem_euclid(MILLIS_PER_DAY)),
            Form::Timestamp => Value::Date(millis),
        }
    }
}

impl Conversion {
    fn convert(&self, value: &Value, form: &Result<Form>) -> Result<Value> {
        let form = *form.as_ref().map_err(Clone::clone)?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        let (millis, zone) = form.read(self, value)?;
        Ok(self.target.write(self, millis, zone))
    }

    /// Converts a value without schema by its class.
    fn convert_inferred(&self, value: &Value) -> Result<Value> {
        let form = match value {
            Value::Null => return Ok(Value::Null),
            Value::Date(_) => Form::Timestamp,
            Value::Int64(_) => Form::Unix,
            Value::String(_) => Form::Text,
            other => {
                let class = other.java_class();
                return Err(Error::data(format!(
                    "TimestampConverter does not support class {class} objects as timestamps"
                )));
            }
        };
        self.convert(value, &Ok(form))
    }

    fn parse(&self, text: &str) -> Result<(i64, Option<Zone>)> {
        let Some(format) = &self.format else {
            let message = "A text can only be read as a time if 'format' says its pattern; set 'format'";
            return Err(Error::new(ErrorKind::NullPointer, message));
        };
        format.parse(text).ok_or_else(|| {
            let pattern = format.pattern();
            Error::data(format!(
                "Could not parse timestamp: value ({text}) does not match pattern ({pattern})"
            ))
        })
    }
}
