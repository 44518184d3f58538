//! Gets a file of a registry, bounded in length and in time.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tough::{Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

use super::file::open;
use super::kept::Kept;
use super::place::Place;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the beginning of an answer.
    pub answer: Duration,
    /// For a whole file.
    pub file: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { connect: Duration::from_secs(10), answer: Duration::from_secs(20), file: Duration::from_secs(120) }
    }
}

/// Why a file was not got.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// It is not there.
    #[error("{0} is not there")]
    NotFound(String),
    /// It is longer than it may be.
    #[error("{name} is longer than the {most} bytes that it may have")]
    TooLong {
        /// The file.
        name: String,
        /// How long it may be, in bytes.
        most: u64,
    },
    /// The place does not answer, and the file is not kept.
    #[error("{name} cannot be got: {why}")]
    Unreachable {
        /// The file.
        name: String,
        /// Why.
        why: String,
    },
    /// There was to be no use of the network, and the file is not kept.
    #[error("{0} was never fetched, and this run is to do without the network")]
    NotKept(String),
}

/// Gets files of one registry.
#[derive(Debug, Clone)]
pub(crate) struct Fetch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    kept: Option<Kept>,
    agent: Option<ureq::Agent>,
    #[cfg(feature = "s3")]
    bucket: Option<Result<super::Bucket, String>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why there is no network, or that there is to be none.
    offline: Option<String>,
    /// The oldest time at which something that was taken from what is kept was known to be so.
    as_of: Option<SystemTime>,
    /// What went wrong last.
    last: Option<FetchError>,
}

/// The file that says which state is the newest.
const TIMESTAMP: &str = "metadata/timestamp.json";

/// An address that `tough` can build names under; nothing is ever asked for there.
const BASE: &str = "registry:///";

impl Fetch {
    /// Of a registry at a place; `kept` is the folder for what was got over the network.
    pub(crate) fn new(place: &Place, kept: Option<PathBuf>, patience: Patience, offline: bool) -> Fetch {
        let (agent, kept) = match place {
            Place::Folder(_) | Place::Bucket { .. } => (None, None),
            Place::Web(_) => (Some(agent(patience)), kept.map(|folder| Kept::new(&folder))),
        };
        let offline = offline.then(|| "it is not to be used".to_owned());
        let state = Mutex::new(State { offline, ..State::default() });
        #[cfg(feature = "s3")]
        let bucket = match place {
            Place::Bucket { bucket, prefix } => Some(super::Bucket::open(bucket, prefix, patience)),
            _ => None,
        };
        Fetch(Arc::new(Inner {
            place: place.clone(),
            kept,
            agent,
            #[cfg(feature = "s3")]
            bucket,
            state,
        }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What a panicking thread leaves here is still true.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there is no network, if there is none, and from when what is known is.
    pub(crate) fn offline(&self) -> Option<(String, Option<SystemTime>)> {
        let state = self.state();
        Some((state.offline.clone()?, state.as_of))
    }

    /// What went wrong last.
    pub(crate) fn last_error(&self) -> Option<FetchError> {
        self.state().last.take()
    }

    /// The address of a folder of the registry, for `tough`.
    pub(crate) fn url(folder: &str) -> Result<Url, url::ParseError> {
        Url::parse(BASE)?.join(folder)
    }

    /// The bytes of a file, by its name in the registry.
    pub(crate) fn get(&self, name: &str, most: u64) -> Result<Vec<u8>, FetchError> {
        let got = match &self.0.place {
            Place::Folder(folder) => read(open(&folder.join(name)), name, most),
            Place::Web(base) => self.get_over_web(base, name, most),
            Place::Bucket { .. } => self.get_of_bucket(name, most),
        };
        if let Err(error) = &got {
            self.state().last = Some(error.clone());
        }
        got
    }

    /// The bytes of a file, if what is kept of it will do; nothing is asked of the server then.
    pub(crate) fn kept(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.0.kept.as_ref()?.read(name)?.bytes)
    }

    #[cfg(feature = "s3")]
    fn get_of_bucket(&self, name: &str, most: u64) -> Result<Vec<u8>, FetchError> {
        match &self.0.bucket {
            Some(Ok(bucket)) => bucket.get(name, most),
            Some(Err(why)) => Err(unreachable(name, why)),
            None => Err(unreachable(name, &"it is in no object store")),
        }
    }

    #[cfg(not(feature = "s3"))]
    fn get_of_bucket(&self, name: &str, _: u64) -> Result<Vec<u8>, FetchError> {
        Err(unreachable(name, &"this systap was built without object stores (cargo build --features s3)"))
    }

    fn get_over_web(&self, base: &Url, name: &str, most: u64) -> Result<Vec<u8>, FetchError> {
        let kept = self.0.kept.as_ref().and_then(|kept| kept.read(name));
        if let Some(kept) = kept.as_ref().filter(|_| is_named_by_hash(name)) {
            return Ok(kept.bytes.clone());
        }
        let (Some(agent), None) = (&self.0.agent, self.offline()) else { return self.without_network(name, kept) };
        let url = base.join(name).map_err(|error| unreachable(name, &error))?;
        let mut request = agent.get(url.as_str());
        // A server that tells states by seconds and lengths would take the newest timestamp for the one before.
        if let Some(kept) = kept.as_ref().filter(|kept| !kept.etag.is_empty() && name != TIMESTAMP) {
            request = request.header("If-None-Match", &kept.etag);
        }
        let response = match request.call() {
            Ok(response) if response.status().is_server_error() => {
                Err(format!("the server says {}", response.status()))
            }
            Ok(response) => Ok(response),
            Err(error) => Err(error.to_string()),
        };
        let mut response = match response {
            Ok(response) => response,
            Err(why) => {
                self.state().offline = Some(why);
                return self.without_network(name, kept);
            }
        };
        match response.status().as_u16() {
            304 => {
                if let (Some(file), Some(all)) = (kept, &self.0.kept) {
                    all.confirm(name);
                    return Ok(file.bytes);
                }
                Err(unreachable(name, &"the server says that it has not changed, and it was never got"))
            }
            404 | 403 | 410 => Err(FetchError::NotFound(name.to_owned())),
            200 => {
                let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).unwrap_or_default();
                let etag = etag.to_owned();
                let bytes = read(Ok(response.body_mut().as_reader()), name, most)?;
                if let Some(kept) = &self.0.kept {
                    kept.write(name, &etag, &bytes);
                }
                Ok(bytes)
            }
            other => Err(unreachable(name, &format!("the server says {other}"))),
        }
    }

    fn without_network(&self, name: &str, kept: Option<super::kept::File>) -> Result<Vec<u8>, FetchError> {
        let why = self.state().offline.clone().unwrap_or_default();
        let file = kept.ok_or_else(|| match self.0.agent {
            Some(_) if why == "it is not to be used" => FetchError::NotKept(name.to_owned()),
            _ => unreachable(name, &why),
        })?;
        let mut state = self.state();
        state.as_of = [state.as_of, file.since].into_iter().flatten().min();
        Ok(file.bytes)
    }
}

/// Whether a file is named by its hash: then it never changes, and what is kept is as good.
fn is_named_by_hash(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split_once('.').is_some_and(|(hash, _)| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn unreachable(name: &str, why: &dyn std::fmt::Display) -> FetchError {
    FetchError::Unreachable { name: name.to_owned(), why: why.to_string() }
}

fn read(source: io::Result<impl Read>, name: &str, most: u64) -> Result<Vec<u8>, FetchError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FetchError::NotFound(name.to_owned()),
        _ => unreachable(name, &error),
    };
    let mut bytes = vec![];
    source.map_err(failed)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(FetchError::TooLong { name: name.to_owned(), most });
    }
    Ok(bytes)
}

fn agent(patience: Patience) -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder()
        .provider(ureq::tls::TlsProvider::Rustls)
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(patience.connect))
        .timeout_recv_response(Some(patience.answer))
        .timeout_global(Some(patience.file))
        .max_redirects(5)
        .tls_config(tls)
        .build()
        .new_agent()
}

/// No file of metadata is longer, in bytes.
const LONGEST_METADATA: u64 = 16 << 20;

#[async_trait::async_trait]
impl Transport for Fetch {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let name = url.path().trim_start_matches('/');
        match self.get(name, LONGEST_METADATA) {
            Ok(bytes) => Ok(Box::pin(futures_util::stream::iter([Ok(bytes::Bytes::from(bytes))]))),
            Err(error) => {
                let kind = match error {
                    FetchError::NotFound(_) => TransportErrorKind::FileNotFound,
                    _ => TransportErrorKind::Other,
                };
                Err(TransportError::new_with_cause(kind, &url, error))
            }
        }
    }
}
