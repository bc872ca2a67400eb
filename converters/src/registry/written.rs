//! What is known of the Connect schemas that a converter writes, found by the schema's pointer.

use std::sync::Arc;
use turnbuckle_api::Result;
use turnbuckle_api::data::SchemaRef;

/// A source that makes a new schema for each record must not fill the memory.
const MAX_ALIASES: usize = 8;

/// Known schemas, the one used last first.
pub(crate) struct WrittenSchemas<T> {
    known: Vec<Known<T>>,
    limit: usize,
}

struct Known<T> {
    /// Equal schemas met under other pointers are kept here, too, so that their pointers stay valid to compare with.
    schemas: Vec<Option<SchemaRef>>,
    compiled: T,
}

impl<T> WrittenSchemas<T> {
    pub(crate) fn new(limit: usize) -> Self {
        WrittenSchemas {
            known: Vec::new(),
            limit: limit.max(1),
        }
    }

    /// What is compiled for `schema`; `compile` makes it when the schema is new.
    pub(crate) fn find(&mut self, schema: Option<&SchemaRef>, compile: impl FnOnce() -> Result<T>) -> Result<&mut T> {
        let same = |known: &Option<SchemaRef>| match (known, schema) {
            (Some(known), Some(schema)) => Arc::ptr_eq(known, schema),
            (None, None) => true,
            _ => false,
        };
        let by_pointer = |known: &Known<T>| known.schemas.iter().any(same);
        if !self.known.first().is_some_and(by_pointer) {
            match self.known.iter().position(by_pointer) {
                Some(place) => self.known.swap(0, place),
                None => self.find_equal(schema, compile)?,
            }
        }
        Ok(&mut self.known[0].compiled)
    }

    /// Puts what is compiled for an equal schema first, or compiles.
    fn find_equal(&mut self, schema: Option<&SchemaRef>, compile: impl FnOnce() -> Result<T>) -> Result<()> {
        let equal = |known: &Known<T>| known.schemas.first().is_some_and(|first| first.as_ref() == schema);
        if let Some(place) = self.known.iter().position(equal) {
            let aliases = &mut self.known[place].schemas;
            if aliases.len() >= MAX_ALIASES {
                aliases.remove(1);
            }
            aliases.push(schema.cloned());
            self.known.swap(0, place);
            return Ok(());
        }
        let compiled = compile()?;
        if self.known.len() >= self.limit {
            self.known.pop();
        }
        let schemas = vec![schema.cloned()];
        self.known.insert(0, Known { schemas, compiled });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::data::{Schema, Type};

    #[test]
    fn an_equal_schema_is_compiled_once() {
        let mut written = WrittenSchemas::new(2);
        let make = |name: &str| Schema::structure().name(name).finish();
        let (first, twin) = (make("a"), make("a"));
        *written.find(Some(&first), || Ok(1)).unwrap() += 10;
        for schema in [&twin, &first, &twin] {
            assert_eq!(*written.find(Some(schema), || Ok(2)).unwrap(), 11);
        }
        assert_eq!(*written.find(None, || Ok(3)).unwrap(), 3);
        let text = Schema::primitive(Type::String, false);
        assert_eq!(*written.find(Some(&text), || Ok(4)).unwrap(), 4);
        assert_eq!(*written.find(None, || Ok(5)).unwrap(), 3, "only the last two are kept");
        assert_eq!(*written.find(Some(&first), || Ok(6)).unwrap(), 6);
    }
}
