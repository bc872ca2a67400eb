//! Plans: what a transformation works out once per schema (field positions, target schemas), found again by pointer.

use turnbuckle_api::data::{SchemaRef, same_schema};
use turnbuckle_api::error::Result;

/// Plans kept per transformation, as Kafka's own schema caches.
const CAPACITY: usize = 16;

/// The most recently used plans, newest first. A plan keeps its schema alive, so a pointer is never reused for another.
#[derive(Debug)]
pub struct Plans<P> {
    entries: Vec<(SchemaRef, P)>,
}

impl<P> Default for Plans<P> {
    fn default() -> Self {
        Plans { entries: Vec::new() }
    }
}

impl<P> Plans<P> {
    /// The plan for `schema`, made by `build` if there is none.
    ///
    /// # Errors
    /// Those of `build`; nothing is kept then.
    pub fn get(&mut self, schema: &SchemaRef, build: impl FnOnce(&SchemaRef) -> Result<P>) -> Result<&P> {
        let position = match self.find(schema) {
            Some(position) => position,
            None => {
                let plan = build(schema)?;
                self.entries.truncate(CAPACITY - 1);
                self.entries.push((schema.clone(), plan));
                self.entries.len() - 1
            }
        };
        // Newest first, so that truncation drops the least recently used.
        self.entries[..=position].rotate_right(1);
        Ok(&self.entries[0].1)
    }

    fn find(&self, schema: &SchemaRef) -> Option<usize> {
        let by_pointer = |(known, _): &(SchemaRef, P)| std::sync::Arc::ptr_eq(known, schema);
        // Equal schemas behind other pointers share one plan, so that what follows sees one target schema.
        let by_content = |(known, _): &(SchemaRef, P)| same_schema(known, schema);
        self.entries
            .iter()
            .position(by_pointer)
            .or_else(|| self.entries.iter().position(by_content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Error, Schema, Type};

    fn named(name: &str) -> SchemaRef {
        Schema::structure().name(name.to_string()).finish()
    }

    #[test]
    fn a_plan_is_built_once_per_schema() {
        let mut plans = Plans::default();
        let schema = named("a");
        assert_eq!(*plans.get(&schema, |_| Ok(1)).unwrap(), 1);
        assert_eq!(*plans.get(&schema, |_| Ok(2)).unwrap(), 1);
        assert_eq!(*plans.get(&named("a"), |_| Ok(3)).unwrap(), 1);
        assert_eq!(*plans.get(&named("b"), |_| Ok(4)).unwrap(), 4);
        assert!(
            plans
                .get(&Schema::primitive(Type::Int8, true), |_| Err(Error::data("no")))
                .is_err()
        );
    }

    #[test]
    fn the_least_recently_used_plan_goes_first() {
        let mut plans = Plans::default();
        let schemas: Vec<SchemaRef> = (0..=CAPACITY).map(|number| named(&number.to_string())).collect();
        for schema in &schemas[..CAPACITY] {
            plans.get(schema, |_| Ok("old")).unwrap();
        }
        plans.get(&schemas[0], |_| Ok("new")).unwrap();
        plans.get(&schemas[CAPACITY], |_| Ok("new")).unwrap();
        assert_eq!(*plans.get(&schemas[0], |_| Ok("rebuilt")).unwrap(), "old");
        assert_eq!(*plans.get(&schemas[1], |_| Ok("rebuilt")).unwrap(), "rebuilt");
        assert_eq!(plans.entries.len(), CAPACITY);
    }
}
