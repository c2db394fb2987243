//! Addresses of data sets on a server, which stand where a folder may stand.

use std::fmt;
use std::path::Path;

/// Where a data set on a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Protocol of the server: the part of the address before `://`.
    pub scheme: Scheme,
    /// Bucket or container; over http the host, with its port.
    pub host: String,
    /// What its files' names begin with, without slashes around it.
    pub prefix: String,
}

/// Protocol by which a server is asked for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// S3 and what is compatible with it.
    S3,
    /// Google Cloud Storage, addressed as `gs://bucket/prefix`.
    Gs,
    /// Azure Blob Storage, addressed as `az://container/prefix`.
    Az,
    /// A web server without encryption: `http://host/prefix`. It cannot list its files.
    Http,
    /// A web server over TLS: `https://host/prefix`. It cannot list its files.
    Https,
}

/// Why a text is no address of a data set. It never says what the text is: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The part before `://` is no protocol that is known.
    #[error("begins with no known scheme; known are s3://, gs://, az://, http:// and https://")]
    UnknownScheme,
    /// A user, a password, a query or a fragment is in it.
    #[error(
        "holds more than scheme, host and path; \
         passwords, keys and signatures come from the environment, never from an address"
    )]
    MoreThanAPlace,
    /// The address of a web server names no host.
    #[error("names no host")]
    NoHost,
    /// The address of an object store names no bucket or container.
    #[error("names no bucket")]
    NoBucket,
    /// A part of the path is empty, or leads elsewhere.
    #[error("has an empty part, `.` or `..` in its path")]
    UnclearPath,
}

impl Scheme {
    const ALL: [(&str, Self); 5] =
        [("s3", Self::S3), ("gs", Self::Gs), ("az", Self::Az), ("http", Self::Http), ("https", Self::Https)];

    /// Whether it is a plain web server, which cannot list its files.
    #[must_use]
    pub const fn is_web(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, scheme)| scheme == self).map_or("", |(name, _)| name))
    }
}

impl Address {
    /// Reads `s3://bucket/prefix`, `gs://…`, `az://container/…`, `http://host/…` or `https://…`.
    ///
    /// # Errors
    /// Says what is wrong with it, and not what it is: there may be a password in it.
    pub fn parse(place: &Path) -> Result<Self, AddressError> {
        let text = place.to_string_lossy();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", &text));
        let Some(&(_, scheme)) = Scheme::ALL.iter().find(|(name, _)| *name == scheme) else {
            return Err(AddressError::UnknownScheme);
        };
        if without_secrets(&text) != text {
            return Err(AddressError::MoreThanAPlace);
        }
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if host.is_empty() {
            return Err(if scheme.is_web() { AddressError::NoHost } else { AddressError::NoBucket });
        }
        // Servers take `a//b` and `a/../b` as names of their own, or as others; neither is meant.
        if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(AddressError::UnclearPath);
        }
        Ok(Self { scheme, host: host.to_owned(), prefix: prefix.to_owned() })
    }

    /// The name of a file of the data set on its server.
    #[must_use]
    pub fn object_key(&self, file: &str) -> String {
        [&*self.prefix, file].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{}://{}{slash}{}", self.scheme, self.host, self.prefix)
    }
}

/// Whether a path is the address of something on a server.
#[must_use]
pub fn is_address(path: &Path) -> bool {
    path.to_str().and_then(|text| text.split_once("://")).is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// A text with what may be secret in an address (`user:password@`, and everything from `?` or `#` on) left out.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let Some((before, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let open = rest.find(['?', '#']).map_or(rest, |end| &rest[..end]);
    let host = open.find('/').map_or(open, |end| &open[..end]);
    let (secret, shown) = host.rfind('@').map_or(("", open), |at| ("…@", &open[at + 1..]));
    let cut = if open.len() < rest.len() { "?…" } else { "" };
    format!("{before}://{secret}{shown}{cut}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for (text, scheme, host, prefix, key) in [
            ("s3://bucket/a/history", Scheme::S3, "bucket", "a/history", "a/history/x"),
            ("gs://bucket/", Scheme::Gs, "bucket", "", "x"),
            ("az://container", Scheme::Az, "container", "", "x"),
            ("http://127.0.0.1:9000/d/", Scheme::Http, "127.0.0.1:9000", "d", "d/x"),
        ] {
            let address = Address::parse(Path::new(text)).unwrap();
            assert_eq!(address, Address { scheme, host: host.into(), prefix: prefix.into() });
            assert_eq!(address.object_key("x"), key);
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn folders_are_no_addresses() {
        let folders = ["../data", "/a/b", "a:b", "://x", "data/s3://x", ""];
        assert!(folders.iter().all(|text| !is_address(Path::new(text))));
        assert!(is_address(Path::new("hdfs://x/y")), "so that it is told what is known");
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        for (text, shown, told) in [
            ("https://user:hunter2@host/d", "https://…@host/d", "holds more than"),
            ("s3://hunter2:hunter2@bucket/d", "s3://…@bucket/d", "holds more than"),
            ("https://host/d?X-Amz-Signature=hunter2", "https://host/d?…", "holds more than"),
            ("https://u:hunter2@host?hunter2=@/", "https://…@host?…", "holds more than"),
            ("feed.data=ftp://u:hunter2@host/d", "feed.data=ftp://…@host/d", "no known scheme"),
            ("s3:///d", "s3:///d", "names no bucket"),
            ("s3://b/a/../../c", "s3://b/a/../../c", "has an empty part"),
            ("s3://b//a", "s3://b//a", "has an empty part"),
        ] {
            let problem = Address::parse(Path::new(text)).unwrap_err().to_string();
            assert!(problem.contains(told) && !problem.contains("hunter2"), "{problem}");
            assert_eq!(without_secrets(text), shown);
        }
        assert_eq!(Address::parse(Path::new("https:///d")), Err(AddressError::NoHost));
        // An @ in a key is part of it.
        assert_eq!(without_secrets("s3://b/a@b"), "s3://b/a@b");
    }
}
