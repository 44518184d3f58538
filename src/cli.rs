//! The command line, as data; from it come the parser and the help.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::monitor;
use crate::output_file::Rotation;

mod registry;
mod tapset;

pub(crate) use registry::*;
pub(crate) use tapset::*;

/// Runs SystemTap-language scripts against the running kernel.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
#[command(after_help = "A script's name alone runs it: `systap FILE [ARG]...` is `systap run FILE [ARG]...`.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a script until it ends, Ctrl-C, or -T
    Run(RunOptions),
    /// Say what is wrong with scripts, or show what becomes of them; needs no privilege
    Check(CheckOptions),
    /// Put a script, its options and the tapsets that it uses into one file, which `systap run` runs where none of them is
    Build(BuildOptions),
    /// Show the probe points that match a pattern, aliases included, such as 'kernel.function("vfs_*")'; all forms without one
    List(ListOptions),
    /// Tapsets: find, install and keep them; and make, check, test and publish them
    Tapset(TapsetOptions),
    /// Registries of tapsets: know them, make them, serve them
    Registry(RegistryOptions),
    /// Save or show the facts of a kernel, which scripts can be checked against elsewhere
    Kernel(KernelOptions),
    /// SystemTap's own command line: `systap stap -p2 FILE`; a link called `stap` does the same
    Stap(StapOptions),
    /// What this kernel lets systap do, what is missing, and how to get it
    Doctor(DoctorOptions),
    /// What an error or a warning means, and how to mend it; all of them without a name
    Explain(ExplainOptions),
    /// What a function, a macro or a probe point does, where it runs and what it costs; all of them without a name
    Doc(DocOptions),
    /// Example scripts: those that have some words, or the text of one
    Examples(ExamplesOptions),
    /// Scripts in one form: in place, or from standard input to standard output
    Fmt(FmtOptions),
    /// A language server for editors, on standard input and output
    Lsp(LspOptions),
    /// Completions of this command line, for a shell to read
    Completions(CompletionsOptions),
    /// Man pages of all commands, a file each
    Man(ManOptions),
}

/// `systap examples`
#[derive(Args, Debug)]
pub(crate) struct ExamplesOptions {
    /// Words that must be in it, or the name of one, which shows its text: `systap examples forks > forks.stp`
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
}

/// `systap fmt`
#[derive(Args, Debug)]
pub(crate) struct FmtOptions {
    /// Change nothing: show what would change, and exit with status 1 if anything would
    #[arg(long)]
    pub(crate) check: bool,
    /// When to colour messages
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// Scripts, and folders of scripts (*.stp, *.stpm); standard input (`-`) without any
    #[arg(value_name = "FILE OR DIR")]
    pub(crate) files: Vec<PathBuf>,
}

/// `systap lsp`
#[derive(Args, Debug)]
pub(crate) struct LspOptions {
    /// Hold scripts against that kernel, not the running one: saved facts, a package of Debian, a vmlinuz, a vmlinux, BTF, a release
    #[arg(long, value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
    /// Look there for functions, macros and aliases that scripts lack; can be repeated
    #[arg(short = 'I', value_name = "DIR")]
    pub(crate) tapsets: Vec<PathBuf>,
    /// Guru mode: scripts may do what can harm the system
    #[arg(short = 'g')]
    pub(crate) guru: bool,
    /// Taken for editors' sake: there is no other way
    #[arg(long, hide = true)]
    pub(crate) stdio: bool,
}

/// `systap completions`
#[derive(Args, Debug)]
pub(crate) struct CompletionsOptions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// `systap man`
#[derive(Args, Debug)]
pub(crate) struct ManOptions {
    /// The folder to write them to
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `systap stap`
#[derive(Args, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct StapOptions {
    /// SystemTap's options, a script and its arguments; `systap stap --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION OR FILE")]
    pub(crate) words: Vec<OsString>,
}

/// `systap list`
#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    /// Show what each point offers, what would fire it on this kernel, and why nothing better would
    #[arg(short = 'v')]
    pub(crate) verbose: bool,
    /// The points of that kernel, not the running one: saved facts, a package of Debian, a vmlinuz, a vmlinux, BTF, a release
    #[arg(long, value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
    /// Look there for aliases too; can be repeated
    #[arg(short = 'I', value_name = "DIR")]
    pub(crate) tapsets: Vec<PathBuf>,
    /// Guru mode: list what only an expert should probe, too
    #[arg(short = 'g')]
    pub(crate) guru: bool,
    /// When to colour messages
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// What the list looks like
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// As in a script, with `*` for what may be anything
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
}

/// `systap kernel`
#[derive(Args, Debug)]
pub(crate) struct KernelOptions {
    #[command(subcommand)]
    pub(crate) verb: KernelVerb,
}

/// What to do with a kernel's facts.
#[derive(Debug, Subcommand)]
pub(crate) enum KernelVerb {
    /// Write the facts to a file, for `check --kernel FILE`
    Save(SaveOptions),
    /// Say what is known of a kernel
    Show(ShowOptions),
}

/// `systap kernel save`
#[derive(Args, Debug)]
pub(crate) struct SaveOptions {
    /// The kernel, instead of the running one: a package of Debian (packed or unpacked), a vmlinuz, a vmlinux, BTF, a release
    #[arg(long, value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
    /// Pack as small as can be, which takes seconds
    #[arg(long)]
    pub(crate) small: bool,
    /// Only types, functions, tracepoints and options of that name, for small files that tests keep; can be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,
    /// Tell how large each part is
    #[arg(short = 'v')]
    pub(crate) verbose: bool,
    /// Where to
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `systap kernel show`
#[derive(Args, Debug)]
pub(crate) struct ShowOptions {
    /// A package of Debian (packed or unpacked), a vmlinuz, a vmlinux, BTF, saved facts, a release; the running kernel without it
    #[arg(value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
}

/// `systap doctor`
#[derive(Args, Debug)]
pub(crate) struct DoctorOptions {
    /// Write all that the report of a defect needs to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// What the answer looks like
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// `systap explain`
#[derive(Args, Debug)]
pub(crate) struct ExplainOptions {
    /// As it stands in the brackets of a message: `error[type-mismatch]`
    pub(crate) name: Option<String>,
}

/// `systap doc`
#[derive(Args, Debug)]
pub(crate) struct DocOptions {
    /// A function, a macro (`@task`), or a point or family of points (`timer`, `syscall.*`)
    pub(crate) name: Option<String>,
    /// All of them as a table in Markdown
    #[arg(long, conflicts_with_all = ["name", "man"])]
    pub(crate) table: bool,
    /// As a man page: `systap doc --man NAME | man -l -`
    #[arg(long, requires = "name")]
    pub(crate) man: bool,
}

/// Where a script comes from and what it is given.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ScriptOptions {
    /// The script itself, instead of a file
    #[arg(short = 'e', value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// What messages call it.
    #[arg(skip)]
    pub(crate) name: Option<String>,
    /// Whether no tapset counts but those that are named: a module has its own.
    #[arg(skip)]
    pub(crate) sealed: bool,
    /// More script text, besides the script itself; can be repeated
    #[arg(short = 'E', value_name = "TEXT")]
    pub(crate) more: Vec<String>,
    /// Look there for functions, macros and aliases that the script lacks; can be repeated
    #[arg(short = 'I', value_name = "DIR")]
    pub(crate) tapsets: Vec<PathBuf>,
    /// Take that installed version of a tapset, whichever is in use: vm@1.2; can be repeated
    #[arg(long = "tapset", value_name = "TAPSET[@VERSIONS]")]
    pub(crate) versions: Vec<String>,
    /// No warnings
    #[arg(short = 'w')]
    pub(crate) no_warnings: bool,
    /// A script with a warning is wrong
    #[arg(short = 'W')]
    pub(crate) strict_warnings: bool,
    /// Drop nothing for being unused, so that its types must be right too
    #[arg(short = 'u')]
    pub(crate) unoptimized: bool,
    /// Taken for SystemTap's sake: there is no temporary directory to keep
    #[arg(short = 'k', hide = true)]
    pub(crate) keep: bool,
    /// Set a global variable before the script starts
    #[arg(short = 'G', value_name = "NAME=VALUE")]
    pub(crate) globals: Vec<String>,
    /// Set a limit, such as MAXMAPENTRIES=10000
    #[arg(short = 'D', value_name = "LIMIT=VALUE")]
    pub(crate) limits: Vec<String>,
    /// Guru mode: allow what can harm the system (embedded C, writing target variables, raw memory and registers)
    #[arg(short = 'g')]
    pub(crate) guru: bool,

    /// Take a target variable that is not there for 0, instead of an error
    #[arg(long = "skip-badvars")]
    pub(crate) skip_badvars: bool,
    /// When to colour messages
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// What messages, and the output of `run`, look like
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// `systap run`
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) script: ScriptOptions,
    /// Write the output to a file; `%Y` and what else strftime(3) knows stand for the time
    #[arg(short = 'o', value_name = "FILE")]
    pub(crate) output: Option<String>,
    /// Begin a new file, FILE.0, FILE.1 and so on, at that size, and keep the last N of them
    #[arg(short = 'S', value_name = "MB[,N]", requires = "output", value_parser = parse_rotation)]
    pub(crate) rotation: Option<Rotation>,
    /// Flight recorder: print the number of a process that runs on, and end; SIGINT ends that run. The output goes to the file of -o
    #[arg(short = 'F', long = "flight-recorder")]
    pub(crate) background: bool,
    /// A view of the run on the terminal while it goes on, drawn anew that often: probes, globals, output; `?` there lists the keys
    #[arg(
        long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1",
        value_parser = monitor::parse_period, conflicts_with = "background"
    )]
    pub(crate) monitor: Option<Duration>,
    /// At the end, tell how often each probe ran, in SystemTap's form
    #[arg(skip)]
    pub(crate) hit_report: bool,
    /// End after that many seconds
    #[arg(short = 'T', value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) seconds: Option<f64>,
    /// Start this command when everything is in place, end with it; target() is its process
    #[arg(short = 'c', value_name = "COMMAND", conflicts_with = "process")]
    pub(crate) command: Option<String>,
    /// End when this process ends; target() is it
    #[arg(short = 'x', value_name = "PID")]
    pub(crate) process: Option<u32>,
    /// Tell what is done
    #[arg(short = 'v')]
    pub(crate) verbose: bool,
    /// Say nothing but errors
    #[arg(short = 'q', conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Do not print, at the end, the globals that the script writes and never reads
    #[arg(long)]
    pub(crate) no_global_var_display: bool,
    /// At the end, tell what was attached, hit, lost, skipped and missed
    #[arg(long)]
    pub(crate) summary: bool,
    /// Exit with status 5 if any record was lost
    #[arg(long)]
    pub(crate) strict_loss: bool,
    /// Count run-time errors and skipped hits, and do nothing else about them
    #[arg(long)]
    pub(crate) suppress_handler_errors: bool,
    /// Let handlers take as long as they like: no MAXACTION, no overload check (needs -g)
    #[arg(long)]
    pub(crate) suppress_time_limits: bool,
    /// What is to run the kernel's part
    #[arg(long, value_enum, default_value_t = Runtime::Auto, value_name = "RUNTIME")]
    pub(crate) runtime: Runtime,
    /// Attach to functions by kprobes, as on kernels that do not attach by type (fentry)
    #[arg(long, hide = true)]
    pub(crate) no_fentry: bool,
    /// Size of the buffer between kernel and user side, such as 8M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) kernel_buffer: Option<u32>,
    /// The script (`-` for standard input) or module, then its arguments; with -e, only arguments. After `--` nothing is an option
    #[arg(value_name = "FILE [ARG]")]
    pub(crate) file_and_args: Vec<OsString>,
}

/// `systap check`
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    pub(crate) script: ScriptOptions,
    /// Check against that kernel, not the running one: saved facts, a package of Debian, a vmlinuz, a vmlinux, BTF, a release
    #[arg(long, value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
    /// How far to go
    #[arg(long, value_enum, default_value_t = Stage::Compile, value_name = "STAGE")]
    pub(crate) until: Stage,
    /// Show what the script has become
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) print: Option<Form>,
    /// Say where each handler and global lives
    #[arg(short = 'v')]
    pub(crate) verbose: bool,
    /// The scripts (`-` for standard input), or a module
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Arguments of the scripts
    #[arg(last = true, value_name = "ARG")]
    pub(crate) args: Vec<String>,
}

/// `systap build`
#[derive(Args, Debug)]
pub(crate) struct BuildOptions {
    #[command(flatten)]
    pub(crate) script: ScriptOptions,
    /// The module to write; without it, the script's name with .systap, here
    #[arg(short = 'o', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Compile it for that kernel, not the running one: saved facts, a package of Debian, a vmlinuz, a vmlinux, BTF, a release
    #[arg(long, value_name = "WHAT")]
    pub(crate) kernel: Option<PathBuf>,
    /// What is to run it
    #[arg(long, value_enum, default_value_t = Runtime::Auto, value_name = "RUNTIME")]
    pub(crate) runtime: Runtime,
    /// Tell what was put in
    #[arg(short = 'v')]
    pub(crate) verbose: bool,
    /// The script (`-` for standard input), then its first arguments: those that `run` is given come behind them
    #[arg(value_name = "FILE [ARG]")]
    pub(crate) file_and_args: Vec<OsString>,
}

/// What runs the kernel's part of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// The best there is
    #[default]
    Auto,
    /// Programs that the kernel verifies
    Bpf,
    /// A module of the kernel, which systap does not make
    Module,
}

/// How far `check` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Stage {
    /// The syntax
    Parse,
    /// Names, types and probe points against the kernel
    Resolve,
    /// Everything short of loading
    Compile,
    /// The kernel's verdict too: programs are loaded, and nothing is attached. Needs privilege
    Load,
}

/// A printable form of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The syntax tree
    Ast,
    /// The typed program
    Program,
    /// The control-flow graphs
    Ir,
    /// The same, divided into the kernel's part and the user side's
    Placed,
    /// The bytecode, its maps and records
    Bpf,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

/// What output looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// An object a line
    Json,
}

/// Whether the program was started under SystemTap's name.
pub(crate) fn is_stap(program: &std::ffi::OsStr) -> bool {
    std::path::Path::new(program).file_name().is_some_and(|name| name == "stap")
}

/// Puts `run` before the name of a script that stands where a verb could.
pub(crate) fn with_default_verb(verbs: &clap::Command, args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let known = |word: &OsString| {
        verbs.get_subcommands().any(|verb| word == verb.get_name())
            || ["--help", "-h", "--version", "-V"].iter().any(|known| word == known)
    };
    // As others have it: `help` and `help VERB`, unless it is a script.
    if args.get(1).is_some_and(|first| first == "help") && !std::path::Path::new("help").exists() {
        args.remove(1);
        args.truncate(2);
        args.push("--help".into());
    }
    if args.get(1).is_some_and(|first| !known(first)) {
        args.insert(1, "run".into());
    }
    args
}

/// The value of `-S`.
fn parse_rotation(text: &str) -> Result<Rotation, String> {
    Rotation::parse(text).ok_or_else(|| "expected a size in MB, or a size and a number of files: `10,3`".to_owned())
}

/// Bytes, with K, M or G for powers of 1024.
fn parse_size(text: &str) -> Result<u32, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a number of bytes, such as 512K or 8M".to_owned())?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| (4096..=1 << 30).contains(bytes));
    // The kernel's ring buffers are powers of two; more room than was asked for does no harm.
    bytes.map(|bytes| (bytes as u32).next_power_of_two()).ok_or_else(|| "expected a size from 4K to 1G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn a_file_alone_is_run_and_options_may_stand_first() {
        let verbs = |line: &str| {
            let args = with_default_verb(&Cli::command(), line.split(' ').map(OsString::from));
            args[1].clone()
        };
        assert_eq!(verbs("systap top.stp"), "run");
        assert_eq!(verbs("systap -v top.stp"), "run");
        assert_eq!(verbs("systap check top.stp"), "check");
        assert_eq!(verbs("systap --version"), "--version");
        assert_eq!((verbs("systap help"), verbs("systap help check")), ("--help".into(), "check".into()));
    }

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(parse_size("8M"), Ok(8 << 20));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("5M"), Ok(8 << 20));
        assert!(parse_size("1").is_err() && parse_size("2G").is_err() && parse_size("M").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
