//! Every option of SystemTap's command line, as a table: the parser, `--help` and docs/stap.md come from it.
//!
//! Must never know what an option does: that is its callers'.

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// A value: the next word, or what follows in the same word.
    Value(&'static str),
    /// Perhaps a value, behind `=`.
    Perhaps(&'static str),
}

/// What values an option accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Any, also none.
    Anything,
    /// Any but an empty one.
    Something,
    /// A number in these bounds.
    Number(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, or a number greater than 0.
    OneOfOrNumber(&'static [&'static str]),
    /// `NAME=VALUE`.
    Assignment,
    /// A C name, perhaps with `=` and a number or a name.
    Macro,
    /// Small letters, digits and underscores.
    ModuleName,
    /// A size, or a size and a count: `10,3`.
    Rotation,
    /// One to five digits.
    Digits,
}

/// Options that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    Script,
    MoreScript,
    Example,
    List,
    ListVariables,
    DumpTypes,
    DumpAliases,
    DumpFunctions,
    LastPass,
    Unoptimized,
    Verbose,
    VerbosePass,
    NoWarnings,
    StrictWarnings,
    Color,
    Tapset,
    Guru,
    Compatible,
    NoTimeLimits,
    NoHandlerErrors,
    SkipBadVariables,
    Global,
    Define,
    Module,
    Release,
    Architecture,
    Sysroot,
    Sysenv,
    Command,
    Process,
    Output,
    Rotation,
    Timing,
    Background,
    Monitor,
    Buffer,
    Seconds,
    NoGlobalDisplay,
    Runtime,
    RuntimeBpf,
    RuntimeDyninst,
    Privilege,
    Unprivileged,
    NoScript,
    Absent,
    Version,
    Help,
    /// Accepted, and of no effect; the row says why.
    Idle,
}

/// An option.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) short: Option<char>,
    pub(crate) long: &'static [&'static str],
    pub(crate) takes: Takes,
    pub(crate) accepts: Accepts,
    /// What it does, for `--help`.
    pub(crate) says: &'static str,
    /// Of an option without effect: why it has none. Said once when it is given; empty: there is nothing to say. Of one that is
    /// refused: why.
    pub(crate) idle: &'static str,
}

const fn row(id: Id, short: Option<char>, long: &'static [&'static str], takes: Takes, says: &'static str) -> Row {
    Row { id, short, long, takes, accepts: Accepts::Anything, says, idle: "" }
}

impl Row {
    const fn of(self, accepts: Accepts) -> Row {
        Row { accepts, ..self }
    }

    const fn because(self, idle: &'static str) -> Row {
        Row { idle, ..self }
    }

    /// As a message names it: `-p`, `--vp`.
    pub(crate) fn name(&self) -> String {
        match (self.short, self.long.first()) {
            (Some(short), _) => format!("-{short}"),
            (None, Some(long)) => format!("--{long}"),
            (None, None) => String::new(),
        }
    }
}

/// A heading and its options.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) rows: &'static [Row],
}

use Accepts::{Assignment, Digits, Macro, ModuleName, Number, OneOf, OneOfOrNumber, Rotation, Something};
use Id::Idle;
use Takes::{Nothing, Perhaps, Value};

const NO_C: &str = "no C is generated";
const NO_MODULE: &str = "no kernel module is built";
const NO_SERVER: &str = "scripts are compiled in this process, so no server is needed";
const NO_CACHE: &str = "nothing is cached: compiling takes milliseconds";
const NO_SYMBOLS: &str = "the kernel's own symbols are used";
const MOST: u64 = u64::MAX;

/// Every option, by what it is about.
pub(crate) static GROUPS: &[Group] = &[
    Group {
        title: "The script",
        rows: &[
            row(Id::Script, Some('e'), &[], Value("SCRIPT"), "the script itself, instead of a file"),
            row(Id::MoreScript, Some('E'), &[], Value("SCRIPT"), "more script text; can be repeated"),
            row(Id::Example, None, &["example"], Nothing, "FILE is the name of an example"),
        ],
    },
    Group {
        title: "Lists, instead of a script",
        rows: &[
            row(Id::List, Some('l'), &[], Value("PROBE"), "the probe points that match").of(Something),
            row(Id::ListVariables, Some('L'), &[], Value("PROBE"), "the same, with what their handlers can read")
                .of(Something),
            row(Id::DumpTypes, None, &["dump-probe-types"], Nothing, "the kinds of probe points"),
            row(Id::DumpAliases, None, &["dump-probe-aliases"], Nothing, "the aliases"),
            row(Id::DumpFunctions, None, &["dump-functions"], Nothing, "the functions"),
        ],
    },
    Group {
        title: "How far to go, and what to say",
        rows: &[
            row(
                Id::LastPass,
                Some('p'),
                &[],
                Value("NUM"),
                "stop after pass NUM: 1 parse, 2 elaborate, 3 translate, 4 compile, 5 run",
            )
            .of(Number(1, 5)),
            row(Id::Verbose, Some('v'), &[], Nothing, "say more; can be repeated"),
            row(Id::VerbosePass, None, &["vp"], Value("DIGITS"), "say more, a digit for each pass").of(Digits),
            row(Id::NoWarnings, Some('w'), &[], Nothing, "no warnings"),
            row(Id::StrictWarnings, Some('W'), &[], Nothing, "a script with a warning is wrong"),
            row(Id::Color, None, &["color", "colour"], Perhaps("WHEN"), "colour messages: always, auto or never")
                .of(OneOf(&["always", "auto", "never"])),
            row(Idle, Some('k'), &[], Nothing, "keep the temporary directory").because("there is none"),
            row(Id::Unoptimized, Some('u'), &[], Nothing, "drop nothing for being unused"),
            row(Id::Timing, Some('t'), &[], Nothing, "tell at the end how often each probe ran"),
            row(Idle, Some('q'), &[], Nothing, "note which tapsets are used").because("no such notes are kept"),
            row(Idle, None, &["check-version"], Nothing, "warn of what depends on SystemTap's version")
                .because("nothing that is known here does"),
            row(Idle, None, &["semantic-keep-going"], Nothing, "go on after errors")
                .because("all errors are told in any case"),
            row(Idle, None, &["debug"], Nothing, "build for debugging").because(NO_C),
            row(Idle, None, &["tmpdir"], Value("DIR"), "the temporary directory").because("there is none"),
        ],
    },
    Group {
        title: "The language",
        rows: &[
            row(Id::Tapset, Some('I'), &[], Value("DIR"), "look in DIR for more definitions; can be repeated"),
            row(Id::Guru, Some('g'), &[], Nothing, "guru mode: allow what can harm the system"),
            row(Id::Compatible, None, &["compatible"], Value("VERSION"), "the version of the language").of(Something),
            row(Id::NoTimeLimits, None, &["suppress-time-limits"], Nothing, "handlers may take any time; takes -g"),
            row(Id::NoHandlerErrors, None, &["suppress-handler-errors"], Nothing, "go on after run-time errors"),
            row(Id::SkipBadVariables, None, &["skip-badvars"], Nothing, "target variables that are not there are 0"),
            row(Idle, Some('P'), &[], Nothing, "look for the ends of functions' prologues")
                .because("arguments are read where functions begin"),
            row(Idle, None, &["prologue-searching"], Perhaps("WHEN"), "the same: always, auto or never")
                .of(OneOf(&["always", "auto", "never"]))
                .because("arguments are read where functions begin"),
        ],
    },
    Group {
        title: "Values and limits",
        rows: &[
            row(Id::Global, Some('G'), &[], Value("NAME=VALUE"), "what a global variable starts from").of(Assignment),
            row(Id::Define, Some('D'), &[], Value("NAME=VALUE"), "a limit, such as MAXACTION=10000").of(Macro),
            row(Idle, Some('B'), &[], Value("NAME=VALUE"), "a variable of the kernel's makefiles").because(NO_MODULE),
            row(Idle, None, &["modinfo"], Value("NAME=VALUE"), "a line of the module's description")
                .of(Assignment)
                .because(NO_MODULE),
            row(Idle, Some('R'), &[], Value("DIR"), "SystemTap's runtime").because(NO_C),
        ],
    },
    Group {
        title: "The kernel",
        rows: &[
            row(Id::Release, Some('r'), &[], Value("RELEASE"), "the kernel's release, or its build directory")
                .of(Something),
            row(Id::Architecture, Some('a'), &[], Value("ARCH"), "the kernel's architecture").of(Something),
            row(Id::Module, Some('m'), &[], Value("NAME"), "the module's name").of(ModuleName),
            row(Id::Sysroot, None, &["sysroot"], Value("DIR"), "where the target's files are"),
            row(Id::Sysenv, None, &["sysenv"], Value("NAME=VALUE"), "the target's environment; behind --sysroot")
                .of(Assignment),
            row(Idle, None, &["build-as"], Value("USER"), "who compiles").because(NO_C),
            row(Idle, Some('d'), &[], Value("OBJECT"), "take along the symbols of OBJECT")
                .of(Something)
                .because(NO_SYMBOLS),
            row(Idle, None, &["ldd"], Nothing, "and those of its libraries").because(NO_SYMBOLS),
            row(Idle, None, &["all-modules"], Nothing, "and those of all modules").because(NO_SYMBOLS),
            row(Idle, None, &["download-debuginfo"], Perhaps("WHEN"), "fetch debug information: yes, no, ask, SECONDS")
                .of(OneOfOrNumber(&["yes", "no", "ask"]))
                .because("the kernel describes its own types"),
        ],
    },
    Group {
        title: "The run",
        rows: &[
            row(Id::Command, Some('c'), &[], Value("CMD"), "start CMD when all is in place, end with it").of(Something),
            row(Id::Process, Some('x'), &[], Value("PID"), "what target() gives; end with it")
                .of(Number(0, i32::MAX as u64)),
            row(Idle, None, &["target-namespaces"], Value("PID"), "whose namespaces processes are numbered by")
                .of(Number(1, i32::MAX as u64))
                .because("processes are numbered as this one sees them"),
            row(Id::Output, Some('o'), &[], Value("FILE"), "write the output to a file; % as in strftime")
                .of(Something),
            row(Id::Seconds, Some('T'), &[], Value("SECONDS"), "end after that time"),
            row(Id::Buffer, Some('s'), &[], Value("MB"), "size of the buffer for output").of(Number(1, 4095)),
            row(Id::Rotation, Some('S'), &[], Value("MB[,N]"), "begin a new output file at that size; keep the last N")
                .of(Rotation),
            row(Idle, Some('b'), &[], Nothing, "a file for each CPU")
                .because("the output of all CPUs is one, in order"),
            row(Id::Background, Some('F'), &[], Nothing, "go on in the background, into the file of -o"),
            row(Id::NoGlobalDisplay, None, &["no-global-var-display"], Nothing, "print no globals at the end"),
            row(Id::Runtime, None, &["runtime"], Value("NAME"), "what scripts hear the runtime is")
                .of(OneOf(&["kernel", "bpf", "dyninst"])),
            row(Id::RuntimeBpf, None, &["bpf"], Nothing, "the same as --runtime=bpf"),
            row(Id::RuntimeDyninst, None, &["dyninst"], Nothing, "the same as --runtime=dyninst"),
            row(Id::Privilege, None, &["privilege"], Value("LEVEL"), "allow what this level may do")
                .of(OneOf(&["stapusr", "stapsys", "stapdev"])),
            row(Id::Unprivileged, None, &["unprivileged"], Nothing, "the same as --privilege=stapusr"),
            row(Id::Monitor, None, &["monitor"], Perhaps("SECONDS"), "show how the run goes, drawn anew that often")
                .of(Number(1, MOST)),
            row(Id::Absent, Some('i'), &["interactive"], Nothing, "build a script by questions")
                .because("give the script as a file, or by -e"),
            row(Id::Absent, None, &["language-server"], Nothing, "serve an editor")
                .because("`systap lsp` is the language server"),
        ],
    },
    Group {
        title: "Elsewhere",
        rows: &[
            row(Idle, None, &["use-server"], Perhaps("SERVER"), "compile there").because(NO_SERVER),
            row(Idle, None, &["use-server-on-error"], Perhaps("WHEN"), "compile there after an error")
                .because(NO_SERVER),
            row(Idle, None, &["use-http-server"], Value("URL"), "compile there").because(NO_SERVER),
            row(Id::NoScript, None, &["list-servers"], Perhaps("WHICH"), "list servers").because(NO_SERVER),
            row(Id::NoScript, None, &["trust-servers"], Perhaps("HOW"), "trust servers").because(NO_SERVER),
            row(Idle, None, &["client-options"], Nothing, "what follows comes from a client").because(NO_SERVER),
            row(Idle, None, &["sign-module"], Perhaps("DIR"), "sign the module").because(NO_MODULE),
            row(Idle, None, &["remote"], Value("HOST"), "run there").because("the script runs on this machine"),
            row(Idle, None, &["remote-prefix"], Nothing, "say where output comes from")
                .because("the script runs on this machine"),
            row(Idle, None, &["save-uprobes"], Nothing, "keep the module for user probes").because(NO_MODULE),
            row(Idle, None, &["disable-cache"], Nothing, "use no cache"),
            row(Idle, None, &["poison-cache"], Nothing, "compile anew").because(NO_CACHE),
            row(Id::NoScript, None, &["clean-cache"], Nothing, "empty the cache").because(NO_CACHE),
            row(Idle, None, &["rlimit-as"], Value("BYTES"), "limit this command's memory")
                .of(Number(0, MOST))
                .because(LIMITS),
            row(Idle, None, &["rlimit-cpu"], Value("SECONDS"), "its time").of(Number(0, MOST)).because(LIMITS),
            row(Idle, None, &["rlimit-nproc"], Value("COUNT"), "its processes").of(Number(0, MOST)).because(LIMITS),
            row(Idle, None, &["rlimit-stack"], Value("BYTES"), "its stack").of(Number(0, MOST)).because(LIMITS),
            row(Idle, None, &["rlimit-fsize"], Value("BYTES"), "its files").of(Number(0, MOST)).because(LIMITS),
            row(Id::NoScript, None, &["benchmark-sdt"], Nothing, "measure markers").because("that is SystemTap's own"),
            row(Id::NoScript, None, &["benchmark-sdt-loops"], Value("COUNT"), "so many times")
                .because("that is SystemTap's own"),
            row(Id::NoScript, None, &["benchmark-sdt-threads"], Value("COUNT"), "in so many threads")
                .because("that is SystemTap's own"),
            row(Id::Version, Some('V'), &["version"], Nothing, "the version"),
            row(Id::Help, Some('h'), &["help"], Nothing, "this list"),
        ],
    },
];

const LIMITS: &str = "`ulimit` sets it for any command";

/// All options.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|group| group.rows)
}

/// What `--help` says.
pub(crate) fn help() -> String {
    let mut text = "Usage: stap [OPTION]... FILE [ARG]...     run a script
       stap [OPTION]... - [ARG]...        from standard input
       stap [OPTION]... -e SCRIPT [ARG]...
       stap [OPTION]... -l PROBE | -L PROBE | --dump-...

Options may stand behind the script; behind `--` nothing is an option.
"
    .to_owned();
    for group in GROUPS {
        text += &format!("\n{}:\n", group.title);
        for row in group.rows {
            text += &format!("  {:<34}{}\n", usage(row), row.says);
            if !row.idle.is_empty() {
                let fate = if row.id == Id::Absent { "refused" } else { "no effect" };
                text += &format!("{:36}({fate}: {})\n", "", row.idle);
            }
        }
    }
    text
}

/// An option as people write it.
fn usage(row: &Row) -> String {
    let short = row.short.map(|short| format!("-{short}"));
    let mut forms: Vec<String> = short.into_iter().chain(row.long.iter().map(|long| format!("--{long}"))).collect();
    let last = forms.pop().unwrap_or_default();
    let value = match (row.takes, last.starts_with("--")) {
        (Takes::Nothing, _) => String::new(),
        (Takes::Value(name), true) => format!("={name}"),
        (Takes::Value(name), false) => format!(" {name}"),
        (Takes::Perhaps(name), _) => format!("[={name}]"),
    };
    forms.push(format!("{last}{value}"));
    forms.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_options_have_one_name() {
        let mut names = std::collections::HashSet::new();
        for row in rows() {
            let short = row.short.map(|short| short.to_string());
            for name in short.into_iter().chain(row.long.iter().map(|long| (*long).to_owned())) {
                assert!(names.insert(name.clone()), "{name} is there twice");
            }
            assert!(row.short.is_some() || !row.long.is_empty(), "{row:?}");
            let has_none = matches!(row.id, Id::Idle | Id::NoScript | Id::Absent);
            assert!(has_none || row.idle.is_empty(), "{row:?}");
            assert!(row.id != Id::Absent || !row.idle.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn the_documentation_has_this_list() {
        let page = include_str!("../../docs/stap.md");
        assert!(page.contains(&help()), "docs/stap.md needs the text of `stap --help`:\n{}", help());
    }

    /// Of SystemTap 5.5: the letters that its getopt knows and act.
    #[test]
    fn every_short_option_of_systemtap_is_there() {
        for letter in "hVvtpIeEoRramkgPcxDbsuqiwldLFSBWGT".chars() {
            assert!(rows().any(|row| row.short == Some(letter)), "-{letter}");
        }
    }
}
