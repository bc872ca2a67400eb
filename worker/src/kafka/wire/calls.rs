//! The requests this worker sends itself, and the parts of their responses it reads.
//!
//! Requests are encoded by the `kafka-protocol` crate. Responses are read by [`Reader`], since the crate reserves
//! memory by counts the peer claims and refuses the null assignment some brokers send along with an error.

use super::reader::{DecodeError, Reader};
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiVersionsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, MetadataRequest,
    SaslAuthenticateRequest, SaslHandshakeRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::Request;
use std::collections::HashMap;

/// A request with the version range spoken here and the reading of its response.
pub trait Call: Request {
    /// Name as Kafka's documentation has it.
    const NAME: &'static str;
    /// Lowest and highest version spoken here.
    const SPOKEN: (i16, i16);
    /// First version with the flexible encoding (KIP-482).
    const FLEXIBLE_FROM: i16;
    /// What is read from the response.
    type Answer;
    /// Reads the response body of `version`.
    fn read(reader: &mut Reader<'_>, version: i16) -> Result<Self::Answer, DecodeError>;
}

/// Version ranges of a broker by api key, or the error code it answered.
#[derive(Debug)]
pub struct ApiVersionsAnswer {
    /// 0 or the error, e.g. 35 when the broker does not know the request's version.
    pub error: i16,
    /// api key → (min, max)
    pub versions: HashMap<i16, (i16, i16)>,
}

impl Call for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersions";
    const SPOKEN: (i16, i16) = (0, 3);
    const FLEXIBLE_FROM: i16 = 3;
    type Answer = ApiVersionsAnswer;

    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<ApiVersionsAnswer, DecodeError> {
        let error = reader.i16()?;
        let count = reader.array()?.unwrap_or(0);
        let mut versions = HashMap::with_capacity(count.min(1024));
        for _ in 0..count {
            versions.insert(reader.i16()?, (reader.i16()?, reader.i16()?));
            reader.tags()?;
        }
        Ok(ApiVersionsAnswer { error, versions })
    }
}

/// Whether the broker takes the mechanism, and which ones it has.
#[derive(Debug)]
pub struct SaslHandshakeAnswer {
    /// 0 or the error code.
    pub error: i16,
    /// Mechanisms enabled on this listener.
    pub mechanisms: Vec<String>,
}

impl Call for SaslHandshakeRequest {
    const NAME: &'static str = "SaslHandshake";
    // Version 0 would be followed by bare tokens instead of SaslAuthenticate.
    const SPOKEN: (i16, i16) = (1, 1);
    const FLEXIBLE_FROM: i16 = i16::MAX;
    type Answer = SaslHandshakeAnswer;

    fn read(reader: &mut Reader<'_>, _version: i16) -> Result<SaslHandshakeAnswer, DecodeError> {
        let error = reader.i16()?;
        let count = reader.array()?.unwrap_or(0);
        let mechanisms = (0..count)
            .map(|_| reader.string().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        Ok(SaslHandshakeAnswer { error, mechanisms })
    }
}

/// One step of the SASL exchange.
#[derive(Debug)]
pub struct SaslAuthenticateAnswer {
    /// 0 or the error code.
    pub error: i16,
    /// The broker's own words on an error.
    pub message: Option<String>,
    /// The server's token.
    pub token: Vec<u8>,
    /// Milliseconds after which the broker wants a new authentication, 0 for never (KIP-368).
    pub session_lifetime_ms: i64,
}

impl Call for SaslAuthenticateRequest {
    const NAME: &'static str = "SaslAuthenticate";
    const SPOKEN: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
    type Answer = SaslAuthenticateAnswer;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<SaslAuthenticateAnswer, DecodeError> {
        Ok(SaslAuthenticateAnswer {
            error: reader.i16()?,
            message: reader.nullable_string()?.map(str::to_owned),
            token: reader.nullable_bytes()?.unwrap_or_default().to_vec(),
            session_lifetime_ms: if version >= 1 { reader.i64()? } else { 0 },
        })
    }
}

/// The brokers of the cluster; topics are neither asked for nor read.
#[derive(Debug)]
pub struct MetadataAnswer {
    /// (host, port) of each broker.
    pub brokers: Vec<(String, u16)>,
    /// Id of the cluster.
    pub cluster_id: Option<String>,
}

impl Call for MetadataRequest {
    const NAME: &'static str = "Metadata";
    const SPOKEN: (i16, i16) = (1, 12);
    const FLEXIBLE_FROM: i16 = 9;
    type Answer = MetadataAnswer;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<MetadataAnswer, DecodeError> {
        if version >= 3 {
            reader.i32()?; // throttle time
        }
        let count = reader.array()?.unwrap_or(0);
        let mut brokers = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            reader.i32()?; // node id
            brokers.push((reader.string()?.to_owned(), port(reader.i32()?)?));
            reader.nullable_string()?; // rack
            reader.tags()?;
        }
        let cluster_id = if version >= 2 {
            reader.nullable_string()?.map(str::to_owned)
        } else {
            None
        };
        Ok(MetadataAnswer { brokers, cluster_id })
    }
}

/// Where a group's coordinator is.
#[derive(Debug)]
pub struct CoordinatorAnswer {
    /// 0 or the error code.
    pub error: i16,
    /// Host name, empty on an error.
    pub host: String,
    /// Port, 0 on an error.
    pub port: u16,
}

impl Call for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinator";
    const SPOKEN: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 3;
    type Answer = CoordinatorAnswer;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<CoordinatorAnswer, DecodeError> {
        if version >= 1 {
            reader.i32()?; // throttle time
        }
        if version < 4 {
            let error = reader.i16()?;
            if version >= 1 {
                reader.nullable_string()?; // message
            }
            reader.i32()?; // node id
            let host = reader.string()?.to_owned();
            let port = if error == 0 { port(reader.i32()?)? } else { 0 };
            return Ok(CoordinatorAnswer { error, host, port });
        }
        // From version 4 on an array, with one entry since one key was asked for.
        if reader.array()?.unwrap_or(0) == 0 {
            return Err(DecodeError::new("no coordinator entry for the asked group"));
        }
        reader.string()?; // key
        reader.i32()?; // node id
        let host = reader.string()?.to_owned();
        let number = reader.i32()?;
        let error = reader.i16()?;
        let port = if error == 0 { port(number)? } else { 0 };
        Ok(CoordinatorAnswer { error, host, port })
    }
}

/// Result of joining; `members` is filled for the elected leader only.
#[derive(Debug)]
pub struct JoinGroupAnswer {
    /// 0 or the error code.
    pub error: i16,
    /// The new generation.
    pub generation: i32,
    /// The protocol the broker chose.
    pub protocol: Option<String>,
    /// Member id of the leader.
    pub leader: String,
    /// The id given to this member.
    pub member_id: String,
    /// True when the leader is told to keep the assignment as it is (static members).
    pub skip_assignment: bool,
    /// (member id, metadata)
    pub members: Vec<(String, Bytes)>,
}

impl Call for JoinGroupRequest {
    const NAME: &'static str = "JoinGroup";
    // Version 0 has no rebalance timeout.
    const SPOKEN: (i16, i16) = (1, 9);
    const FLEXIBLE_FROM: i16 = 6;
    type Answer = JoinGroupAnswer;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<JoinGroupAnswer, DecodeError> {
        if version >= 2 {
            reader.i32()?; // throttle time
        }
        let error = reader.i16()?;
        let generation = reader.i32()?;
        if version >= 7 {
            reader.nullable_string()?; // protocol type
        }
        let protocol = reader.nullable_string()?.map(str::to_owned);
        let leader = reader.string()?.to_owned();
        let skip_assignment = version >= 9 && reader.bool()?;
        let member_id = reader.string()?.to_owned();
        let count = reader.array()?.unwrap_or(0);
        let mut members = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            let id = reader.string()?.to_owned();
            if version >= 5 {
                reader.nullable_string()?; // group instance id
            }
            let metadata = reader.nullable_bytes()?.unwrap_or_default();
            members.push((id, Bytes::copy_from_slice(metadata)));
            reader.tags()?;
        }
        Ok(JoinGroupAnswer {
            error,
            generation,
            protocol,
            leader,
            member_id,
            skip_assignment,
            members,
        })
    }
}

/// This member's assignment.
#[derive(Debug)]
pub struct SyncGroupAnswer {
    /// 0 or the error code.
    pub error: i16,
    /// What the leader sent for this member; empty on an error.
    pub assignment: Bytes,
}

impl Call for SyncGroupRequest {
    const NAME: &'static str = "SyncGroup";
    const SPOKEN: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 4;
    type Answer = SyncGroupAnswer;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<SyncGroupAnswer, DecodeError> {
        if version >= 1 {
            reader.i32()?; // throttle time
        }
        let error = reader.i16()?;
        if error != 0 {
            return Ok(SyncGroupAnswer {
                error,
                assignment: Bytes::new(),
            });
        }
        if version >= 5 {
            reader.nullable_string()?; // protocol type
            reader.nullable_string()?; // protocol name
        }
        let assignment = Bytes::copy_from_slice(reader.nullable_bytes()?.unwrap_or_default());
        Ok(SyncGroupAnswer { error, assignment })
    }
}

impl Call for HeartbeatRequest {
    const NAME: &'static str = "Heartbeat";
    const SPOKEN: (i16, i16) = (0, 4);
    const FLEXIBLE_FROM: i16 = 4;
    /// The error code.
    type Answer = i16;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<i16, DecodeError> {
        if version >= 1 {
            reader.i32()?; // throttle time
        }
        reader.i16()
    }
}

impl Call for LeaveGroupRequest {
    const NAME: &'static str = "LeaveGroup";
    const SPOKEN: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 4;
    /// The first error code found, of the request or of the member.
    type Answer = i16;

    fn read(reader: &mut Reader<'_>, version: i16) -> Result<i16, DecodeError> {
        if version >= 1 {
            reader.i32()?; // throttle time
        }
        let error = reader.i16()?;
        if error != 0 || version < 3 || reader.array()?.unwrap_or(0) == 0 {
            return Ok(error);
        }
        reader.string()?; // member id
        reader.nullable_string()?; // group instance id
        reader.i16()
    }
}

fn port(number: i32) -> Result<u16, DecodeError> {
    u16::try_from(number).map_err(|_| DecodeError::new(format!("{number} is not a port number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<C: Call>(bytes: &[u8]) {
        for version in C::SPOKEN.0..=C::SPOKEN.1 {
            let _ = C::read(&mut Reader::with_encoding(bytes, version >= C::FLEXIBLE_FROM), version);
        }
    }

    #[test]
    fn sync_group_errors_may_come_without_an_assignment() {
        let null_assignment = [0, 0, 0, 0, 0, 42, 255, 255, 255, 255];
        let answer = SyncGroupRequest::read(&mut Reader::classic(&null_assignment), 3).unwrap();
        assert_eq!((answer.error, answer.assignment.len()), (42, 0));
    }

    #[test]
    fn spoken_versions_can_be_encoded() {
        fn check<C: Call>() {
            assert!(
                C::VERSIONS.min <= C::SPOKEN.0 && C::SPOKEN.1 <= C::VERSIONS.max,
                "{}",
                C::NAME
            );
        }
        check::<ApiVersionsRequest>();
        check::<SaslHandshakeRequest>();
        check::<SaslAuthenticateRequest>();
        check::<MetadataRequest>();
        check::<FindCoordinatorRequest>();
        check::<JoinGroupRequest>();
        check::<SyncGroupRequest>();
        check::<HeartbeatRequest>();
        check::<LeaveGroupRequest>();
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..120)) {
            read::<ApiVersionsRequest>(&bytes);
            read::<SaslHandshakeRequest>(&bytes);
            read::<SaslAuthenticateRequest>(&bytes);
            read::<MetadataRequest>(&bytes);
            read::<FindCoordinatorRequest>(&bytes);
            read::<JoinGroupRequest>(&bytes);
            read::<SyncGroupRequest>(&bytes);
            read::<HeartbeatRequest>(&bytes);
            read::<LeaveGroupRequest>(&bytes);
        }
    }
}
