//! The key of an account, and the signatures that show it to the exchange without showing it.
//!
//! Every private request carries the key's id, the time, and a signature over time, method and path
//! (never query or body). RSA keys sign RSASSA-PSS with SHA-256 and a salt of 32 bytes; Ed25519 keys sign
//! the same text. Nothing here prints a key, whatever it is asked to print.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

/// The header with the key's id.
pub const KEY_HEADER: &str = "KALSHI-ACCESS-KEY";
/// The header with the time in Unix milliseconds.
pub const TIMESTAMP_HEADER: &str = "KALSHI-ACCESS-TIMESTAMP";
/// The header with the signature, in Base64.
pub const SIGNATURE_HEADER: &str = "KALSHI-ACCESS-SIGNATURE";

/// A key file is a few kilobytes at most; what is larger is something else.
const LARGEST_KEY_FILE: u64 = 64 * 1024;

/// A key id with its private key. Cheap to clone; prints nothing of either.
#[derive(Clone)]
pub struct Credentials {
    key_id: Arc<str>,
    key: Arc<SigningKey>,
}

enum SigningKey {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a key cannot be used. Says nothing of what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The file cannot be opened or read.
    #[error("cannot read the key file {path}: {cause}")]
    Unreadable {
        /// Path of the key file, as it was given.
        path: PathBuf,
        /// The failure of opening or reading it; text that is not UTF-8 is one, too.
        cause: std::io::Error,
    },
    /// It is a directory, a device or the like, or far too large.
    #[error("{0} is not a key file: expected a regular file with a private key in PEM")]
    NotAKeyFile(PathBuf),
    /// Its mode is neither 0600 nor 0400, so others may be able to read it.
    #[error("the key file {path} has mode {mode:04o}: others may read it; run `chmod 600 {path}`")]
    ExposedFile {
        /// Path of the key file, as it was given.
        path: PathBuf,
        /// The file's permission bits without its type, such as 0o644.
        mode: u32,
    },
    /// The text is not a usable private key.
    #[error("the private key cannot be used: {0}")]
    BadKey(String),
    /// The key id cannot stand in a header.
    #[error("the key id is empty or has characters other than letters, digits, `-` and `_`")]
    BadKeyId,
}

impl Credentials {
    /// Reads a private key from a PEM file that nobody but its owner may read.
    ///
    /// # Errors
    /// When the file is not regular, has another mode than 0600 or 0400, or holds no usable key.
    pub fn from_file(key_id: &str, path: &Path) -> Result<Self, AuthError> {
        let unreadable = |cause| AuthError::Unreadable { path: path.to_owned(), cause };
        // Looked at before it is opened, as opening a pipe would wait for its other end.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(AuthError::NotAKeyFile(path.to_owned()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() || metadata.len() > LARGEST_KEY_FILE {
            return Err(AuthError::NotAKeyFile(path.to_owned()));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode != 0o600 && mode != 0o400 {
            return Err(AuthError::ExposedFile { path: path.to_owned(), mode });
        }
        // With room for the whole file from the start, so that no copy is left behind by growing.
        let room = usize::try_from(LARGEST_KEY_FILE).unwrap_or_default();
        let mut pem = Zeroizing::new(String::with_capacity(room));
        file.take(LARGEST_KEY_FILE).read_to_string(&mut pem).map_err(unreadable)?;
        Self::from_pem(key_id, &pem)
    }

    /// Takes a private key from PEM text: RSA in PKCS#1 or PKCS#8, or Ed25519 in PKCS#8.
    ///
    /// # Errors
    /// When the text holds no such key, or the key id could not be sent.
    pub fn from_pem(key_id: &str, pem: &str) -> Result<Self, AuthError> {
        let sendable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if key_id.is_empty() || !key_id.bytes().all(sendable) {
            return Err(AuthError::BadKeyId);
        }
        let key = SigningKey::from_pem(pem).map_err(AuthError::BadKey)?;
        Ok(Self { key_id: key_id.into(), key: Arc::new(key) })
    }

    /// What kind of key it is: `RSA` or `Ed25519`.
    #[must_use]
    pub fn key_algorithm(&self) -> &'static str {
        match &*self.key {
            SigningKey::Rsa(_) => "RSA",
            SigningKey::Ed25519(_) => "Ed25519",
        }
    }

    /// The signature of a request, in Base64. `path` begins with `/trade-api` and has no query.
    #[must_use]
    pub fn sign_request(&self, timestamp_ms: i64, method: &str, path: &str) -> String {
        let text = format!("{timestamp_ms}{method}{path}");
        STANDARD.encode(self.key.sign_message(text.as_bytes()))
    }

    /// The three headers of a request: their names and values.
    #[must_use]
    pub fn signed_headers(&self, timestamp_ms: i64, method: &str, path: &str) -> [(&'static str, String); 3] {
        [
            (KEY_HEADER, self.key_id.to_string()),
            (TIMESTAMP_HEADER, timestamp_ms.to_string()),
            (SIGNATURE_HEADER, self.sign_request(timestamp_ms, method, path)),
        ]
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

impl SigningKey {
    fn from_pem(pem: &str) -> Result<Self, String> {
        let (label, der) = decode_pem(pem)?;
        match &*label {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).map(Self::Rsa).map_err(|error| error.to_string()),
            "PRIVATE KEY" => {
                // The kind of key is written in the file: only one of the two readers takes it.
                if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
                    return Ok(Self::Ed25519(key));
                }
                let wrong = |error| format!("it is no Ed25519 key, and as an RSA key: {error}");
                RsaKeyPair::from_pkcs8(&der).map(Self::Rsa).map_err(wrong)
            }
            "ENCRYPTED PRIVATE KEY" => Err("it is encrypted; decrypt it with `openssl pkey`".into()),
            other => Err(format!("it is a `{other}`; expected `PRIVATE KEY` or `RSA PRIVATE KEY`")),
        }
    }

    fn sign_message(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(text).as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text, &mut signature)
                    .expect("a key that was read signs, as long as the system has randomness");
                signature
            }
        }
    }
}

/// The first PEM block: its label and its bytes, which are wiped when dropped.
fn decode_pem(pem: &str) -> Result<(String, Zeroizing<Vec<u8>>), String> {
    let no_block = || "there is no `-----BEGIN … PRIVATE KEY-----` in it".to_owned();
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or_else(no_block)?;
    let (label, rest) = rest.split_once("-----").ok_or_else(no_block)?;
    if label.len() > 40 || !label.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ') {
        return Err(no_block());
    }
    let end = format!("-----END {label}-----");
    let (body, _) = rest.split_once(&end).ok_or_else(|| format!("`{end}` is missing"))?;
    if body.contains("Proc-Type") {
        return Err("it is encrypted; decrypt it with `openssl rsa`".into());
    }
    let mut packed = Zeroizing::new(String::with_capacity(body.len()));
    packed.extend(body.split_ascii_whitespace());
    let mut der = Zeroizing::new(vec![0; packed.len()]);
    let length =
        STANDARD.decode_slice(packed.as_bytes(), &mut der).map_err(|_| "its Base64 is damaged".to_owned())?;
    der.truncate(length);
    Ok((label.to_owned(), der))
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
