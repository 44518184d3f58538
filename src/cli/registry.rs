//! `systap registry`, and which registry other commands use, as data.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is signed for longer is signed for good, and cannot be taken back.
const LONGEST_DAYS: u64 = 3650;

/// Which registry to use, and how.
#[derive(Args, Debug, Default)]
pub(crate) struct RegistryChoice {
    /// Only that registry: a name of systap.toml, a folder, or an address
    #[arg(long, value_name = "NAME|PLACE")]
    pub(crate) registry: Option<String>,
    /// The root to believe of it: a file, or sha256:HASH of its metadata/1.root.json
    #[arg(long, value_name = "FILE|sha256:HASH", requires = "registry")]
    pub(crate) root: Option<String>,
    /// Do without the network: use what was fetched before
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take what a registry has even if it was not signed anew in time
    #[arg(long)]
    pub(crate) allow_expired: bool,
}

/// Where to publish, and with which keys.
#[derive(Args, Debug)]
pub(crate) struct Signing {
    /// The registry's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) registry: PathBuf,
    /// A key that may publish there; can be repeated
    #[arg(long = "key", value_name = "FILE", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// For how many days what is signed is good
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(..=LONGEST_DAYS))]
    pub(crate) days: u64,
}

/// `systap registry`
#[derive(Args, Debug)]
pub(crate) struct RegistryOptions {
    #[command(subcommand)]
    pub(crate) verb: RegistryVerb,
}

/// What to do with registries.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryVerb {
    /// The registries that are known
    List,
    /// Know a registry from now on, and which root to believe of it
    Add(AddOptions),
    /// Forget a registry that was added; what was installed from it stays
    Remove(RemoveRegistryOptions),
    /// Make a registry in a folder
    Init(InitOptions),
    /// Make keys, show them, and change those of a registry
    Key(KeyOptions),
    /// Sign what a registry has anew, before it expires
    Refresh(RefreshOptions),
    /// Check every byte of a registry
    Verify(VerifyOptions),
    /// Copy a registry: what a web server or a machine without a network can give in its place
    Mirror(MirrorOptions),
    /// Bring a registry's folder into an object store, s3://BUCKET/PREFIX (built with the feature s3)
    Push(PushOptions),
    /// Serve a registry's folder over http, to be read
    Serve(ServeOptions),
    /// Write pages for people: each tapset's aliases, kernels and versions
    Site(SiteOptions),
}

/// `systap registry add`
#[derive(Args, Debug)]
pub(crate) struct AddOptions {
    /// The root to believe: a file, or sha256:HASH of the registry's metadata/1.root.json
    #[arg(long, value_name = "FILE|sha256:HASH")]
    pub(crate) root: Option<String>,
    /// What to call it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A folder or an address
    #[arg(value_name = "PLACE")]
    pub(crate) place: String,
}

/// `systap registry remove`
#[derive(Args, Debug)]
pub(crate) struct RemoveRegistryOptions {
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `systap registry init`
#[derive(Args, Debug)]
pub(crate) struct InitOptions {
    /// What it calls itself
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// A key that may change keys, to be kept off line; can be repeated
    #[arg(long = "root-key", value_name = "FILE", required = true)]
    pub(crate) root_keys: Vec<PathBuf>,
    /// How many of them must sign
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) threshold: u64,
    /// A key that may publish; can be repeated
    #[arg(long = "key", value_name = "FILE", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Who holds a key, for its users to read: KEYFILE=NAME; can be repeated
    #[arg(long = "owner", value_name = "FILE=NAME")]
    pub(crate) owners: Vec<String>,
    /// For how many days what is signed is good
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(..=LONGEST_DAYS))]
    pub(crate) days: u64,
    /// For how many days the root is good, which the root keys sign
    #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u64).range(..=LONGEST_DAYS))]
    pub(crate) root_days: u64,
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap registry key`
#[derive(Args, Debug)]
pub(crate) struct KeyOptions {
    #[command(subcommand)]
    pub(crate) verb: KeyVerb,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key: an Ed25519 key in a file that only its owner can read
    New(KeyFile),
    /// Show a key's id and its public half
    Show(KeyFile),
    /// Change which keys sign for a registry; what the old ones have signed stays good
    Rotate(RotateOptions),
}

/// A key's file.
#[derive(Args, Debug)]
pub(crate) struct KeyFile {
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `systap registry key rotate`
#[derive(Args, Debug)]
pub(crate) struct RotateOptions {
    /// A key that may change keys now; as many as must sign
    #[arg(long = "root-key", value_name = "FILE", required = true)]
    pub(crate) root_keys: Vec<PathBuf>,
    /// A key that may change keys from now on, in the place of all old ones; can be repeated
    #[arg(long = "new-root-key", value_name = "FILE")]
    pub(crate) new_root_keys: Vec<PathBuf>,
    /// How many of the new ones must sign
    #[arg(long, value_name = "N", default_value_t = 1, requires = "new_root_keys")]
    pub(crate) threshold: u64,
    /// A key that may publish from now on; can be repeated
    #[arg(long = "key", value_name = "FILE", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// A key that may publish until now, if it is not lost: then readers see no moment without a signature that they believe
    #[arg(long = "old-key", value_name = "FILE")]
    pub(crate) old_keys: Vec<PathBuf>,
    /// Who holds a key: KEYFILE=NAME; can be repeated
    #[arg(long = "owner", value_name = "FILE=NAME")]
    pub(crate) owners: Vec<String>,
    /// For how many days what is signed is good
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(..=LONGEST_DAYS))]
    pub(crate) days: u64,
    /// For how many days the root is good, which the root keys sign
    #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u64).range(..=LONGEST_DAYS))]
    pub(crate) root_days: u64,
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap registry refresh`
#[derive(Args, Debug)]
pub(crate) struct RefreshOptions {
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// `systap registry verify`
#[derive(Args, Debug)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    pub(crate) choice: RegistryChoice,
}

/// `systap registry mirror`
#[derive(Args, Debug)]
pub(crate) struct MirrorOptions {
    #[command(flatten)]
    pub(crate) choice: RegistryChoice,
    /// The folder to make, or to bring up to date
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap registry push`
#[derive(Args, Debug)]
pub(crate) struct PushOptions {
    /// The registry's folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The store, as s3://BUCKET/PREFIX; AWS_ENDPOINT, AWS_REGION and the like say where it is and who may
    #[arg(value_name = "PLACE")]
    pub(crate) place: String,
}

/// `systap registry serve`
#[derive(Args, Debug)]
pub(crate) struct ServeOptions {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap registry site`
#[derive(Args, Debug)]
pub(crate) struct SiteOptions {
    #[command(flatten)]
    pub(crate) choice: RegistryChoice,
    /// The folder to write the pages to
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
