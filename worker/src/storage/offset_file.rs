//! Source offsets of a standalone worker (`FileOffsetBackingStore`): one file, read at the start, written whole on each
//! flush. The file is what Java writes: a serialised `java.util.HashMap<byte[], byte[]>`, so either worker reads the other's.

use super::OffsetStore;
use super::offset_key;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;
use turnbuckle_api::{Error, Result};

type Table = BTreeMap<Bytes, Option<Bytes>>;

/// The offsets file.
#[derive(Debug)]
pub struct FileOffsetStore {
    path: PathBuf,
    /// Held across the write of the file, so that two flushes can't overtake each other.
    table: Mutex<Table>,
}

impl FileOffsetStore {
    /// Opens the file; a missing or empty one means no offsets.
    ///
    /// # Errors
    /// If the file can't be read or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        let table = match std::fs::read(path) {
            Ok(bytes) if bytes.is_empty() => Table::new(),
            Ok(bytes) => java_map::read(&bytes).ok_or_else(|| {
                Error::connect(format!(
                    "{} is not an offsets file of a standalone worker",
                    path.display()
                ))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Table::new(),
            Err(error) => return Err(Error::from(error).with_context("file", path.display())),
        };
        Ok(FileOffsetStore {
            path: path.to_path_buf(),
            table: Mutex::new(table),
        })
    }
}

#[async_trait]
impl OffsetStore for FileOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
        let table = self.table.lock().await;
        Ok(keys.iter().map(|key| table.get(key).cloned().flatten()).collect())
    }

    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<()> {
        let mut table = self.table.lock().await;
        let mut changed = table.clone();
        changed.extend(entries);
        let bytes = java_map::write(&changed);
        // A rename replaces the file at once: a crash leaves the old offsets or the new ones.
        let unfinished = self.path.with_extension("unfinished");
        let written = async {
            tokio::fs::write(&unfinished, bytes).await?;
            tokio::fs::rename(&unfinished, &self.path).await
        };
        written
            .await
            .map_err(|error| Error::from(error).with_context("file", self.path.display()))?;
        *table = changed;
        Ok(())
    }

    async fn of_connector(&self, connector: &str) -> Result<Vec<(Bytes, Bytes)>> {
        let table = self.table.lock().await;
        let own = table.iter().filter(|(key, _)| offset_key::belongs_to(key, connector));
        Ok(own
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect())
    }
}

/// Java's serialisation of a `HashMap<byte[], byte[]>` (Object Serialization Stream Protocol, version 5).
mod java_map {
    use super::Table;
    use bytes::Bytes;

    const MAGIC: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
    const NULL: u8 = 0x70;
    const REFERENCE: u8 = 0x71;
    const CLASS_DESCRIPTION: u8 = 0x72;
    const OBJECT: u8 = 0x73;
    const ARRAY: u8 = 0x75;
    const BLOCK_DATA: u8 = 0x77;
    const END_OF_BLOCK: u8 = 0x78;
    /// Handle of the first object of a stream; class descriptions and objects count up from it.
    const FIRST_HANDLE: u32 = 0x007e_0000;

    /// `java.util.HashMap` as every Java since 1.2 describes it: its serial version and two fields.
    const HASH_MAP: &[u8] = b"\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02\
        F\x00\x0aloadFactorI\x00\x09threshold\x78\x70";
    /// `byte[]`.
    const BYTE_ARRAY: &[u8] = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70";
    /// In our stream: handle 0 is HashMap's description, 1 the map, 2 byte[]'s description.
    const BYTE_ARRAY_HANDLE: u32 = FIRST_HANDLE + 2;

    pub(super) fn write(table: &Table) -> Vec<u8> {
        let entries = table.len() as u32;
        let buckets = (f64::from(entries) / 0.75 + 1.0).max(16.0) as u32;
        let buckets = buckets.next_power_of_two();
        let threshold = buckets / 4 * 3;
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(OBJECT);
        out.extend_from_slice(HASH_MAP);
        out.extend_from_slice(&0.75f32.to_be_bytes());
        out.extend_from_slice(&threshold.to_be_bytes());
        out.push(BLOCK_DATA);
        out.push(8);
        out.extend_from_slice(&buckets.to_be_bytes());
        out.extend_from_slice(&entries.to_be_bytes());
        let mut described = false;
        for (key, value) in table {
            write_bytes(&mut out, Some(key), &mut described);
            write_bytes(&mut out, value.as_ref(), &mut described);
        }
        out.push(END_OF_BLOCK);
        out
    }

    fn write_bytes(out: &mut Vec<u8>, bytes: Option<&Bytes>, described: &mut bool) {
        let Some(bytes) = bytes else {
            out.push(NULL);
            return;
        };
        out.push(ARRAY);
        if *described {
            out.push(REFERENCE);
            out.extend_from_slice(&BYTE_ARRAY_HANDLE.to_be_bytes());
        } else {
            out.extend_from_slice(BYTE_ARRAY);
            *described = true;
        }
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
    }

    /// Reads a stream; None if it holds anything but such a map.
    pub(super) fn read(bytes: &[u8]) -> Option<Table> {
        let mut input = Input {
            rest: bytes.strip_prefix(&MAGIC)?,
            arrays: Vec::new(),
            next_handle: FIRST_HANDLE,
        };
        input.expect(&[OBJECT])?;
        input.expect(HASH_MAP)?;
        input.take(8)?;
        input.next_handle += 2;
        input.expect(&[BLOCK_DATA, 8])?;
        input.take(4)?;
        let entries = u32::from_be_bytes(input.take(4)?.try_into().ok()?);
        let mut table = Table::new();
        for _ in 0..entries {
            let key = input.array()??;
            let value = input.array()?;
            table.insert(key, value);
        }
        input.expect(&[END_OF_BLOCK])?;
        Some(table)
    }

    struct Input<'a> {
        rest: &'a [u8],
        /// Arrays by handle: Java writes a second mention of the same array as a reference.
        arrays: Vec<(u32, Bytes)>,
        next_handle: u32,
    }

    impl<'a> Input<'a> {
        fn take(&mut self, count: usize) -> Option<&'a [u8]> {
            let (taken, rest) = self.rest.split_at_checked(count)?;
            self.rest = rest;
            Some(taken)
        }

        fn expect(&mut self, bytes: &[u8]) -> Option<()> {
            (self.take(bytes.len())? == bytes).then_some(())
        }

        /// An array or null; None if it is neither.
        fn array(&mut self) -> Option<Option<Bytes>> {
            match self.take(1)?[0] {
                NULL => Some(None),
                REFERENCE => {
                    let handle = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
                    let known = self.arrays.iter().find(|(known, _)| *known == handle);
                    known.map(|(_, bytes)| Some(bytes.clone()))
                }
                ARRAY => {
                    match self.rest.first()? {
                        &CLASS_DESCRIPTION => {
                            self.expect(BYTE_ARRAY)?;
                            self.next_handle += 1;
                        }
                        _ => {
                            self.expect(&[REFERENCE])?;
                            self.take(4)?;
                        }
                    }
                    let length = u32::from_be_bytes(self.take(4)?.try_into().ok()?) as usize;
                    let bytes = Bytes::copy_from_slice(self.take(length)?);
                    self.arrays.push((self.next_handle, bytes.clone()));
                    self.next_handle += 1;
                    Some(Some(bytes))
                }
                _ => None,
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn maps_round_trip() {
            let mut table = Table::new();
            for count in 0..40u32 {
                assert_eq!(read(&write(&table)), Some(table.clone()));
                table.insert(
                    Bytes::from(format!("key {count}")),
                    (count % 3 > 0).then(|| Bytes::from(vec![0; 5])),
                );
            }
        }

        #[test]
        fn anything_else_is_refused() {
            let mut whole = write(&Table::from([(Bytes::from("k"), Some(Bytes::from("v")))]));
            for length in 0..whole.len() {
                assert_eq!(read(&whole[..length]), None);
            }
            whole[8] ^= 1;
            assert_eq!(read(&whole), None);
            assert_eq!(read(b"{}"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn offsets_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let (key, value) = (Bytes::from(r#"["a",{"f":"x"}]"#), Bytes::from(r#"{"position":7}"#));
        let store = FileOffsetStore::open(&path).unwrap();
        store
            .set(vec![(key.clone(), Some(value.clone())), (Bytes::from("gone"), None)])
            .await
            .unwrap();
        let again = FileOffsetStore::open(&path).unwrap();
        assert_eq!(
            again.get(&[key.clone(), "gone".into()]).await.unwrap(),
            [Some(value.clone()), None]
        );
        assert_eq!(again.of_connector("a").await.unwrap(), [(key, value)]);
    }
}
