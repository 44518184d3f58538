//! `systap tapset`, as data.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;
use super::registry::{RegistryChoice, Signing};

/// `systap tapset`
#[derive(Args, Debug)]
pub(crate) struct TapsetOptions {
    /// Look there for tapsets too; can be repeated
    #[arg(short = 'I', value_name = "DIR", global = true)]
    pub(crate) roots: Vec<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: TapsetVerb,
}

/// What to do with tapsets.
#[derive(Debug, Subcommand)]
pub(crate) enum TapsetVerb {
    /// Find tapsets in registries, by words or by what they have and probe
    Search(SearchOptions),
    /// Install tapsets, with those that they need, in versions that hold on this kernel
    Install(InstallOptions),
    /// Remove tapsets, and what only they needed
    Remove(RemoveOptions),
    /// Take newer versions of what is installed
    Update(UpdateOptions),
    /// Which installed tapsets have newer versions for this kernel
    Outdated(OutdatedOptions),
    /// Which versions of a tapset hold on this kernel and why others do not, and who needs it here
    Why(WhyOptions),
    /// What is installed, and what it needs
    Tree,
    /// Whether what is installed is what was signed
    Verify,
    /// Write the versions in use to systap.lock, which scripts beside it then run with
    Lock(LockOptions),
    /// Copy what is installed into a folder, for machines without a registry
    Vendor(VendorOptions),
    /// Which tapsets scripts find, and where
    List,
    /// What a tapset has: aliases and functions, with what is said of them
    Info(NamedTapset),
    /// Resolve every alias and call every function of a tapset on kernels, and say what is amiss with the tapset
    Check(TapsetKernels),
    /// Which alias is there on which kernel
    Matrix(TapsetKernels),
    /// Run a tapset's tests on this kernel
    Test(TapsetTests),
    /// What a tapset's aliases and functions are, for people: as text, as a man page or as HTML
    Doc(TapsetDoc),
    /// Begin a tapset: a folder that passes check, test and package as it is
    New(NewOptions),
    /// Whether a tapset's next version is a major, a minor or a patch release, and why
    SemverCheck(SemverOptions),
    /// Mark an alias of a tapset as one that is to go, in its manifest
    Deprecate(DeprecateOptions),
    /// Make a tapset's package, a file
    Package(PackageOptions),
    /// Check tapsets and publish them in a registry
    Publish(PublishOptions),
    /// Say of a published version that it is not to be taken anew
    Yank(YankOptions),
}

/// `systap tapset info`
#[derive(Args, Debug)]
pub(crate) struct NamedTapset {
    /// A name, or a tapset's folder
    #[arg(value_name = "TAPSET")]
    pub(crate) tapset: String,
}

/// `systap tapset check` and `matrix`
#[derive(Args, Debug)]
pub(crate) struct TapsetKernels {
    /// A kernel, instead of the running one: saved facts, a package of Debian, a vmlinuz, a vmlinux, BTF, a release; can be repeated
    #[arg(long = "kernel", value_name = "WHAT")]
    pub(crate) kernels: Vec<PathBuf>,
    /// A name, or a tapset's folder
    #[arg(value_name = "TAPSET")]
    pub(crate) tapset: String,
}

/// `systap tapset test`
#[derive(Args, Debug)]
pub(crate) struct TapsetTests {
    /// On the kernels of the lab too, under QEMU; in a checkout of systap's sources
    #[arg(long)]
    pub(crate) lab: bool,
    /// A name, or a tapset's folder
    #[arg(value_name = "TAPSET")]
    pub(crate) tapset: String,
    /// Only tests whose name has one of these words
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
}

/// `systap tapset search`
#[derive(Args, Debug)]
pub(crate) struct SearchOptions {
    #[command(flatten)]
    pub(crate) choice: RegistryChoice,
    /// With an alias such as 'vm.*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) alias: Option<String>,
    /// With a function such as 'vm_*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) function: Option<String>,
    /// That probe a tracepoint such as 'sched:*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) tracepoint: Option<String>,
    /// What the output looks like
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Words of the name or of what it is for; all must be there
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
}

/// What `install`, `update` and `outdated` have in common.
#[derive(Args, Debug)]
pub(crate) struct Resolving {
    #[command(flatten)]
    pub(crate) choice: RegistryChoice,
    /// For that kernel, not the running one: saved facts, a package of Debian, a vmlinuz, a vmlinux, BTF, a release
    #[arg(long, value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
    /// Refuse versions that were not tested on such a kernel
    #[arg(long)]
    pub(crate) strict: bool,
    /// What the output looks like
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// `systap tapset install`
#[derive(Args, Debug)]
pub(crate) struct InstallOptions {
    #[command(flatten)]
    pub(crate) resolving: Resolving,
    /// Show what would be installed, and install nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tell what each tapset may attach to
    #[arg(short = 'v')]
    pub(crate) verbose: bool,
    /// Install exactly the versions of a systap.lock: the file, or its folder
    #[arg(long, value_name = "PATH", conflicts_with = "tapsets")]
    pub(crate) locked: Option<PathBuf>,
    /// Tapsets, with versions in Cargo's syntax if any will not do: vm, vm@1.2, 'vm@>=1.2, <2'
    #[arg(value_name = "TAPSET[@VERSIONS]", required_unless_present = "locked")]
    pub(crate) tapsets: Vec<String>,
}

/// `systap tapset remove`
#[derive(Args, Debug)]
pub(crate) struct RemoveOptions {
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[arg(value_name = "TAPSET", required = true)]
    pub(crate) tapsets: Vec<String>,
}

/// `systap tapset update`
#[derive(Args, Debug)]
pub(crate) struct UpdateOptions {
    #[command(flatten)]
    pub(crate) resolving: Resolving,
    /// Show what would be installed, and install nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only these
    #[arg(value_name = "TAPSET")]
    pub(crate) tapsets: Vec<String>,
}

/// `systap tapset outdated`
#[derive(Args, Debug)]
pub(crate) struct OutdatedOptions {
    #[command(flatten)]
    pub(crate) resolving: Resolving,
}

/// `systap tapset why`
#[derive(Args, Debug)]
pub(crate) struct WhyOptions {
    #[command(flatten)]
    pub(crate) resolving: Resolving,
    #[arg(value_name = "TAPSET")]
    pub(crate) tapset: String,
}

/// `systap tapset lock`
#[derive(Args, Debug)]
pub(crate) struct LockOptions {
    /// The folder of the scripts
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// `systap tapset vendor`
#[derive(Args, Debug)]
pub(crate) struct VendorOptions {
    /// The folder to make; `-I DIR` then finds the tapsets
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap tapset doc`
#[derive(Args, Debug)]
pub(crate) struct TapsetDoc {
    /// As a man page: `systap tapset doc --man vm | man -l -`
    #[arg(long)]
    pub(crate) man: bool,
    /// As a page of HTML, which needs nothing else
    #[arg(long, conflicts_with = "man")]
    pub(crate) html: bool,
    /// A name, or a tapset's folder
    #[arg(value_name = "TAPSET")]
    pub(crate) tapset: String,
}

/// `systap tapset new`
#[derive(Args, Debug)]
pub(crate) struct NewOptions {
    /// With a native plugin, for what declarations cannot say
    #[arg(long)]
    pub(crate) plugin: bool,
    /// The folder to make; its last part is the tapset's name
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap tapset semver-check`
#[derive(Args, Debug)]
pub(crate) struct SemverOptions {
    /// Compare on that kernel too: an alias that is lost on it is a major change; can be repeated
    #[arg(long = "kernel", value_name = "WHAT")]
    pub(crate) kernels: Vec<PathBuf>,
    /// What the output looks like
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// The version that was: a tapset's folder
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The version that is to be: a tapset's folder
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
}

/// `systap tapset deprecate`
#[derive(Args, Debug)]
pub(crate) struct DeprecateOptions {
    /// What to use instead
    #[arg(long = "use", value_name = "ALIAS")]
    pub(crate) instead: Option<String>,
    /// The version that is to have it no longer
    #[arg(long, value_name = "VERSION")]
    pub(crate) gone: Option<semver::Version>,
    /// The version that says so first; the manifest's without it
    #[arg(long, value_name = "VERSION")]
    pub(crate) since: Option<semver::Version>,
    /// The tapset's folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(value_name = "ALIAS")]
    pub(crate) alias: String,
}

/// `systap tapset package`
#[derive(Args, Debug)]
pub(crate) struct PackageOptions {
    /// Where to; NAME-VERSION.tapset without it
    #[arg(short = 'o', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Show what would be packed, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A name, or a tapset's folder
    #[arg(value_name = "TAPSET")]
    pub(crate) tapset: String,
}

/// What a publisher may let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allowance {
    /// An alias that no test of the tapset is of
    UntestedAlias,
    /// A test that fails or cannot run here; none is run then
    Tests,
    /// An alias or a function that nothing is said of
    NoComment,
    /// A name that is easily taken for another tapset's
    SimilarName,
    /// A version that is too small for what has changed
    Semver,
    /// An alias or a function that is on none of the kernels that it was checked on
    Nowhere,
}

/// `systap tapset publish`
#[derive(Args, Debug)]
pub(crate) struct PublishOptions {
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// Check against that kernel too; can be repeated
    #[arg(long = "kernel", value_name = "WHAT")]
    pub(crate) kernels: Vec<PathBuf>,
    /// Publish in spite of that; can be repeated
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) allow: Vec<Allowance>,
    /// Check everything, and publish nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tapsets: names or folders
    #[arg(value_name = "TAPSET", required = true)]
    pub(crate) tapsets: Vec<String>,
}

/// `systap tapset yank`
#[derive(Args, Debug)]
pub(crate) struct YankOptions {
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// It may be taken again
    #[arg(long)]
    pub(crate) undo: bool,
    /// Why, a few words that users see
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[arg(value_name = "TAPSET@VERSION")]
    pub(crate) version: String,
}
