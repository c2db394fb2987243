//! The server of a data set, through polars' own client for it: its environment variables, its credentials.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::client::HttpError;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};
use polars::io::cloud::{CloudOptions, CloudRetryConfig, PolarsObjectStoreError, build_object_store};
use polars::prelude::{CloudScheme, PlRefPath, PolarsError};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::dataset::DataError;
use crate::dataset::remote::address::{Address, Scheme};

/// A server that sends nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest time to establish a connection to the server.
const CONNECT: Duration = Duration::from_secs(5);
/// Fewer and sooner than the library's ten in three minutes, for whoever sits in front of it; more than polars'
/// two, for many machines that ask one bucket at the same time and are told to slow down.
const RETRIES: usize = 5;
const RETRY_FOR: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Most bytes that one request asks for; longer ranges are read in pieces.
const PIECE: u64 = 4 * 1_024 * 1_024;
/// Pieces on their way at the same time.
const AT_ONCE: usize = 8;

/// Connections belong to the runtime they were made in, and polars keeps them from one data set to the next.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("data").enable_all().build();
    runtime.expect("a thread can be started")
});

/// A file of the data set on the server, as it was listed.
#[derive(Debug)]
pub(super) struct Object {
    /// Path below the address of the data set, such as `snapshots/a.parquet`.
    pub(super) name: String,
    pub(super) size: u64,
    key: Key,
    tag: Option<String>,
}

impl Object {
    fn new(name: String, found: ObjectMeta) -> Self {
        Self { name, size: found.size, key: found.location, tag: found.e_tag }
    }

    pub(super) fn is_snapshots(&self) -> bool {
        self.name == SNAPSHOTS || self.name.starts_with("snapshots/")
    }

    /// Whether an answer is of the file that was listed, as far as the server tells. Listings and answers quote the
    /// tag differently.
    fn matches_answer(&self, answer: &ObjectMeta) -> bool {
        let same_tag = match (&self.tag, &answer.e_tag) {
            (Some(listed), Some(now)) => listed.trim_matches('"') == now.trim_matches('"'),
            _ => true,
        };
        answer.size == self.size && same_tag
    }
}

/// Why a server did not give something.
#[derive(Debug)]
pub(super) struct ServerRefusal {
    problem: String,
    unreachable: bool,
}

impl ServerRefusal {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), unreachable: false }
    }

    pub(super) fn into_data_error(self, file: &Path) -> DataError {
        DataError { unreachable: self.unreachable, ..DataError::of_file(file, self.problem) }
    }
}

const MARKETS: &str = "markets.parquet";
const SNAPSHOTS: &str = "snapshots.parquet";
const FEES: &str = "fee_changes.csv";

/// A place for files on a server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: Address,
    store: Arc<dyn ObjectStore>,
}

impl Server {
    /// Prepares to ask; asks nobody yet but, for S3 without a region, where the bucket is.
    pub(super) fn connect(address: Address) -> Result<Self, ServerRefusal> {
        let store = if address.scheme.is_web() {
            let retry = RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: FIRST_PAUSE,
                    max_backoff: LONGEST_PAUSE,
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES,
                retry_timeout: RETRY_FOR,
            };
            let client = ClientOptions::new().with_allow_http(true).with_timeout_disabled();
            HttpBuilder::new()
                .with_url(format!("{}://{}", address.scheme, address.host))
                .with_client_options(client.with_connect_timeout(CONNECT))
                .with_retry(retry)
                .build()
                .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
                .map_err(|error| store_refusal(&address, &error))?
        } else {
            let url = PlRefPath::new(address.to_string());
            let found = async {
                let options = cloud_options(&url)?;
                let (_, store) = build_object_store(url, Some(&options), false).await?;
                Ok(store.to_dyn_object_store().await.into_owned())
            };
            let found = RUNTIME.block_on(async { timeout(SILENCE, found).await });
            found.map_err(|_| timeout_refusal(&address))?.map_err(|error| polars_refusal(&address, &error))?
        };
        Ok(Self { address, store })
    }

    /// The files of the data set.
    pub(super) fn list_objects(&self) -> Result<Vec<Object>, ServerRefusal> {
        RUNTIME.block_on(async {
            if self.address.scheme.is_web() {
                self.probe_known_files().await
            } else {
                self.list_folders().await
            }
        })
    }

    /// On a web server, whether the files are there that may be.
    async fn probe_known_files(&self) -> Result<Vec<Object>, ServerRefusal> {
        let mut objects = Vec::new();
        for name in [MARKETS, SNAPSHOTS, FEES] {
            let key = self.object_key(name)?;
            match timeout(SILENCE, self.store.head(&key)).await.map_err(|_| timeout_refusal(&self.address))? {
                Ok(found) => objects.push(Object::new(name.to_owned(), found)),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(store_refusal(&self.address, &error)),
            }
        }
        if objects.iter().any(|object| object.name == SNAPSHOTS) {
            return Ok(objects);
        }
        Err(ServerRefusal::new(
            "has no snapshots.parquet; a web server does not say what is in snapshots/, so over http the snapshots must \
             be one file",
        ))
    }

    async fn list_folders(&self) -> Result<Vec<Object>, ServerRefusal> {
        let mut objects = Vec::new();
        for folder in ["", "snapshots"] {
            let key = self.object_key(folder)?;
            let listed = self.store.list_with_delimiter(Some(&key).filter(|key| !key.as_ref().is_empty()));
            let listed = timeout(SILENCE, listed).await.map_err(|_| timeout_refusal(&self.address))?;
            for found in listed.map_err(|error| store_refusal(&self.address, &error))?.objects {
                let name = found.location.filename().unwrap_or_default().to_owned();
                match folder {
                    "" if [MARKETS, SNAPSHOTS, FEES].contains(&&*name) => {
                        objects.push(Object::new(name, found));
                    }
                    "snapshots" if Path::new(&name).extension().is_some_and(|end| end == "parquet") => {
                        objects.push(Object::new(format!("snapshots/{name}"), found));
                    }
                    _ => {}
                }
            }
        }
        if objects.is_empty() {
            return Err(ServerRefusal::new(
                "holds no data set: neither markets.parquet nor snapshots are there",
            ));
        }
        Ok(objects)
    }

    fn object_key(&self, name: &str) -> Result<Key, ServerRefusal> {
        let key = self.address.object_key(name);
        Key::parse(key).map_err(|error| ServerRefusal::new(format!("cannot be a name on a server: {error}")))
    }

    /// Hands stretches of files to `write`, in pieces and in no order.
    pub(super) fn read_ranges<'a>(
        &self,
        wanted: impl Iterator<Item = (&'a Object, Range<u64>)>,
        write: impl Fn(&Object, &[u8], u64) -> io::Result<()>,
    ) -> Result<(), (&'a Object, ServerRefusal)> {
        let pieces = wanted.flat_map(|(object, range)| {
            let starts = (range.start..range.end).step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
            starts.map(move |start| (object, start..range.end.min(start + PIECE)))
        });
        let write = &write;
        let read = pieces.map(|(object, range)| async move {
            self.read_piece(object, range, write).await.map_err(|refusal| (object, refusal))
        });
        RUNTIME.block_on(stream::iter(read).buffer_unordered(AT_ONCE).try_collect())
    }

    async fn read_piece(
        &self,
        object: &Object,
        range: Range<u64>,
        write: impl Fn(&Object, &[u8], u64) -> io::Result<()>,
    ) -> Result<(), ServerRefusal> {
        let silent = |_| timeout_refusal(&self.address);
        let refused = |error| store_refusal(&self.address, &error);
        let options = GetOptions { range: Some(range.clone().into()), ..GetOptions::default() };
        let answer = timeout(SILENCE, self.store.get_opts(&object.key, options)).await.map_err(silent)?;
        let answer = answer.map_err(refused)?;
        if !object.matches_answer(&answer.meta) {
            return Err(ServerRefusal::new("was changed while it was being read; read it again"));
        }
        let (mut at, mut body) = (range.start, answer.into_stream());
        while let Some(bytes) = timeout(SILENCE, body.next()).await.map_err(silent)? {
            let bytes = bytes.map_err(refused)?;
            let unwritten = |error| ServerRefusal::new(format!("its copy cannot be written: {error}"));
            write(object, &bytes, at).map_err(unwritten)?;
            at += bytes.len() as u64;
        }
        if at == range.end {
            return Ok(());
        }
        let missing = range.end.saturating_sub(at);
        Err(ServerRefusal { problem: format!("the server left out {missing} bytes"), unreachable: true })
    }
}

/// How polars is to ask; who asks it finds out itself.
fn cloud_options(url: &PlRefPath) -> Result<CloudOptions, PolarsError> {
    let scheme: Option<CloudScheme> = url.scheme();
    let connect = [("connect_timeout", format!("{} seconds", CONNECT.as_secs()))];
    let options = CloudOptions::from_untyped_config(scheme, connect)?;
    Ok(options.with_retry_config(CloudRetryConfig {
        max_retries: Some(RETRIES),
        retry_timeout: Some(RETRY_FOR),
        retry_init_backoff: Some(FIRST_PAUSE),
        retry_max_backoff: Some(LONGEST_PAUSE),
        retry_base_multiplier: None,
    }))
}

/// Where credentials come from, for who has to mend them.
const fn credential_hint(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::S3 => {
            "; the environment says who asks and whom: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, \
             AWS_ENDPOINT_URL (AWS_SKIP_SIGNATURE=true for a public bucket)"
        }
        Scheme::Gs => {
            "; the environment says who asks: GOOGLE_SERVICE_ACCOUNT, the file of a service account's key \
             (GOOGLE_SKIP_SIGNATURE=true for a public bucket)"
        }
        Scheme::Az => {
            "; the environment says who asks: AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY \
             (AZURE_SKIP_SIGNATURE=true for a public container)"
        }
        Scheme::Http | Scheme::Https => "",
    }
}

fn timeout_refusal(address: &Address) -> ServerRefusal {
    let problem =
        format!("the server said nothing for {} s{}", SILENCE.as_secs(), credential_hint(address.scheme));
    ServerRefusal { problem, unreachable: true }
}

fn polars_refusal(address: &Address, error: &PolarsError) -> ServerRefusal {
    let inner = match error {
        PolarsError::IO { error, .. } => error.get_ref(),
        _ => None,
    };
    match inner.and_then(|inner| inner.downcast_ref::<PolarsObjectStoreError>()) {
        Some(known) => store_refusal(address, &known.source),
        None => {
            ServerRefusal::new(format!("cannot be asked for: {error}{}", credential_hint(address.scheme)))
        }
    }
}

/// Where the addresses of roles of machines end, which are asked where the environment names nobody.
const ROLES: [&str; 3] = ["/latest/", "/computeMetadata/", "/metadata/identity/"];

/// What the library puts before the status of an answer, and it before the answer's body.
const STATUS: &str = "status code: ";

/// The status an error tells of, or else the first line of its text.
fn without_body(text: &str) -> &str {
    let known = text.split_once(STATUS).map_or(text, |(_, rest)| rest.split(':').next().unwrap_or(rest));
    let known = known.split("response: ").next().unwrap_or(known);
    known.lines().next().unwrap_or(known)
}

/// What a server's answer means. Answers are not shown whole: they repeat keys and signatures.
fn store_refusal(address: &Address, error: &object_store::Error) -> ServerRefusal {
    use object_store::Error as Asked;
    let text = error.to_string();
    let code = text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
    let called = code.map(|code| format!(" ({code})")).unwrap_or_default();
    let hint = credential_hint(address.scheme);
    let first: &(dyn Error + 'static) = error;
    let causes = std::iter::successors(Some(first), |&error| error.source());
    let root = causes.clone().last().map(ToString::to_string).unwrap_or_default();
    let root = without_body(&root);
    let unreachable = |problem: String| ServerRefusal { problem, unreachable: true };
    // Only some answers are told apart by the library; of others it keeps the text.
    let status = match error {
        Asked::NotFound { .. } => "404",
        Asked::PermissionDenied { .. } | Asked::Unauthenticated { .. } => "403",
        Asked::NotSupported { .. } => {
            return ServerRefusal::new("the server does not give out parts of files (Range requests)");
        }
        _ if text.contains(STATUS) => without_body(&text),
        _ => "",
    };
    match (status.get(..3).unwrap_or_default(), code) {
        _ if ROLES.iter().any(|role| text.contains(role)) => ServerRefusal::new(format!(
            "there are no credentials: no role of this machine answers ({root}){hint}"
        )),
        ("404", Some("NoSuchBucket" | "ContainerNotFound")) => {
            ServerRefusal::new(format!("there is no such bucket{called}"))
        }
        ("404", _) => ServerRefusal::new(format!("is not there{called}")),
        ("401" | "403", _) => ServerRefusal::new(format!("access was refused{called}{hint}")),
        (answer, _) if answer.starts_with('5') => {
            unreachable(format!("the server answered {status}{called}"))
        }
        ("", _) if causes.clone().any(<dyn Error>::is::<HttpError>) => {
            unreachable(format!("the server cannot be reached: {root}{hint}"))
        }
        ("", _) => ServerRefusal::new(format!("cannot be asked for: {root}{hint}")),
        _ => ServerRefusal::new(format!("the server answered {status}{called}{hint}")),
    }
}
