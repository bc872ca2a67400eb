//! The little of DER that key files need.

/// Content of the value of type `tag` at the start, and what follows it.
pub(crate) fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if length.len() > 4 {
        return None;
    }
    let length = length.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

/// A value of type `tag`.
fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => out.push(length),
        _ => {
            let bytes = content.len().to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (bytes.len() - zeros) as u8);
            out.extend_from_slice(&bytes[zeros..]);
        }
    }
    out.extend_from_slice(content);
    out
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const PARAMETERS_FIELD: u8 = 0xa0;
const PUBLIC_KEY_FIELD: u8 = 0xa1;
/// Object identifier 1.2.840.10045.2.1, keys on elliptic curves.
const EC_PUBLIC_KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// A PKCS#8 key on an elliptic curve with its public part, which Java leaves out and `ring` wants; it is taken from the
/// certificate. None for other keys, for those that have it, and where the two don't fit.
pub(crate) fn with_public_key(pkcs8: &[u8], certificate: &[u8]) -> Option<Vec<u8>> {
    let (outer, _) = value(pkcs8, SEQUENCE)?;
    let (_version, after_version) = value(outer, INTEGER)?;
    let (algorithm, after_algorithm) = value(after_version, SEQUENCE)?;
    if !algorithm.starts_with(&EC_PUBLIC_KEY) {
        return None;
    }
    let (wrapped, _) = value(after_algorithm, OCTET_STRING)?;
    let (inner, _) = value(wrapped, SEQUENCE)?;
    let (_version, after_version) = value(inner, INTEGER)?;
    let (secret, optional) = value(after_version, OCTET_STRING)?;
    let after_parameters = value(optional, PARAMETERS_FIELD).map_or(optional, |(_, rest)| rest);
    if after_parameters.starts_with(&[PUBLIC_KEY_FIELD]) {
        return None;
    }

    // A certificate has the same algorithm, curve included, before its public key.
    let algorithm = encode(SEQUENCE, algorithm);
    let at = certificate
        .windows(algorithm.len())
        .position(|window| window == algorithm)?;
    let (point, _) = value(&certificate[at + algorithm.len()..], BIT_STRING)?;
    let size = point.len().checked_sub(2)? / 2;
    let mut full_secret = vec![0; size.checked_sub(secret.len())?];
    full_secret.extend_from_slice(secret);

    let mut key = encode(INTEGER, &[1]);
    key.extend(encode(OCTET_STRING, &full_secret));
    key.extend(encode(PUBLIC_KEY_FIELD, &encode(BIT_STRING, point)));
    let mut complete = encode(INTEGER, &[0]);
    complete.extend(algorithm);
    complete.extend(encode(OCTET_STRING, &encode(SEQUENCE, &key)));
    Some(encode(SEQUENCE, &complete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_read_back(content in proptest::collection::vec(any::<u8>(), 0..400), rest in any::<[u8; 3]>()) {
            let mut der = encode(OCTET_STRING, &content);
            der.extend_from_slice(&rest);
            prop_assert_eq!(value(&der, OCTET_STRING), Some((&content[..], &rest[..])));
            prop_assert_eq!(value(&der, SEQUENCE), None);
        }

        #[test]
        fn no_bytes_panic(der in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = value(&der, SEQUENCE);
            let _ = with_public_key(&der, &der);
        }
    }
}
