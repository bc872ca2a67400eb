//! Avro schemas as a graph: nodes in an arena, references between them by position, so that records that contain
//! themselves need no special case. [`super::parse`] reads them from JSON text, [`super::render`] writes them.

use serde_json::{Map, Value as Json};

/// Position of a node in its [`AvroSchema`].
pub type NodeId = usize;

/// A schema: its nodes and which one is the whole.
#[derive(Clone, Debug, Default)]
pub struct AvroSchema {
    pub nodes: Vec<Node>,
    pub root: NodeId,
}

/// One type, with the attributes that Avro itself does not know (`connect.name`, `logicalType`, `scale`).
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    pub props: Map<String, Json>,
}

/// Name of a record, enum or fixed. The namespace is empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub namespace: String,
    pub simple: String,
}

impl Name {
    /// Splits at the last dot.
    pub fn from_full(full: &str) -> Name {
        let (namespace, simple) = full.rsplit_once('.').unwrap_or(("", full));
        Name {
            namespace: namespace.to_string(),
            simple: simple.to_string(),
        }
    }

    pub fn full(&self) -> String {
        if self.namespace.is_empty() {
            return self.simple.clone();
        }
        format!("{}.{}", self.namespace, self.simple)
    }
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Record(Record),
    Enum(EnumType),
    Fixed {
        name: Name,
        aliases: Vec<String>,
        size: usize,
    },
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
}

#[derive(Clone, Debug)]
pub struct Record {
    pub name: Name,
    pub doc: Option<String>,
    pub aliases: Vec<String>,
    pub fields: Vec<RecordField>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RecordField {
    pub name: String,
    pub node: NodeId,
    pub doc: Option<String>,
    /// As JSON has it; a null is a default, too.
    pub default: Option<Json>,
    pub aliases: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct EnumType {
    pub name: Name,
    pub doc: Option<String>,
    pub aliases: Vec<String>,
    pub symbols: Vec<String>,
    pub default: Option<String>,
}

impl AvroSchema {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    pub fn kind(&self, id: NodeId) -> &Kind {
        &self.nodes[id].kind
    }

    pub(crate) fn root_kind(&self) -> &Kind {
        self.kind(self.root)
    }

    pub(crate) fn add(&mut self, kind: Kind) -> NodeId {
        self.nodes.push(Node {
            kind,
            props: Map::new(),
        });
        self.nodes.len() - 1
    }

    /// Full name of a record at the top, which the record name strategies ask for.
    pub(crate) fn record_name(&self) -> Option<String> {
        match self.root_kind() {
            Kind::Record(record) => Some(record.name.full()),
            _ => None,
        }
    }

    /// Members of a union, else none.
    pub(crate) fn members(&self, id: NodeId) -> &[NodeId] {
        match self.kind(id) {
            Kind::Union(members) => members,
            _ => &[],
        }
    }

    /// Text attribute outside Avro's own.
    pub fn text_prop(&self, id: NodeId, key: &str) -> Option<&str> {
        self.nodes[id].props.get(key).and_then(Json::as_str)
    }

    /// By what a union tells its members apart: type name, or full name of a named type.
    pub(crate) fn branch_name(&self, id: NodeId) -> String {
        match self.kind(id) {
            Kind::Record(record) => record.name.full(),
            Kind::Enum(symbols) => symbols.name.full(),
            Kind::Fixed { name, .. } => name.full(),
            other => other.type_name().to_string(),
        }
    }

    /// True if both types are the same in all that Avro compares. Aliases and documentation do not count.
    pub(crate) fn same(&self, a: NodeId, b: NodeId) -> bool {
        self.same_within(a, b, &mut Vec::new())
    }

    fn same_within(&self, a: NodeId, b: NodeId, assumed: &mut Vec<(NodeId, NodeId)>) -> bool {
        if a == b || assumed.contains(&(a, b)) {
            return true;
        }
        if self.nodes[a].props != self.nodes[b].props {
            return false;
        }
        assumed.push((a, b));
        match (self.kind(a), self.kind(b)) {
            (Kind::Record(left), Kind::Record(right)) => {
                left.name == right.name
                    && left.fields.len() == right.fields.len()
                    && left.fields.iter().zip(&right.fields).all(|(x, y)| {
                        x.name == y.name && x.default == y.default && self.same_within(x.node, y.node, assumed)
                    })
            }
            (Kind::Enum(left), Kind::Enum(right)) => left.name == right.name && left.symbols == right.symbols,
            (
                Kind::Fixed { name, size, .. },
                Kind::Fixed {
                    name: other_name,
                    size: other_size,
                    ..
                },
            ) => name == other_name && size == other_size,
            (Kind::Array(x), Kind::Array(y)) | (Kind::Map(x), Kind::Map(y)) => self.same_within(*x, *y, assumed),
            (Kind::Union(x), Kind::Union(y)) => {
                x.len() == y.len() && x.iter().zip(y).all(|(x, y)| self.same_within(*x, *y, assumed))
            }
            (left, right) => left.type_name() == right.type_name(),
        }
    }
}

impl Kind {
    /// Avro's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Record(_) => "record",
            Kind::Enum(_) => "enum",
            Kind::Fixed { .. } => "fixed",
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
            Kind::Union(_) => "union",
        }
    }

    /// The unnamed type of this name without further attributes.
    pub(crate) fn primitive(name: &str) -> Option<Kind> {
        Some(match name {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::String,
            _ => return None,
        })
    }
}
