//! A server of objects on 127.0.0.1: what S3 asks of one for reading, with signatures that are checked, and the
//! plain files of a web server. It counts what it gives out, and can be told to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use ring::{digest, hmac};

/// What the server accepts.
pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "eu-central-1";
/// Of a listing; few, so that listings have several pages.
const A_PAGE: usize = 3;

#[derive(Default)]
struct State {
    /// By bucket and key, `bucket/key`.
    objects: BTreeMap<String, Arc<Vec<u8>>>,
    buckets: BTreeSet<String>,
    /// Served to whoever asks.
    open: BTreeSet<String>,
    /// Told to send only half of an answer, once or always.
    cut: BTreeMap<String, u32>,
    /// Answered with 503 so many times.
    busy: u32,
    /// Lines `METHOD target` of all requests.
    asked: Vec<String>,
    bytes: u64,
}

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let serving = server.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.converse(&connection));
            }
        });
        server
    }

    /// Puts every file of a folder into a bucket.
    pub fn put_folder(&self, folder: &Path, to: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{to}/{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                self.put_folder(&path, &key);
            } else {
                self.put(&key, fs::read(&path).unwrap());
            }
        }
    }

    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.buckets.insert(name.split('/').next().unwrap().to_owned());
        state.objects.insert(name.to_owned(), bytes.into());
    }

    pub fn remove(&self, name: &str) {
        self.state.lock().unwrap().objects.remove(name).unwrap();
    }

    /// Lets everybody read a bucket.
    pub fn open(&self, bucket: &str) {
        self.state.lock().unwrap().open.insert(bucket.to_owned());
    }

    /// Breaks off so many of the next answers with this object.
    pub fn cut(&self, name: &str, times: u32) {
        self.state.lock().unwrap().cut.insert(name.to_owned(), times);
    }

    /// Asks to slow down so many times.
    pub fn busy(&self, times: u32) {
        self.state.lock().unwrap().busy = times;
    }

    /// Bytes of objects given out since this was asked last.
    pub fn given(&self) -> u64 {
        std::mem::take(&mut self.state.lock().unwrap().bytes)
    }

    /// Requests since this was asked last.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    fn converse(&self, mut connection: &TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        while let Some(request) = Request::read(&mut reader) {
            let (status, headers, body) = self.answer(&request);
            let (mut head, length) = (format!("HTTP/1.1 {status}\r\n"), body.len());
            if !headers.iter().any(|(name, _)| *name == "content-length") {
                let _ = write!(head, "content-length: {length}\r\n");
            }
            headers.iter().for_each(|(name, value)| {
                let _ = write!(head, "{name}: {value}\r\n");
            });
            head += "\r\n";
            let broken_off = request.method == "GET" && self.breaks_off(&request.name());
            let sent = if broken_off { &body[..length / 2] } else { &body[..] };
            self.state.lock().unwrap().bytes += sent.len() as u64;
            let gone = connection.write_all(&[head.as_bytes(), sent].concat()).is_err();
            if gone || broken_off {
                let _ = connection.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }

    fn breaks_off(&self, name: &str) -> bool {
        match self.state.lock().unwrap().cut.get_mut(name) {
            Some(0) | None => false,
            Some(times) => {
                *times -= 1;
                true
            }
        }
    }

    fn answer(&self, request: &Request) -> (&'static str, Vec<(&'static str, String)>, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.asked.push(format!("{} {}", request.method, request.path));
        let error = |status, code: &str| {
            let body = format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>"
            );
            (status, Vec::new(), body.into_bytes())
        };
        if state.busy > 0 {
            state.busy -= 1;
            return error("503 Service Unavailable", "SlowDown");
        }
        let name = request.name();
        let bucket = name.split('/').next().unwrap_or_default();
        if !state.open.contains(bucket)
            && let Err(code) = verify(request, [KEY_ID, SECRET, REGION])
        {
            return error("403 Forbidden", code);
        }
        if !state.buckets.contains(bucket) {
            return error("404 Not Found", "NoSuchBucket");
        }
        if name.trim_end_matches('/') == bucket {
            return ("200 OK", Vec::new(), listing(&state.objects, bucket, request).into_bytes());
        }
        let Some(object) = state.objects.get(&name) else {
            return error("404 Not Found", "NoSuchKey");
        };
        let mut headers = vec![
            ("etag", format!("\"{}\"", &blake3::hash(object).to_hex()[..32])),
            ("last-modified", "Sun, 22 Nov 2026 10:00:00 GMT".to_owned()),
            ("accept-ranges", "bytes".to_owned()),
        ];
        if request.method == "HEAD" {
            headers.push(("content-length", object.len().to_string()));
            return ("200 OK", headers, Vec::new());
        }
        let Some(range) = request.headers.get("range") else {
            return ("200 OK", headers, object.to_vec());
        };
        let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        if from >= object.len() {
            return error("416 Range Not Satisfiable", "InvalidRange");
        }
        let to = to.min(object.len() - 1);
        headers.push(("content-range", format!("bytes {from}-{to}/{}", object.len())));
        ("206 Partial Content", headers, object[from..=to].to_vec())
    }
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
                None => break,
            };
        }
        // Bodies are sent by nobody who only reads.
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        });
        Some(Self { method, path: path.to_owned(), query: query.collect(), headers })
    }

    /// Bucket and key.
    fn name(&self) -> String {
        decoded(self.path.trim_start_matches('/'))
    }

    fn argument(&self, name: &str) -> String {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| decoded(value)).unwrap_or_default()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [a, b, after @ ..]) => {
                let digits = String::from_utf8(vec![*a, *b]).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A page of `ListObjectsV2`.
fn listing(objects: &BTreeMap<String, Arc<Vec<u8>>>, bucket: &str, request: &Request) -> String {
    assert_eq!(request.argument("list-type"), "2");
    let prefix = request.argument("prefix");
    let mut entries = BTreeMap::new();
    for (name, bytes) in objects {
        let Some(key) = name.strip_prefix(&format!("{bucket}/")).filter(|key| key.starts_with(&prefix))
        else {
            continue;
        };
        match key[prefix.len()..].split_once('/') {
            Some((folder, _)) if request.argument("delimiter") == "/" => {
                entries.insert(format!("{prefix}{folder}/"), None);
            }
            _ => {
                entries.insert(key.to_owned(), Some(bytes));
            }
        }
    }
    let after = request.argument("continuation-token");
    let mut rest = entries.into_iter().filter(|(key, _)| *key > after);
    let mut page = String::new();
    let mut last = String::new();
    for (key, bytes) in rest.by_ref().take(A_PAGE) {
        let _ = match bytes {
            None => write!(page, "<CommonPrefixes><Prefix>{key}</Prefix></CommonPrefixes>"),
            Some(bytes) => write!(
                page,
                "<Contents><Key>{key}</Key><LastModified>2026-11-22T10:00:00.000Z</LastModified>\
                 <ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>",
                &blake3::hash(bytes).to_hex()[..32],
                bytes.len()
            ),
        };
        last = key;
    }
    if rest.next().is_some() {
        let _ = write!(page, "<NextContinuationToken>{last}</NextContinuationToken>");
    }
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>{page}</ListBucketResult>")
}

/// Checks a request as AWS Signature Version 4 says (docs.aws.amazon.com, "Create a signed request"): the
/// signature is made anew from the request that came, and has to be the one that came with it.
fn verify(request: &Request, [key_id, secret, region]: [&str; 3]) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let sent = header("authorization").ok_or("AccessDenied")?;
    let fields = sent.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("InvalidRequest")?;
    let field = |name: &str| {
        let field = fields.split(',').find_map(|field| field.trim().strip_prefix(name));
        field.and_then(|field| field.strip_prefix('=')).ok_or("AuthorizationHeaderMalformed")
    };
    let (credential, names, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let stamp = header("x-amz-date").ok_or("AccessDenied")?;
    let (id, scope) = credential.split_once('/').ok_or("AuthorizationHeaderMalformed")?;
    if id != key_id {
        return Err("InvalidAccessKeyId");
    }
    let day = stamp.get(..8).ok_or("AccessDenied")?;
    if scope != format!("{day}/{region}/s3/aws4_request") {
        return Err("AuthorizationHeaderMalformed");
    }
    let mut query: Vec<String> =
        request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    query.sort();
    let signed: Vec<&str> = names.split(';').collect();
    if !["host", "x-amz-content-sha256", "x-amz-date"].iter().all(|name| signed.contains(name)) {
        return Err("AccessDenied");
    }
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, query.join("&"));
    for name in &signed {
        let _ = writeln!(canonical, "{name}:{}", header(name).ok_or("AccessDenied")?);
    }
    let _ = write!(canonical, "\n{names}\n{}", header("x-amz-content-sha256").ok_or("AccessDenied")?);
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}");
    let sign = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
    };
    let parts = [day, region, "s3", "aws4_request", &text];
    let made = parts.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| sign(&key, part));
    if hex(&made) == signature { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

/// The example "GET Object" of docs.aws.amazon.com, "Signature Calculations for the Authorization Header".
#[test]
fn signatures_are_checked_as_published() {
    let example = |range: &str| {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        let text = format!(
            "GET /test.txt HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\nAuthorization: {authorization}\r\n\
             Range: {range}\r\nx-amz-content-sha256: {nothing}\r\nx-amz-date: 20130524T000000Z\r\n\r\n"
        );
        let key = ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"];
        verify(&Request::read(&mut text.as_bytes()).unwrap(), key)
    };
    assert_eq!(example("bytes=0-9"), Ok(()));
    assert_eq!(example("bytes=0-8"), Err("SignatureDoesNotMatch"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
