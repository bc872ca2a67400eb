//! Avro schema and `arg.properties` to steps.

use super::properties::Properties;
use super::{Counted, Keys, Length, Narrow, Plan, RUNTIME_EXCEPTION, RecordPlan, Step, TextStep};
use crate::iteration::{DecimalCounter, Integral, Iteration};
use serde_json::Value as Json;
use std::collections::HashMap;
use turnbuckle_api::data::{Logical, Type};
use turnbuckle_api::{Error, Result, Schema, SchemaRef, Value};
use turnbuckle_converters::avro::model::{
    AvroSchema, Kind, NodeId, Shape, UnionShape, connect_schema, value_from_json,
};

/// Compiles the plan of a schema. `generation` records were made before: counters start after them.
///
/// # Errors
/// `RuntimeException` that names the field and the property that can't be used; `DataException` for what Connect has no
/// place for.
pub(crate) fn compile(avro: &AvroSchema, generation: i64) -> Result<Plan> {
    if !matches!(avro.kind(avro.root), Kind::Record(_)) {
        let found = avro.kind(avro.root).type_name();
        return Err(Error::new(
            RUNTIME_EXCEPTION,
            format!("The schema must be a record, whose fields become those of the message; it is of type {found}"),
        ));
    }
    let (schema, shape) = connect_schema(avro, avro.root)?;
    let schema = schema.ok_or_else(|| Error::data("A record of schemaless data can't be generated"))?;
    let mut compiler = Compiler {
        avro,
        generation,
        records: Vec::new(),
        iterations: Vec::new(),
        counters: HashMap::new(),
        enclosing: Vec::new(),
    };
    let root = compiler.step(avro.root, &shape, "the schema")?;
    Ok(Plan {
        schema,
        records: compiler.records,
        root,
        iterations: compiler.iterations,
    })
}

struct Compiler<'a> {
    avro: &'a AvroSchema,
    generation: i64,
    records: Vec<RecordPlan>,
    iterations: Vec<Iteration>,
    /// A type that is used in several places counts through all of them.
    counters: HashMap<NodeId, usize>,
    /// Records that are being compiled, with their plan's position.
    enclosing: Vec<(NodeId, usize)>,
}

impl<'a> Compiler<'a> {
    fn step(&mut self, id: NodeId, shape: &Shape, place: &str) -> Result<Step> {
        let avro = self.avro;
        let properties = Properties::of(&avro.node(id).props, place)?;
        if properties.has("options") {
            return Ok(Step::Options(self.options(id, shape, properties)?));
        }
        let step = if properties.has("iteration") {
            self.iteration(id, properties)?
        } else {
            self.plain(id, shape, properties)?
        };
        Ok(match shape {
            Shape::Scalar(Type::Int8, _) => Step::Narrow {
                to: Narrow::Int8,
                step: Box::new(step),
            },
            Shape::Scalar(Type::Int16, _) => Step::Narrow {
                to: Narrow::Int16,
                step: Box::new(step),
            },
            Shape::Scalar(_, Some(logical)) if logical.kind != Logical::Decimal => Step::Logical {
                shape: *logical,
                step: Box::new(step),
            },
            _ => step,
        })
    }

    /// A type without `options` and `iteration`.
    fn plain(&mut self, id: NodeId, shape: &Shape, properties: Properties<'_>) -> Result<Step> {
        let avro = self.avro;
        let place = properties.place();
        Ok(match (avro.kind(id), shape) {
            (Kind::Null, _) => Step::Null,
            (Kind::Boolean, _) => match properties.decimal("odds")? {
                None => Step::Boolean,
                Some(odds) if (0.0..=1.0).contains(&odds) => Step::Odds(odds),
                Some(odds) => return Err(properties.refuse(format!("'odds' must be from 0.0 to 1.0, not {odds}"))),
            },
            (Kind::Int, _) => {
                let range = properties.int_range(i64::from(i32::MIN), i64::from(i32::MAX))?;
                range.map_or(Step::Int, Step::IntRange)
            }
            (Kind::Long, _) => properties
                .int_range(i64::MIN, i64::MAX)?
                .map_or(Step::Long, Step::LongRange),
            (Kind::Float, _) => match properties.decimal_range(f64::from(f32::MAX), Properties::float)? {
                None => Step::Float,
                Some((min, max)) => Step::FloatRange {
                    min: min as f32,
                    max: max as f32,
                },
            },
            (Kind::Double, _) => match properties.decimal_range(f64::MAX, Properties::decimal)? {
                None => Step::Double,
                Some((min, max)) => Step::DoubleRange { min, max },
            },
            (Kind::String, _) => Step::Text(text_step(properties, properties.length()?)?),
            (Kind::Bytes | Kind::Fixed { .. }, Shape::Scalar(_, Some(logical))) => {
                self.decimal(id, logical.scale, properties)?
            }
            (Kind::Bytes, _) => Step::Bytes(properties.length()?),
            (Kind::Fixed { size, .. }, _) => Step::Fixed(*size),
            (Kind::Enum(kind), _) => {
                Step::Options(kind.symbols.iter().map(|symbol| Value::text(symbol.as_str())).collect())
            }
            (Kind::Array(items), Shape::Array(item_shape)) => Step::Array {
                length: properties.length()?,
                item: Box::new(self.step(*items, item_shape, &format!("{place}[]"))?),
            },
            (Kind::Array(_), _) => {
                return Err(Error::new(
                    RUNTIME_EXCEPTION,
                    format!("{place}: arrays of entries that stand for maps are not supported; use an Avro map"),
                ));
            }
            (Kind::Map(values), Shape::Map(value_shape)) => Step::Map {
                length: properties.length()?,
                keys: self.keys(properties)?,
                value: Box::new(self.step(*values, value_shape, &format!("{place}{{}}"))?),
            },
            (Kind::Record(record), Shape::Struct(structure)) => {
                let position = self.records.len();
                self.records.push(RecordPlan {
                    schema: structure.schema.clone(),
                    fields: Vec::new(),
                });
                self.enclosing.push((id, position));
                let mut fields = Vec::with_capacity(record.fields.len());
                for (field, field_shape) in record.fields.iter().zip(&structure.fields) {
                    let field_place = match self.enclosing.len() {
                        1 => format!("field {}", field.name),
                        _ => format!("{place}.{}", field.name),
                    };
                    fields.push(self.step(field.node, field_shape, &field_place)?);
                }
                self.enclosing.pop();
                self.records[position].fields = fields;
                Step::Record(position)
            }
            (Kind::Record(_), Shape::Recursive) => {
                let enclosing = self.enclosing.iter().rev().find(|(node, _)| *node == id);
                enclosing.map_or(Step::Null, |(_, position)| Step::Record(*position))
            }
            (Kind::Union(members), shape) => self.union(members, shape, place)?,
            (kind, _) => {
                return Err(Error::new(
                    RUNTIME_EXCEPTION,
                    format!("{place}: values of type {} can't be made here", kind.type_name()),
                ));
            }
        })
    }

    fn union(&mut self, members: &[NodeId], shape: &Shape, place: &str) -> Result<Step> {
        let steps: Result<Vec<Step>> = match shape {
            Shape::Nullable(inner) => members.iter().map(|member| self.step(*member, inner, place)).collect(),
            Shape::Union(union) => {
                let each = members.iter().enumerate();
                each.map(|(position, member)| self.member(*member, position, union, place))
                    .collect()
            }
            _ => Err(Error::new(
                RUNTIME_EXCEPTION,
                format!("{place}: this union can't be made"),
            )),
        };
        Ok(Step::Union(steps?.into_boxed_slice()))
    }

    fn member(&mut self, id: NodeId, position: usize, union: &UnionShape, place: &str) -> Result<Step> {
        let Some(member) = union.members.get(position).and_then(Option::as_ref) else {
            return Ok(Step::Null);
        };
        let field = member.field.clone().map_err(Error::data)?;
        Ok(Step::Member {
            schema: union.schema.clone(),
            field,
            step: Box::new(self.step(id, &member.shape, place)?),
        })
    }

    /// A decimal; `range` counts in its own numbers.
    fn decimal(&self, id: NodeId, scale: i32, properties: Properties<'_>) -> Result<Step> {
        if let Some((min, max)) = properties.decimal_range(f64::MAX, Properties::decimal)? {
            let unit = 10f64.powi(scale);
            let (min, max) = ((min * unit).round(), (max * unit).round());
            if min.abs() >= 9e18 || max.abs() >= 9e18 || min >= max {
                return Err(
                    properties.refuse("'range' must have both ends, with a number between them that fits 64 bits")
                );
            }
            let range = super::IntRange {
                min: min as i64,
                span: max - min,
            };
            return Ok(Step::DecimalRange { range, scale });
        }
        let precision = self.avro.node(id).props.get("precision").and_then(Json::as_u64);
        let precision = precision.and_then(|precision| u32::try_from(precision).ok());
        match precision.filter(|precision| (1..=10_000).contains(precision)) {
            Some(precision) => Ok(Step::Decimal { precision, scale }),
            None => Err(Error::new(
                RUNTIME_EXCEPTION,
                format!("{}: a decimal needs a precision from 1 to 10000", properties.place()),
            )),
        }
    }

    fn keys(&mut self, properties: Properties<'_>) -> Result<Keys> {
        let Some(keys) = properties.part("keys")? else {
            let length = Length { min: 1, max: 2 };
            return Ok(Keys::Text(TextStep {
                prefix: String::new(),
                suffix: String::new(),
                length,
                pattern: None,
            }));
        };
        if keys.has("options") {
            let mut text_only = AvroSchema {
                nodes: Vec::new(),
                root: 0,
            };
            text_only.nodes.push(turnbuckle_converters::avro::model::Node {
                kind: Kind::String,
                props: serde_json::Map::new(),
            });
            let shape = Shape::Scalar(Type::String, None);
            return Ok(Keys::Options(read_options(&text_only, 0, &shape, keys)?));
        }
        Ok(Keys::Text(text_step(keys, keys.length()?)?))
    }

    fn options(&self, id: NodeId, shape: &Shape, properties: Properties<'_>) -> Result<Box<[Value]>> {
        if matches!(shape, Shape::Recursive) {
            return Err(properties.refuse("'options' are not supported for a record inside itself"));
        }
        read_options(self.avro, id, shape, properties)
    }

    fn iteration(&mut self, id: NodeId, properties: Properties<'_>) -> Result<Step> {
        properties.exclude("iteration", &["length", "regex", "options", "range"])?;
        let Some(settings) = properties.part("iteration")? else {
            return Ok(Step::Null);
        };
        let avro = self.avro;
        let kind = match avro.kind(id) {
            Kind::Boolean => Counted::Boolean,
            Kind::Int => Counted::Int,
            Kind::Long => Counted::Long,
            Kind::Float => Counted::Float,
            Kind::Double => Counted::Double,
            Kind::String => {
                let (prefix, suffix) = affixes(properties)?;
                Counted::Text { prefix, suffix }
            }
            other => {
                return Err(properties.refuse(format!(
                    "'iteration' is for numbers, booleans and strings, not for {}",
                    other.type_name()
                )));
            }
        };
        let counter = match self.counters.get(&id) {
            Some(counter) => *counter,
            None => {
                let iteration = self.counter(&kind, settings)?;
                self.iterations.push(iteration);
                self.counters.insert(id, self.iterations.len() - 1);
                self.iterations.len() - 1
            }
        };
        Ok(Step::Iteration { counter, kind })
    }

    fn counter(&self, kind: &Counted, settings: Properties<'_>) -> Result<Iteration> {
        let no_start = || settings.refuse("must contain 'start'");
        match kind {
            Counted::Boolean => {
                let start = settings.boolean("start")?.ok_or_else(no_start)?;
                for key in ["restart", "step"] {
                    if settings.has(key) {
                        return Err(settings.refuse(format!("can't contain '{key}' for a boolean")));
                    }
                }
                Ok(Iteration::Boolean((self.generation % 2 == 1) ^ start))
            }
            Counted::Float | Counted::Double => {
                let is_float = matches!(kind, Counted::Float);
                let read = |key| {
                    if is_float {
                        settings.float(key)
                    } else {
                        settings.decimal(key)
                    }
                };
                let start = read("start")?.ok_or_else(no_start)?;
                let (restart, step) = (read("restart")?, read("step")?);
                let step = direction(settings, start, restart, step)?;
                let initial = read("initial")?.unwrap_or(start);
                let counter = DecimalCounter::new(start, restart, step, initial, self.generation);
                let counter = counter.ok_or_else(|| {
                    settings.refuse("'start', 'restart', 'step' and 'initial' together have more than 18 digits")
                })?;
                Ok(Iteration::Decimal(counter))
            }
            Counted::Int | Counted::Long | Counted::Text { .. } => {
                let is_long = matches!(kind, Counted::Long);
                let read = |key| {
                    if is_long {
                        settings.integral(key)
                    } else {
                        settings.int(key)
                    }
                };
                let start = read("start")?.ok_or_else(no_start)?;
                let (restart, step) = (read("restart")?, read("step")?);
                let as_decimal = |number: i64| number as f64;
                let order =
                    restart.map(|restart| as_decimal((restart > start).into()) - as_decimal((restart < start).into()));
                let step = match step {
                    Some(step) => {
                        direction(settings, 0.0, order, Some(as_decimal(step.signum())))?;
                        step
                    }
                    None => direction(settings, 0.0, order, None)? as i64,
                };
                let default_restart = match (is_long, step > 0) {
                    (true, true) => i64::MAX,
                    (true, false) => i64::MIN,
                    (false, true) => i64::from(i32::MAX),
                    (false, false) => -i64::from(i32::MIN),
                };
                let restart = restart.unwrap_or(default_restart);
                let initial = read("initial")?.unwrap_or(start);
                Ok(Iteration::Integral(Integral::new(
                    start,
                    restart,
                    step,
                    initial,
                    self.generation,
                )))
            }
        }
    }
}

/// The step, which must lead from `start` to `restart`; 1 in the right direction if none is given.
fn direction(settings: Properties<'_>, start: f64, restart: Option<f64>, step: Option<f64>) -> Result<f64> {
    if step == Some(0.0) {
        return Err(settings.refuse("'step' can't be zero"));
    }
    let Some(restart) = restart else {
        return Ok(step.unwrap_or(1.0));
    };
    if restart == start {
        return Err(settings.refuse("'start' and 'restart' can't be equal"));
    }
    let forward = restart > start;
    match step {
        None => Ok(if forward { 1.0 } else { -1.0 }),
        Some(step) if forward && step < 0.0 => {
            Err(settings.refuse("'step' must be positive when 'restart' is greater than 'start'"))
        }
        Some(step) if !forward && step > 0.0 => {
            Err(settings.refuse("'step' must be negative when 'restart' is less than 'start'"))
        }
        Some(step) => Ok(step),
    }
}

fn affixes(properties: Properties<'_>) -> Result<(String, String)> {
    let read = |key| Ok::<_, Error>(properties.text(key)?.unwrap_or_default().to_string());
    Ok((read("prefix")?, read("suffix")?))
}

fn text_step(properties: Properties<'_>, length: Length) -> Result<TextStep> {
    let (prefix, suffix) = affixes(properties)?;
    Ok(TextStep {
        prefix,
        suffix,
        length,
        pattern: properties.pattern()?,
    })
}

/// `options`: a list of values, or a file of them.
fn read_options(avro: &AvroSchema, id: NodeId, shape: &Shape, properties: Properties<'_>) -> Result<Box<[Value]>> {
    properties.exclude("options", &["length", "regex", "iteration", "range"])?;
    let from_file;
    let list = match properties.get("options") {
        Some(Json::Array(list)) => list,
        Some(Json::Object(_)) => {
            from_file = read_options_file(properties)?;
            &from_file
        }
        other => {
            let found = other.map_or_else(|| "null".to_string(), Json::to_string);
            return Err(properties.refuse(format!("'options' must be an array or an object, not {found}")));
        }
    };
    if list.is_empty() {
        return Err(properties.refuse("'options' can't be empty"));
    }
    let read = |option: &Json| {
        value_from_json(avro, id, shape, option).ok_or_else(|| {
            let kind = avro.kind(id).type_name();
            properties.refuse(format!("the option {option} is not of the schema's type {kind}"))
        })
    };
    list.iter().map(read).collect()
}

/// `{"file": …, "encoding": "json"}`: JSON values one after the other.
fn read_options_file(properties: Properties<'_>) -> Result<Vec<Json>> {
    let Some(options) = properties.part("options")? else {
        return Ok(Vec::new());
    };
    let missing = |key| options.refuse(format!("must contain '{key}' when given as object"));
    let file = options.text("file")?.ok_or_else(|| missing("file"))?;
    let encoding = options.text("encoding")?.ok_or_else(|| missing("encoding"))?;
    match encoding {
        "json" => {}
        "binary" => {
            return Err(options.refuse("'encoding' binary is not supported; write the values as JSON and say \"json\""));
        }
        other => return Err(options.refuse(format!("'encoding' must be json, not {other}"))),
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| options.refuse(format!("unable to read the options file '{file}': {error}")))?;
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
    values
        .collect::<std::result::Result<Vec<Json>, _>>()
        .map_err(|error| options.refuse(format!("the options file '{file}' is not JSON: {error}")))
}

/// Position and schema of a field taken by itself, as keys have it; None if there is no such field.
pub(crate) fn field_schema(avro: &AvroSchema, name: &str) -> Result<Option<(usize, SchemaRef)>> {
    let Kind::Record(record) = avro.kind(avro.root) else {
        return Ok(None);
    };
    let Some(position) = record.fields.iter().position(|field| field.name == name) else {
        return Ok(None);
    };
    let (schema, _) = connect_schema(avro, record.fields[position].node)?;
    let schema = schema.unwrap_or_else(|| Schema::primitive(Type::String, true));
    Ok(Some((position, schema)))
}
