//! A Protobuf file as it is made from a Connect schema, and its text as Confluent's serialisers register it, so that a
//! registry takes both for the same schema.

use super::names::{check_name, split_name};
use std::fmt::Write;
use turnbuckle_api::Result;

/// A file with one message.
#[derive(Debug)]
pub(super) struct FileDef {
    pub(super) package: Option<String>,
    /// In the order in which their types were first needed.
    pub(super) imports: Vec<&'static str>,
    pub(super) message: MessageDef,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct MessageDef {
    pub(super) name: String,
    pub(super) fields: Vec<FieldDef>,
    pub(super) oneofs: Vec<OneofDef>,
    pub(super) messages: Vec<MessageDef>,
    pub(super) enums: Vec<EnumDef>,
}

/// Never without fields.
#[derive(Debug, PartialEq)]
pub(super) struct OneofDef {
    pub(super) name: String,
    pub(super) fields: Vec<FieldDef>,
}

#[derive(Debug, PartialEq)]
pub(super) struct FieldDef {
    pub(super) label: Option<&'static str>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) number: i32,
    /// What only Connect knows of the field.
    pub(super) params: Vec<(&'static str, String)>,
}

#[derive(Debug, PartialEq)]
pub(super) struct EnumDef {
    pub(super) name: String,
    pub(super) values: Vec<(String, i32)>,
}

/// The file's text.
///
/// # Errors
/// `IllegalStateException` for a name that Protobuf does not allow: nothing of the text may be anything but what is meant.
pub(super) fn render(file: &FileDef) -> Result<String> {
    let mut text = Text::default();
    text.line("syntax = \"proto3\";");
    if let Some(package) = &file.package {
        check_path(package)?;
        text.line(&format!("package {package};"));
    }
    if !file.imports.is_empty() {
        text.line("");
    }
    for import in &file.imports {
        text.line(&format!("import \"{import}\";"));
    }
    text.line("");
    text.message(&file.message)?;
    Ok(text.out)
}

fn check_path(path: &str) -> Result<()> {
    path.split('.').try_for_each(check_name)
}

#[derive(Default)]
struct Text {
    out: String,
    depth: usize,
}

impl Text {
    fn line(&mut self, line: &str) {
        let width = self.depth * 2;
        // Writing to text can't fail.
        let _ = writeln!(self.out, "{:width$}{line}", "");
    }

    /// A blank line between the parts of a message, indented as the message itself.
    fn blank(&mut self) {
        let width = self.depth.saturating_sub(1) * 2;
        let _ = writeln!(self.out, "{:width$}", "");
    }

    fn message(&mut self, message: &MessageDef) -> Result<()> {
        check_name(&message.name)?;
        let parts = [
            message.fields.is_empty(),
            message.oneofs.is_empty(),
            message.messages.is_empty() && message.enums.is_empty(),
        ];
        if parts.iter().all(|empty| *empty) {
            self.line(&format!("message {} {{}}", message.name));
            return Ok(());
        }
        self.line(&format!("message {} {{", message.name));
        self.depth += 1;
        for field in &message.fields {
            self.field(field)?;
        }
        // The first part follows the opening line, each other one a blank line.
        if !parts[0] && !parts[1] {
            self.blank();
        }
        for oneof in &message.oneofs {
            check_name(&oneof.name)?;
            self.line(&format!("oneof {} {{", oneof.name));
            self.depth += 1;
            for field in &oneof.fields {
                self.field(field)?;
            }
            self.depth -= 1;
            self.line("}");
        }
        let [no_fields, no_oneofs, no_types] = parts;
        if !no_types && (!no_fields || !no_oneofs) {
            self.blank();
        }
        for nested in &message.messages {
            self.message(nested)?;
        }
        for kind in &message.enums {
            check_name(&kind.name)?;
            self.line(&format!("enum {} {{", kind.name));
            self.depth += 1;
            for (name, number) in &kind.values {
                check_name(name)?;
                self.line(&format!("{name} = {number};"));
            }
            self.depth -= 1;
            self.line("}");
        }
        self.depth -= 1;
        self.line("}");
        Ok(())
    }

    fn field(&mut self, field: &FieldDef) -> Result<()> {
        check_name(&field.name)?;
        check_path(&field.kind)?;
        let label = field.label.map(|label| format!("{label} ")).unwrap_or_default();
        let head = format!("{label}{} {} = {}", field.kind, field.name, field.number);
        if field.params.is_empty() {
            self.line(&format!("{head};"));
            return Ok(());
        }
        self.line(&format!("{head} [(confluent.field_meta) = {{"));
        self.line("  params: [");
        for (place, (key, value)) in field.params.iter().enumerate() {
            let (key, value) = (format!("key: \"{key}\""), format!("value: \"{}\"", escape(value)));
            // The numbers of decimals have always had their value first.
            let (first, second) = match field.params[place].0 {
                "precision" | "scale" => (value, key),
                _ => (key, value),
            };
            let comma = if place + 1 < field.params.len() { "," } else { "" };
            self.line("    {");
            self.line(&format!("      {first},"));
            self.line(&format!("      {second}"));
            self.line(&format!("    }}{comma}"));
        }
        self.line("  ]");
        self.line("}];");
        Ok(())
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{7}' => escaped.push_str("\\a"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{b}' => escaped.push_str("\\v"),
            '\\' | '\'' | '"' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}

impl FileDef {
    /// Full name of the message.
    pub(super) fn full_name(&self) -> String {
        match &self.package {
            Some(package) => format!("{package}.{}", self.message.name),
            None => self.message.name.clone(),
        }
    }

    /// Makes a file for a message of this full name; its simple part is changed by `scrub`.
    pub(super) fn named(full: &str, scrub: impl Fn(&str) -> String) -> FileDef {
        let (package, name) = split_name(full);
        FileDef {
            package: package.map(str::to_string),
            imports: Vec::new(),
            message: MessageDef {
                name: scrub(name),
                ..MessageDef::default()
            },
        }
    }
}
