//! Keys and signatures: who may ask for what is private. Written apart from the client's code on purpose.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::sandbox::refused::ApiRefusal;

/// How far a signature's time may be from ours, in milliseconds.
const SKEW: i64 = 15_000;
/// PKCS#8 of an Ed25519 key up to its 32 secret bytes.
const PKCS8_ED25519: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
const OID_ED25519: [u8; 3] = [43, 101, 112];
const OID_RSA: [u8; 9] = [42, 134, 72, 134, 247, 13, 1, 1, 1];

/// Why a key cannot be made or registered.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}: give a path that can be read and written")]
    File {
        /// Path of the private key's file, as given to `generate_key_file` or `reload_key_file`.
        path: String,
        /// What the operating system reported when the file was opened, read or written.
        source: std::io::Error,
    },
    /// The text to register is no PEM of an RSA or Ed25519 public key. Holds the key's id.
    #[error("key {0}: not a PEM with a `PUBLIC KEY` (SubjectPublicKeyInfo) of RSA or Ed25519")]
    Public(String),
    /// The private key is none that was made here.
    #[error("{0}: holds no Ed25519 key as made by the sandbox; remove it, and a new one is made")]
    Private(String),
    /// The operating system gave no random bytes for the secret and the key's id.
    #[error("the system gave no random bytes for a key; try again")]
    Random,
}

#[derive(Clone, Debug)]
struct VerifyingKey {
    id: String,
    rsa: bool,
    public: Vec<u8>,
}

/// The public keys of the users; one account each.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<VerifyingKey>);

/// The three headers of a signed request.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sandbox) struct Signed<'a> {
    pub(in crate::sandbox) key: Option<&'a str>,
    pub(in crate::sandbox) timestamp: Option<&'a str>,
    pub(in crate::sandbox) signature: Option<&'a str>,
}

impl Keys {
    /// Makes an Ed25519 key, writes the private one to `path` (PKCS#8 PEM, mode 0600), returns its id.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn generate_key_file(&mut self, path: &Path) -> Result<String, KeyError> {
        let random = SystemRandom::new();
        let mut secret = Zeroizing::new([0_u8; 32]);
        let mut id = [0_u8; 16];
        random.fill(secret.as_mut()).and_then(|()| random.fill(&mut id)).map_err(|_| KeyError::Random)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(secret.as_ref()).map_err(|_| KeyError::Random)?;
        let der = Zeroizing::new([&PKCS8_ED25519[..], secret.as_ref()].concat());
        let text = Zeroizing::new(BASE64_STANDARD.encode(&*der));
        let pem =
            Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", &*text));
        write_secret(path, pem.as_bytes())
            .map_err(|source| KeyError::File { path: path.display().to_string(), source })?;
        let id = uuid_from_bytes(id);
        self.0.push(VerifyingKey { id: id.clone(), rsa: false, public: pair.public_key().as_ref().to_vec() });
        Ok(id)
    }

    /// Registers the key that [`generate_key_file`](Self::generate_key_file) wrote to `path` once more, under its id.
    ///
    /// # Errors
    /// When the file cannot be read or holds no Ed25519 key in PKCS#8.
    pub fn reload_key_file(&mut self, id: &str, path: &Path) -> Result<(), KeyError> {
        let file = |source| KeyError::File { path: path.display().to_string(), source };
        let pem = Zeroizing::new(std::fs::read_to_string(path).map_err(file)?);
        let body = pem.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>();
        let packed = Zeroizing::new(body.concat());
        let der = BASE64_STANDARD.decode(&*packed).map(Zeroizing::new).ok();
        let pair = der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok());
        let pair = pair.ok_or_else(|| KeyError::Private(path.display().to_string()))?;
        self.0.push(VerifyingKey {
            id: id.to_owned(),
            rsa: false,
            public: pair.public_key().as_ref().to_vec(),
        });
        Ok(())
    }

    /// Registers a public key (`BEGIN PUBLIC KEY`, RSA or Ed25519) under an id.
    ///
    /// # Errors
    /// When the text is no such key.
    pub fn register_public_key(&mut self, id: &str, pem: &str) -> Result<(), KeyError> {
        let (rsa, public) = parse_public(pem).ok_or_else(|| KeyError::Public(id.to_owned()))?;
        self.0.push(VerifyingKey { id: id.to_owned(), rsa, public });
        Ok(())
    }

    /// Returns the ids of all keys, in the order in which they were added.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// Who signed `method` and `path` (without query); `now` in milliseconds since 1970.
    pub(in crate::sandbox) fn verify_signature(
        &self,
        headers: Signed<'_>,
        method: &str,
        path: &str,
        now: i64,
    ) -> Result<&str, ApiRefusal> {
        let missing = |code| ApiRefusal::without_details(401, code);
        let id = headers.key.ok_or(missing("key_is_missing_from_headers"))?;
        let signature = headers.signature.ok_or(missing("signature_is_missing_from_headers"))?;
        let stamp = headers.timestamp.ok_or(missing("timestamp_is_missing_from_headers"))?;
        let at: i64 = stamp.parse().map_err(|_| missing("header_timestamp_invalid"))?;
        if now.saturating_sub(at).abs() > SKEW {
            return Err(ApiRefusal::without_details(401, "header_timestamp_expired"));
        }
        let refuse = |details: &str| ApiRefusal::with_details(401, "authentication_error", details);
        let key = self.0.iter().find(|key| key.id == id).ok_or_else(|| refuse("NOT_FOUND"))?;
        let text = format!("{stamp}{method}{path}");
        let wrong = || refuse("INCORRECT_API_KEY_SIGNATURE");
        let signature = BASE64_STANDARD.decode(signature).map_err(|_| wrong())?;
        let checked = if key.rsa {
            UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &key.public).verify(text.as_bytes(), &signature)
        } else {
            UnparsedPublicKey::new(&ED25519, &key.public).verify(text.as_bytes(), &signature)
        };
        checked.map(|()| key.id.as_str()).map_err(|_| wrong())
    }
}

fn write_secret(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // The mode above is only that of a new file.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text)
}

fn uuid_from_bytes(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Whether it is RSA, and the key as `ring` takes it.
fn parse_public(pem: &str) -> Option<(bool, Vec<u8>)> {
    let body = pem.split("-----BEGIN PUBLIC KEY-----").nth(1)?.split("-----END PUBLIC KEY-----").next()?;
    let der = BASE64_STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?;
    let (info, _) = der_value(&der, 0x30)?;
    let (algorithm, rest) = der_value(info, 0x30)?;
    let (oid, _) = der_value(algorithm, 0x06)?;
    // A bit string begins with the number of unused bits.
    let (bits, _) = der_value(rest, 0x03)?;
    let key = bits.strip_prefix(&[0])?.to_vec();
    match oid {
        oid if oid == OID_RSA => Some((true, key)),
        oid if oid == OID_ED25519 => Some((false, key)),
        _ => None,
    }
}

/// The content of a DER value with this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
    };
    rest.split_at_checked(length)
}

/// Milliseconds since 1970 on this machine's clock: signatures are checked against it, nothing else is.
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "signatures carry the time of day")]
pub(in crate::sandbox) fn wall_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key and signatures made with Python's `cryptography`: with a salt of 32 bytes, and of 20.
    const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAllmWcFidV/3L1SaNg8qT
G9nUZsMN/kJySwzmoz8ye99L/whw89hMkjlFrtoQiBnu890htPTE+wUF3vj8YUz9
0AbXdXuTTQb6A6Hnq2flKL7V0iD9LL8EfoUpmareJdJpoTyPkJ5vK9LVCEifXdoC
4eoocaDtYwZQAcWDOfwuVWnorZq6onVhitmptGPGsS8H+p+mrcdGaZ+TFkPj5g3b
5OKHBelITQs+N+vGF7PipdjmmGn5D1uiMJngonh9342d0yN/yq08psjq86vn+L97
Pt0s6n0oESSExNp4hSTCsTv/6i4vOiJCtkGZwj3G0k4inqlBaKDvH6RjUFUMzmhi
NQIDAQAB
-----END PUBLIC KEY-----";
    const SALT_32: &str = "OE/8yiU5r11xIQaGmy5fIYDfYy0RaAIndJiV/YGiWA91olT44D4xibbG91oGRh2vE4AE/jOOX8XznzmKJmqodXPnFzL9/SEDzBGhcG1wHPWEa5ZDr5meD0sWP4qFRlMOVjdXIlr4IjJuiGdSoIzt0ayjBvgtaUl6mxJ88eHufg9UpFhsBWH4vMwh9N2EN2l4VytGQgFwJqoLaNqA6vLLnYAjQFz6vJQy/8JamnA8oKYK/UzIeq97WBiggZg2RUM5nm32/NrCb8XLRxxMio5FRVlxMRrGH+szIdTQpOGf3kWBk3IiXEio68LvB4c2QmjxFtZ/0Bcg9qIx2FHLbJU2MA==";
    const SALT_20: &str = "aXx1gzI2VLWuZP/klj50J/w+o108MOHdyFzJiqPgMD50LAiRfbcFighhnSpjYs1RDf//U5h74s1m1DcY1h04Za8XU4joWclnM61H2TBm7wQR74dfNylxGq9FpP6QfMu8BHDP22piSkUS9fR+7UhMfNME5XSdo488+efiRTY4caKgfNdkaabL9lBTXsPLidfQGmHAToCBTHgPxXtixfR7wIFiaziH+iRwsd4ppQKSkgPIYusRv43gZQowWR06qySL1caWxS4256zK/6Im/2Bf2MxQGDe/Fs91KHOI9NZ8WDTGuftIMact1QFi5iLsm6KDmnE34g6v9wpJStfgxpywLw==";
    const AT: i64 = 1_795_103_600_000;

    #[test]
    fn rsa_signatures_have_a_salt_of_32_bytes_and_a_time_near_ours() {
        let mut keys = Keys::default();
        keys.register_public_key("rsa", RSA).unwrap();
        let check = |key, signature, path, now| {
            let headers =
                Signed { key: Some(key), timestamp: Some("1795103600000"), signature: Some(signature) };
            keys.verify_signature(headers, "GET", path, now).map(str::to_owned)
        };
        let path = "/trade-api/v2/portfolio/balance";
        assert_eq!(check("rsa", SALT_32, path, AT + SKEW), Ok("rsa".into()));
        let wrong = ApiRefusal::with_details(401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE");
        assert_eq!(check("rsa", SALT_20, path, AT), Err(wrong.clone()));
        assert_eq!(check("rsa", SALT_32, "/trade-api/v2/portfolio/fills", AT), Err(wrong));
        let unknown = ApiRefusal::with_details(401, "authentication_error", "NOT_FOUND");
        assert_eq!(check("other", SALT_32, path, AT), Err(unknown));
        let late = ApiRefusal::without_details(401, "header_timestamp_expired");
        assert_eq!(check("rsa", SALT_32, path, AT + SKEW + 1), Err(late.clone()));
        assert_eq!(check("rsa", SALT_32, path, AT - SKEW - 1), Err(late));
        assert!(keys.register_public_key("x", "nonsense").is_err());
    }

    #[test]
    fn a_made_key_is_written_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, "old").unwrap();
        let id = Keys::default().generate_key_file(&path).unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    }
}
