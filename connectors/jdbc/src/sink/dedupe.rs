//! The last record of each key in a batch: `ON CONFLICT DO UPDATE` may not meet a row twice, and of two updates in one
//! statement none would be the last.

use super::fields::{Cell, Column};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use turnbuckle_api::{Record, Value};

/// Takes a finished 64-bit hash as it is.
#[derive(Default)]
struct Finished(u64);

impl Hasher for Finished {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Finds last records; keeps its memory from batch to batch.
#[derive(Default)]
pub(crate) struct LastPerKey {
    /// Hash of a key → position in `kept`.
    seen: HashMap<u64, usize, BuildHasherDefault<Finished>>,
    kept: Vec<u32>,
}

impl std::fmt::Debug for LastPerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LastPerKey")
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

impl LastPerKey {
    /// Rows without those that a later one of the same key replaces; a kept row takes the place of the first.
    pub(crate) fn of(&mut self, keys: &[Column], records: &[Record], rows: &[u32]) -> &[u32] {
        self.seen.clear();
        self.kept.clear();
        for row in rows {
            self.add(keys, records, *row);
        }
        &self.kept
    }

    fn add(&mut self, keys: &[Column], records: &[Record], row: u32) {
        let record = &records[row as usize];
        let Some(mut hash) = hash_of(keys, record) else {
            // A null equals nothing.
            self.kept.push(row);
            return;
        };
        loop {
            match self.seen.entry(hash) {
                Entry::Vacant(free) => {
                    free.insert(self.kept.len());
                    self.kept.push(row);
                    return;
                }
                Entry::Occupied(known) => {
                    let place = &mut self.kept[*known.get()];
                    if same_key(keys, &records[*place as usize], record) {
                        *place = row;
                        return;
                    }
                    hash = hash.wrapping_add(1);
                }
            }
        }
    }
}

fn same_key(keys: &[Column], one: &Record, other: &Record) -> bool {
    keys.iter().all(|key| {
        let (one, other): (Cell<'_>, Cell<'_>) = (key.source.cell(one), key.source.cell(other));
        *one == *other
    })
}

fn hash_of(keys: &[Column], record: &Record) -> Option<u64> {
    let mut hash = 0x51_7c_c1_b7_27_22_0a_95;
    for key in keys {
        hash = hash_value(hash, &key.source.cell(record))?;
    }
    Some(hash)
}

fn hash_value(hash: u64, value: &Value) -> Option<u64> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(truth) => mix(hash, u64::from(*truth)),
        Value::Int8(number) => mix(hash, *number as u64),
        Value::Int16(number) => mix(hash, *number as u64),
        Value::Int32(number) => mix(hash, *number as u64),
        Value::Int64(number) | Value::Date(number) => mix(hash, *number as u64),
        Value::Float32(number) => mix(hash, u64::from(number.to_bits())),
        Value::Float64(number) => mix(hash, number.to_bits()),
        Value::String(text) => hash_bytes(hash, text.as_bytes()),
        Value::Bytes(bytes) => hash_bytes(hash, bytes),
        Value::Decimal(number) => match number.unscaled_i64() {
            Some(unscaled) => mix(mix(hash, unscaled as u64), number.scale() as u64),
            None => hash_bytes(hash, number.to_string().as_bytes()),
        },
        // Never keys of a table; equality decides.
        Value::Array(_) | Value::Map(_) | Value::Struct(_) => hash,
    })
}

fn hash_bytes(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = mix(hash, bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

/// Folded product of the two words, so that all bits of the input reach all bits of the hash.
fn mix(hash: u64, word: u64) -> u64 {
    let product =
        u128::from(hash ^ word ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xd6e8_feb8_6659_fd93_u64 ^ hash.rotate_left(29));
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::fields::Source;
    use super::*;
    use turnbuckle_api::data::Type;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Schema, SchemaAndValue};

    fn kept(keys: &[Value]) -> Vec<u32> {
        let records: Vec<Record> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| {
                let schema = Schema::primitive(Type::Int64, true);
                sink_record(
                    "t",
                    index as i64,
                    SchemaAndValue::new(schema, key.clone()),
                    SchemaAndValue::NULL,
                )
            })
            .collect();
        let column = Column {
            name: "k".into(),
            schema: Schema::primitive(Type::Int64, true),
            source: Source::Key,
            is_key: true,
        };
        let rows: Vec<u32> = (0..records.len() as u32).collect();
        LastPerKey::default().of(&[column], &records, &rows).to_vec()
    }

    #[test]
    fn the_last_of_each_key_stays() {
        let ints = |keys: &[i64]| keys.iter().map(|key| Value::Int64(*key)).collect::<Vec<_>>();
        assert_eq!(kept(&ints(&[1, 2, 1, 3, 2])), [2, 4, 3]);
        let texts: Vec<Value> = ["a", "b", "a", "abcdefghi", "abcdefghj"]
            .into_iter()
            .map(Value::text)
            .collect();
        assert_eq!(kept(&texts), [2, 1, 3, 4]);
        assert_eq!(kept(&[Value::Null, Value::Null]), [0, 1]);
        let many: Vec<i64> = (0..10_000).map(|index| index % 5_000).collect();
        assert_eq!(kept(&ints(&many)), (5_000..10_000).collect::<Vec<u32>>());
    }
}
