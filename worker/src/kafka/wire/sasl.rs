//! Client side of SASL PLAIN and SCRAM, as a pure exchange of tokens.

use super::{Sasl, SaslMechanism};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

/// RFC 7677 and Kafka's brokers demand this many rounds at least; fewer would help someone who intercepts the exchange.
const MIN_ITERATIONS: u32 = 4096;
/// Far beyond any real setting; keeps a hostile server from burning this process's CPU.
const MAX_ITERATIONS: u32 = 200_000;

/// Where an exchange stands.
#[derive(Debug)]
pub(super) enum SaslClient {
    /// PLAIN: one token and done.
    Plain { token: Option<Vec<u8>> },
    /// SCRAM: client-first, client-final, then the server's proof.
    Scram(Scram),
}

impl SaslClient {
    pub(super) fn new(sasl: &Sasl, nonce: String) -> Self {
        match sasl.mechanism {
            SaslMechanism::Plain => {
                let token = format!("\0{}\0{}", sasl.username, sasl.password.reveal());
                Self::Plain {
                    token: Some(token.into_bytes()),
                }
            }
            SaslMechanism::ScramSha256 => Self::Scram(Scram::new(Hash::Sha256, sasl, nonce)),
            SaslMechanism::ScramSha512 => Self::Scram(Scram::new(Hash::Sha512, sasl, nonce)),
        }
    }

    /// The token to send after the server's last one (empty at first); `None` when the exchange is complete.
    pub(super) fn step(&mut self, server: &[u8]) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Plain { token } => Ok(token.take()),
            Self::Scram(scram) => scram.step(server),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => hmac_with::<Hmac<Sha256>>(key, data),
            Self::Sha512 => hmac_with::<Hmac<Sha512>>(key, data),
        }
    }

    /// `Hi` of RFC 5802, which is PBKDF2 with one block.
    fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut first = salt.to_vec();
        first.extend_from_slice(&1u32.to_be_bytes());
        let mut round = self.hmac(password, &first);
        let mut result = round.clone();
        for _ in 1..iterations {
            round = self.hmac(password, &round);
            xor_into(&mut result, &round);
        }
        result
    }
}

fn hmac_with<M: Mac + hmac::digest::KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so the error cannot occur; an empty result would merely fail the login.
    let Ok(mut mac) = <M as Mac>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn xor_into(target: &mut [u8], other: &[u8]) {
    for (byte, other) in target.iter_mut().zip(other) {
        *byte ^= other;
    }
}

/// State of one SCRAM login.
pub(super) struct Scram {
    hash: Hash,
    password: super::Password,
    client_nonce: String,
    /// `n=user,r=nonce`, part of the signed message.
    first_bare: String,
    stage: Stage,
}

impl std::fmt::Debug for Scram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scram")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

enum Stage {
    Start,
    FirstSent,
    FinalSent { expected_signature: Vec<u8> },
    Done,
}

impl Scram {
    fn new(hash: Hash, sasl: &Sasl, nonce: String) -> Self {
        let user = sasl.username.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            password: sasl.password.clone(),
            first_bare: format!("n={user},r={nonce}"),
            client_nonce: nonce,
            stage: Stage::Start,
        }
    }

    fn step(&mut self, server: &[u8]) -> Result<Option<Vec<u8>>, String> {
        match &self.stage {
            Stage::Start => {
                self.stage = Stage::FirstSent;
                Ok(Some(format!("n,,{}", self.first_bare).into_bytes()))
            }
            Stage::FirstSent => self.answer_challenge(server).map(Some),
            Stage::FinalSent { expected_signature } => {
                let text = utf8(server)?;
                if let Some(error) = attribute(text, 'e') {
                    return Err(format!("the server answered '{error}'"));
                }
                let signature = attribute(text, 'v').ok_or("the server's last message has no signature")?;
                let signature = BASE64
                    .decode(signature)
                    .map_err(|_| "the server's signature is not Base64")?;
                if signature != *expected_signature {
                    return Err("the server does not know the password (wrong server signature)".to_owned());
                }
                self.stage = Stage::Done;
                Ok(None)
            }
            Stage::Done => Ok(None),
        }
    }

    fn answer_challenge(&mut self, server: &[u8]) -> Result<Vec<u8>, String> {
        let challenge = utf8(server)?;
        if let Some(error) = attribute(challenge, 'e') {
            return Err(format!("the server answered '{error}'"));
        }
        let nonce = attribute(challenge, 'r').ok_or("the server's challenge has no nonce")?;
        if !nonce.starts_with(&self.client_nonce) || nonce.len() == self.client_nonce.len() {
            return Err("the server's challenge has a foreign nonce".to_owned());
        }
        let salt = attribute(challenge, 's').ok_or("the server's challenge has no salt")?;
        let salt = BASE64.decode(salt).map_err(|_| "the server's salt is not Base64")?;
        let iterations = attribute(challenge, 'i').and_then(|i| i.parse::<u32>().ok());
        let iterations = iterations.ok_or("the server's challenge has no iteration count")?;
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(format!(
                "the server asks for {iterations} iterations, not in {MIN_ITERATIONS}..{MAX_ITERATIONS}"
            ));
        }

        let hash = self.hash;
        let salted = hash.salted_password(self.password.reveal().as_bytes(), &salt, iterations);
        let final_bare = format!("c={},r={nonce}", BASE64.encode("n,,"));
        let signed = format!("{},{challenge},{final_bare}", self.first_bare);
        let client_key = hash.hmac(&salted, b"Client Key");
        let mut proof = hash.hmac(&hash.digest(&client_key), signed.as_bytes());
        xor_into(&mut proof, &client_key);
        let server_key = hash.hmac(&salted, b"Server Key");
        self.stage = Stage::FinalSent {
            expected_signature: hash.hmac(&server_key, signed.as_bytes()),
        };
        Ok(format!("{final_bare},p={}", BASE64.encode(proof)).into_bytes())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "the server's message is not UTF-8".to_owned())
}

/// Value of the attribute `name=` in a comma-separated SCRAM message.
fn attribute(message: &str, name: char) -> Option<&str> {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::super::Password;
    use super::*;

    fn client(mechanism: SaslMechanism, user: &str, nonce: &str) -> SaslClient {
        let sasl = Sasl {
            mechanism,
            username: user.to_owned(),
            password: Password::new("pencil"),
        };
        SaslClient::new(&sasl, nonce.to_owned())
    }

    #[test]
    fn plain_sends_one_token() {
        let mut plain = client(SaslMechanism::Plain, "user", "");
        assert_eq!(plain.step(b"").unwrap().unwrap(), b"\0user\0pencil");
        assert!(plain.step(b"").unwrap().is_none());
    }

    /// The exchange printed in RFC 7677, section 3.
    #[test]
    fn scram_sha_256_matches_the_rfc() {
        let mut scram = client(SaslMechanism::ScramSha256, "user", "rOprNGfwEbeRWgbNEkqO");
        let first = scram.step(b"").unwrap().unwrap();
        assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let last = scram.step(challenge).unwrap().unwrap();
        assert_eq!(
            String::from_utf8(last).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(
            scram
                .step(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn scram_escapes_names_and_refuses_bad_servers() {
        let mut scram = client(SaslMechanism::ScramSha512, "a=b,c", "N");
        assert_eq!(scram.step(b"").unwrap().unwrap(), b"n,,n=a=3Db=2Cc,r=N");
        let cases: [(&[u8], &str); 6] = [
            (b"r=other,s=AAAA,i=4096", "foreign nonce"),
            (b"r=N,s=AAAA,i=4096", "foreign nonce"),
            (b"r=Nx,s=AAAA,i=1", "1 iterations"),
            (b"r=Nx,s=AAAA,i=4000000000", "4000000000 iterations"),
            (b"r=Nx,s=!,i=4096", "not Base64"),
            (b"e=other-error", "other-error"),
        ];
        for (challenge, message) in cases {
            let error = scram.step(challenge).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        scram.step(b"r=Nx,s=AAAA,i=4096").unwrap();
        assert!(scram.step(b"v=AAAA").unwrap_err().contains("wrong server signature"));
    }

    #[test]
    fn secrets_do_not_print() {
        let scram = client(SaslMechanism::ScramSha256, "user", "N");
        assert!(!format!("{scram:?}").contains("pencil"));
    }
}
