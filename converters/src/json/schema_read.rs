//! The `schema` part of an envelope → schema (`asConnectSchema`). Cold: each distinct text is read once, see [`super::cache`].

use super::number;
use super::plan::{Node, Reader};
use super::scan::{Fault, Kind, Place, Scanned, Scanner};
use bytes::Bytes;
use turnbuckle_api::{Error, ErrorKind, Field, SchemaBuilder, SchemaRef, Text, Type, Value};

/// Members of a schema object.
struct Members<'a> {
    payload: &'a Bytes,
    members: Vec<(Text, Place)>,
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<Scanner<'a>> {
        let (_, place) = self.members.iter().find(|(known, _)| known == name)?;
        Some(Scanner::at(self.payload, *place))
    }

    /// A member that is a string; others count as absent.
    fn text(&self, name: &str) -> Scanned<Option<Text>> {
        let Some(mut scanner) = self.get(name) else {
            return Ok(None);
        };
        if scanner.kind()? != Kind::String {
            return Ok(None);
        }
        let string = scanner.string()?;
        Ok(Some(scanner.text_of(string)))
    }

    /// A member that is there and not null.
    fn present(&self, name: &str) -> Scanned<Option<Scanner<'a>>> {
        let Some(mut scanner) = self.get(name) else {
            return Ok(None);
        };
        Ok((scanner.kind()? != Kind::Null).then_some(scanner))
    }
}

fn refuse<T>(message: impl Into<String>) -> Scanned<T> {
    Err(Fault::Data(Error::data(message)))
}

/// Reads the schema at the cursor; None for JSON null. `replace_null` as [`Node::compile`] wants it.
pub(super) fn schema(scanner: &mut Scanner<'_>, replace_null: bool) -> Scanned<Option<SchemaRef>> {
    let members = match scanner.kind()? {
        Kind::Null => return Ok(None),
        Kind::Object => Members {
            payload: scanner.payload(),
            members: scanner.members()?,
        },
        _ => return refuse("Schema must contain 'type' field"),
    };
    let Some(type_name) = members.text("type")? else {
        return refuse("Schema must contain 'type' field");
    };
    let mut builder = match type_name.as_ref() {
        "boolean" => SchemaBuilder::new(Type::Boolean),
        "int8" => SchemaBuilder::new(Type::Int8),
        "int16" => SchemaBuilder::new(Type::Int16),
        "int32" => SchemaBuilder::new(Type::Int32),
        "int64" => SchemaBuilder::new(Type::Int64),
        "float" => SchemaBuilder::new(Type::Float32),
        "double" => SchemaBuilder::new(Type::Float64),
        "bytes" => SchemaBuilder::new(Type::Bytes),
        "string" => SchemaBuilder::new(Type::String),
        "array" => {
            let Some(mut items) = members.present("items")? else {
                return refuse("Array schema did not specify the element type");
            };
            SchemaBuilder::array(schema(&mut items, replace_null)?)
        }
        "map" => map(&members, replace_null)?,
        "struct" => SchemaBuilder::new(Type::Struct).fields(fields(&members, replace_null)?),
        unknown => return refuse(format!("Unknown schema type: {unknown}")),
    };
    builder = builder.with_optional(optional(&members)?);
    if let Some(name) = members.text("name")? {
        builder = builder.name(name);
    }
    if let Some(version) = version(&members)? {
        builder = builder.version(version);
    }
    if let Some(doc) = members.text("doc")? {
        builder = builder.doc(doc);
    }
    builder = parameters(&members, builder)?;
    if let Some(mut default) = members.get("default") {
        let node = Node::compile(&builder.clone().finish(), replace_null);
        let value = Reader::exact().value(&node, &mut default)?;
        builder = match value {
            Value::Null if optional(&members)? => builder,
            // Text was wanted and something else was there.
            Value::Null => {
                return Err(Fault::Data(Error::new(
                    ErrorKind::SchemaBuilder,
                    "Invalid default value",
                )));
            }
            value => builder.default_value(value),
        };
    }
    Ok(Some(builder.build()?))
}

fn map(members: &Members<'_>, replace_null: bool) -> Scanned<SchemaBuilder> {
    let Some(mut keys) = members.get("keys") else {
        return refuse("Map schema did not specify the key type");
    };
    let Some(mut values) = members.get("values") else {
        return refuse("Map schema did not specify the value type");
    };
    let (keys, values) = (schema(&mut keys, replace_null)?, schema(&mut values, replace_null)?);
    let absent = |what: &str| Error::new(ErrorKind::SchemaBuilder, format!("{what} cannot be null."));
    let keys = keys.ok_or_else(|| absent("keySchema"))?;
    let values = values.ok_or_else(|| absent("valueSchema"))?;
    Ok(SchemaBuilder::map(Some(keys), Some(values)))
}

fn fields(members: &Members<'_>, replace_null: bool) -> Scanned<Vec<Field>> {
    const NO_ARRAY: &str = "Struct schema's \"fields\" argument is not an array.";
    let Some(mut scanner) = members.get("fields") else {
        return refuse(NO_ARRAY);
    };
    if scanner.kind()? != Kind::Array {
        return refuse(NO_ARRAY);
    }
    scanner.enter()?;
    let mut fields: Vec<Field> = Vec::new();
    while scanner.more(b']', fields.is_empty())? {
        fields.push(field(&mut scanner, replace_null)?);
    }
    Ok(fields)
}

fn field(scanner: &mut Scanner<'_>, replace_null: bool) -> Scanned<Field> {
    const NO_NAME: &str = "Struct schema's field name not specified properly";
    if scanner.kind()? != Kind::Object {
        return refuse(NO_NAME);
    }
    let mut whole = scanner.clone();
    let members = Members {
        payload: scanner.payload(),
        members: scanner.members()?,
    };
    let Some(name) = members.text("field")? else {
        return refuse(NO_NAME);
    };
    let field_schema = schema(&mut whole, replace_null)?;
    if name.is_empty() {
        let text = "fieldName cannot be null.";
        return Err(Fault::Data(Error::new(ErrorKind::SchemaBuilder, text)));
    }
    match field_schema {
        Some(schema) => Ok(Field { name, schema }),
        None => refuse(NO_NAME),
    }
}

fn optional(members: &Members<'_>) -> Scanned<bool> {
    let Some(mut scanner) = members.get("optional") else {
        return Ok(false);
    };
    if scanner.kind()? != Kind::Boolean {
        return Ok(false);
    }
    scanner.boolean()
}

/// Low 32 bits of an integer; anything else counts as absent.
fn version(members: &Members<'_>) -> Scanned<Option<i32>> {
    let Some(mut scanner) = members.get("version") else {
        return Ok(None);
    };
    if scanner.kind()? != Kind::Number {
        return Ok(None);
    }
    let found = scanner.number()?;
    Ok(found.integral.then(|| number::to_i64(found) as i32))
}

fn parameters(members: &Members<'_>, mut builder: SchemaBuilder) -> Scanned<SchemaBuilder> {
    let Some(mut scanner) = members.get("parameters") else {
        return Ok(builder);
    };
    if scanner.kind()? != Kind::Object {
        return Ok(builder);
    }
    for (name, place) in scanner.members()? {
        let mut scanner = Scanner::at(members.payload, place);
        if scanner.kind()? != Kind::String {
            return refuse("Schema parameters must have string values.");
        }
        let string = scanner.string()?;
        builder = builder.parameter(name, scanner.text_of(string));
    }
    Ok(builder)
}

/// What a null value of this schema becomes, told apart once.
#[derive(Debug, Clone)]
pub(super) enum OnNull {
    Null,
    Default(Value),
    Refuse,
}

impl OnNull {
    pub(super) fn of(schema: &SchemaRef, replace_null: bool) -> OnNull {
        match schema.default_value() {
            Some(default) if replace_null => OnNull::Default(default.clone()),
            _ if schema.is_optional() => OnNull::Null,
            _ => OnNull::Refuse,
        }
    }
}
