//! The `spec` of Cast: one type for the whole, or a type for each of some fields.

use turnbuckle_api::config::{ParsedValue, Validator};
use turnbuckle_api::{Error, ErrorKind, Result, Text, Type};

/// Types that can be cast to, as messages list them.
pub(super) const OUTPUTS: [Type; 8] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
];

/// A parsed spec.
#[derive(Debug)]
pub(super) enum Spec {
    Whole(Type),
    Fields(Vec<(Text, Type)>),
}

pub(super) fn spec_validator() -> Validator {
    Validator::new(|_, value| match value {
        ParsedValue::List(items) if !items.is_empty() => Spec::parse(items).map(|_| ()),
        _ => Err(Error::config("Must specify at least one field to cast.")),
    })
}

impl Spec {
    pub(super) fn parse(items: &[String]) -> Result<Spec> {
        let mut fields: Vec<(Text, Type)> = Vec::with_capacity(items.len());
        let mut whole = None;
        for item in items {
            // Colons at the end do not count, except that of an item that is nothing else.
            let parts: Vec<&str> = match item.is_empty() {
                true => vec![""],
                false => item.trim_end_matches(':').split(':').collect(),
            };
            match parts[..] {
                [""] if !item.is_empty() => {
                    let class = ErrorKind::Class("java.lang.ArrayIndexOutOfBoundsException");
                    let text = format!("Invalid value {item} for configuration spec: neither a type nor field:type");
                    return Err(Error::new(class, text));
                }
                [kind] => whole = Some(output_type(kind)?),
                [name, kind] => {
                    let kind = output_type(kind)?;
                    let name = name.trim();
                    match fields.iter_mut().find(|(known, _)| known == name) {
                        Some(field) => field.1 = kind,
                        None => fields.push((name.into(), kind)),
                    }
                }
                _ => {
                    let items = ParsedValue::List(items.to_vec());
                    // The key is that of another transformation, as in Kafka.
                    return Err(Error::invalid_config(
                        "renames",
                        items,
                        format!("Invalid rename mapping: {item}"),
                    ));
                }
            }
        }
        match whole {
            None => Ok(Spec::Fields(fields)),
            Some(_) if items.len() > 1 => Err(Error::config(
                "Cast transformations that specify a type to cast the entire value to may only specify a single cast in \
                 their spec",
            )),
            Some(kind) => Ok(Spec::Whole(kind)),
        }
    }
}

fn output_type(name: &str) -> Result<Type> {
    let name = name.trim();
    let upper = name.to_uppercase();
    let Some(kind) = Type::ALL.into_iter().find(|kind| kind.constant() == upper) else {
        return Err(Error::config(format!(
            "Invalid value java.lang.IllegalArgumentException: No enum constant \
             org.apache.kafka.connect.data.Schema.Type.{upper} for configuration Invalid type found in casting spec: {name}"
        )));
    };
    if !OUTPUTS.contains(&kind) {
        let supported = list(&OUTPUTS);
        return Err(Error::config(format!(
            "Cast transformation does not support casting to {kind}; supported types are {supported}"
        )));
    }
    Ok(kind)
}

/// `[INT8, INT16]`
pub(super) fn list(kinds: &[Type]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.constant()).collect();
    format!("[{}]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_types_or_pairs() {
        let parse = |text: &str| Spec::parse(&text.split(',').map(str::to_string).collect::<Vec<_>>());
        assert!(matches!(parse("INT8"), Ok(Spec::Whole(Type::Int8))));
        let Ok(Spec::Fields(fields)) = parse("a:int8,b: String ,a:boolean") else {
            panic!("no fields");
        };
        assert_eq!(fields, [("a".into(), Type::Boolean), ("b".into(), Type::String)]);
        for (spec, part) in [
            ("int8,a:int8", "may only specify a single cast"),
            ("a:", "Type.A for configuration"),
            (":", "neither a type nor field:type"),
            ("a:b:c", "Invalid rename mapping: a:b:c"),
            ("map", "does not support casting to MAP"),
        ] {
            let error = parse(spec).unwrap_err();
            assert!(error.message().unwrap().contains(part), "{error}");
        }
    }
}
