//! The requests by which an admin client reads and changes the offsets of a consumer group.

use super::calls::Call;
use super::reader::{DecodeError, Reader};
use kafka_protocol::messages::{DeleteGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};

/// Offsets that a group has committed.
#[derive(Debug)]
pub struct OffsetFetchAnswer {
    /// 0 or the first error code found, of the request or of a partition.
    pub error: i16,
    /// (topic, partition, next offset); partitions without a committed offset are left out.
    pub offsets: Vec<(String, i32, i64)>,
}

impl Call for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetch";
    // From version 2 on all topics can be asked for; from version 8 on several groups.
    const SPOKEN: (i16, i16) = (2, 7);
    const FLEXIBLE_FROM: i16 = 6;
    type Answer = OffsetFetchAnswer;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<OffsetFetchAnswer, DecodeError> {
        if version >= 3 {
            reader.i32()?; // throttle time
        }
        let mut error = 0;
        let mut offsets = Vec::new();
        for _ in 0..reader.array()?.unwrap_or(0) {
            let topic = reader.string()?;
            for _ in 0..reader.array()?.unwrap_or(0) {
                let partition = reader.i32()?;
                let offset = reader.i64()?;
                if version >= 5 {
                    reader.i32()?; // leader epoch
                }
                reader.nullable_string()?; // metadata
                note(&mut error, reader.i16()?);
                reader.tags()?;
                if offset >= 0 {
                    offsets.push((topic.to_owned(), partition, offset));
                }
            }
            reader.tags()?;
        }
        note(&mut error, reader.i16()?);
        Ok(OffsetFetchAnswer { error, offsets })
    }
}

impl Call for OffsetCommitRequest {
    const NAME: &'static str = "OffsetCommit";
    const SPOKEN: (i16, i16) = (2, 8);
    const FLEXIBLE_FROM: i16 = 8;
    /// 0 or the first error code of a partition.
    type Answer = i16;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<i16, DecodeError> {
        if version >= 3 {
            reader.i32()?; // throttle time
        }
        partition_errors(reader)
    }
}

impl Call for OffsetDeleteRequest {
    const NAME: &'static str = "OffsetDelete";
    const SPOKEN: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
    /// 0 or the first error code, of the request or of a partition.
    type Answer = i16;

    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<i16, DecodeError> {
        let mut error = reader.i16()?;
        reader.i32()?; // throttle time
        note(&mut error, partition_errors(reader)?);
        Ok(error)
    }
}

impl Call for DeleteGroupsRequest {
    const NAME: &'static str = "DeleteGroups";
    const SPOKEN: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
    /// 0 or the first error code of a group.
    type Answer = i16;

    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<i16, DecodeError> {
        reader.i32()?; // throttle time
        let mut error = 0;
        for _ in 0..reader.array()?.unwrap_or(0) {
            reader.string()?; // group
            note(&mut error, reader.i16()?);
            reader.tags()?;
        }
        Ok(error)
    }
}

/// Topics, each with partitions and their error codes.
fn partition_errors(reader: &mut Reader<'_>) -> Result<i16, DecodeError> {
    let mut error = 0;
    for _ in 0..reader.array()?.unwrap_or(0) {
        reader.string()?; // topic
        for _ in 0..reader.array()?.unwrap_or(0) {
            reader.i32()?; // partition
            note(&mut error, reader.i16()?);
            reader.tags()?;
        }
        reader.tags()?;
    }
    Ok(error)
}

fn note(first: &mut i16, code: i16) {
    if *first == 0 {
        *first = code;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<C: Call>(bytes: &[u8]) {
        assert!(
            C::VERSIONS.min <= C::SPOKEN.0 && C::SPOKEN.1 <= C::VERSIONS.max,
            "{}",
            C::NAME
        );
        for version in C::SPOKEN.0..=C::SPOKEN.1 {
            let _ = C::read(&mut Reader::with_encoding(bytes, version >= C::FLEXIBLE_FROM), version);
        }
    }

    #[test]
    fn the_first_error_counts() {
        let error = [0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2];
        let partitions = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 86];
        let delete = [&[0, 0][..], &error[..4], &error[2..], &partitions].concat();
        let delete = OffsetDeleteRequest::read(&mut Reader::classic(&delete), 0);
        assert_eq!(delete.unwrap(), 86);
        let group_error = [0, 69, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            OffsetDeleteRequest::read(&mut Reader::classic(&group_error), 0).unwrap(),
            69
        );
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..120)) {
            read::<OffsetFetchRequest>(&bytes);
            read::<OffsetCommitRequest>(&bytes);
            read::<OffsetDeleteRequest>(&bytes);
            read::<DeleteGroupsRequest>(&bytes);
        }
    }
}
