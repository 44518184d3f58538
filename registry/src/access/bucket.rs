//! A registry in an object store that speaks S3: files are read, and put there so that two publishers cannot undo each other.
//!
//! Where it is and who may is told by the environment, as S3's own tools have it: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
//! AWS_ENDPOINT, AWS_ALLOW_HTTP. Must never overwrite what was to be new.

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use tokio::runtime::Runtime;

use super::fetch::{FetchError, Patience};

/// A bucket, and where in it the registry is.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: AmazonS3,
    prefix: String,
    runtime: Runtime,
}

/// Why a file was not put.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Another is there.
    #[error("{0} is there already, with other bytes")]
    Another(String),
    /// It was changed meanwhile.
    #[error("{0} was changed by somebody else meanwhile")]
    Changed(String),
    /// The store does not take it.
    #[error("{name} cannot be put: {why}")]
    Store {
        /// The file.
        name: String,
        /// Why.
        why: String,
    },
}

/// A state of a file.
#[derive(Debug, Clone)]
pub(crate) struct Tag(UpdateVersion);

impl Bucket {
    /// A bucket as the environment tells it.
    pub(crate) fn open(bucket: &str, prefix: &str, patience: Patience) -> Result<Bucket, String> {
        let client = ClientOptions::new().with_timeout(patience.file).with_connect_timeout(patience.connect);
        let retry = RetryConfig { max_retries: 3, retry_timeout: patience.file, ..RetryConfig::default() };
        let builder =
            AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client).with_retry(retry);
        // Which client options the environment has is said again, since those of the builder were replaced.
        let plain = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true" || value == "1");
        let store = builder.with_allow_http(plain).build().map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Bucket { store, prefix: prefix.to_owned(), runtime: runtime.map_err(|error| error.to_string())? })
    }

    /// Waits for an answer, on a thread of its own: who asks may be within another runtime.
    fn wait<T: Send>(&self, asked: impl Future<Output = T> + Send) -> Option<T> {
        std::thread::scope(|scope| scope.spawn(|| self.runtime.block_on(asked)).join().ok())
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// A file's bytes.
    pub(crate) fn get(&self, name: &str, most: u64) -> Result<Vec<u8>, FetchError> {
        let path = self.path(name);
        let failed = |why: String| FetchError::Unreachable { name: name.to_owned(), why };
        let got = self.wait(async {
            let got = self.store.get(&path).await?;
            if got.meta.size > most { Ok(None) } else { got.bytes().await.map(Some) }
        });
        match got.ok_or_else(|| failed("the object store's client failed".to_owned()))? {
            Ok(Some(bytes)) => Ok(bytes.to_vec()),
            Ok(None) => Err(FetchError::TooLong { name: name.to_owned(), most }),
            Err(Error::NotFound { .. }) => Err(FetchError::NotFound(name.to_owned())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// The state of a file; `None` if it is not there.
    pub(crate) fn tag(&self, name: &str) -> Result<Option<Tag>, PutError> {
        let path = self.path(name);
        match self.wait(self.store.head(&path)) {
            Some(Ok(meta)) => Ok(Some(Tag(UpdateVersion { e_tag: meta.e_tag, version: meta.version }))),
            Some(Err(Error::NotFound { .. })) => Ok(None),
            Some(Err(error)) => Err(PutError::Store { name: name.to_owned(), why: error.to_string() }),
            None => Err(PutError::Store { name: name.to_owned(), why: "the object store's client failed".to_owned() }),
        }
    }

    fn put_as(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<Result<(), Error>, PutError> {
        let path = self.path(name);
        let options = PutOptions { mode, ..PutOptions::default() };
        let put = self.wait(self.store.put_opts(&path, bytes.to_vec().into(), options));
        let failed = || PutError::Store { name: name.to_owned(), why: "the object store's client failed".to_owned() };
        Ok(put.ok_or_else(failed)?.map(drop))
    }

    fn refused(name: &str, error: &Error) -> PutError {
        PutError::Store { name: name.to_owned(), why: error.to_string() }
    }

    /// Puts a file that is to be new; one with the same bytes may be there. Gives whether it was new.
    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, PutError> {
        match self.put_as(name, bytes, PutMode::Create)? {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                let there = self.get(name, bytes.len() as u64);
                if there.is_ok_and(|there| there == bytes) {
                    Ok(false)
                } else {
                    Err(PutError::Another(name.to_owned()))
                }
            }
            Err(error) => Err(Self::refused(name, &error)),
        }
    }

    /// Puts a file, whatever is there.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), PutError> {
        self.put_as(name, bytes, PutMode::Overwrite)?.map_err(|error| Self::refused(name, &error))
    }

    /// Puts a file in the place of the state that was seen, and of no other.
    pub(crate) fn switch(&self, name: &str, bytes: &[u8], seen: Option<Tag>) -> Result<(), PutError> {
        let mode = seen.map_or(PutMode::Create, |tag| PutMode::Update(tag.0));
        match self.put_as(name, bytes, mode)? {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(PutError::Changed(name.to_owned())),
            other => other.map_err(|error| Self::refused(name, &error)),
        }
    }
}
