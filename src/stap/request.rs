//! What a command line asks for: options weighed against each other. What contradicts itself is a misuse.
//!
//! Must never read a file; and never let an option without effect pass unsaid.

use std::path::PathBuf;
use std::time::Duration;

use super::table::Id;
use super::words::{Line, Misuse, number};
use crate::background;
use crate::cli::{Colour, Format};
use crate::monitor;
use crate::output_file::Rotation;

/// Where the script comes from, or what is listed instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A file, or `-` for standard input.
    File(PathBuf),
    /// An example, by its name.
    Example(String),
    /// The script itself.
    Text(String),
    /// The points that match a pattern.
    Points(String),
    /// The same with what their handlers can read.
    Variables(String),
    ProbeTypes,
    ProbeAliases,
    Functions,
    Version,
    Help,
    /// Something that needs no script and does nothing here.
    Nothing,
}

/// Who the script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    User,
    System,
    Developer,
}

/// Everything that was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) subject: Subject,
    pub(crate) args: Vec<String>,
    pub(crate) more: Vec<String>,
    pub(crate) last_pass: u8,
    /// By pass, from 1.
    pub(crate) verbose: [u32; 5],
    pub(crate) no_warnings: bool,
    pub(crate) strict_warnings: bool,
    pub(crate) color: Colour,
    pub(crate) tapsets: Vec<PathBuf>,
    pub(crate) guru: bool,
    pub(crate) unoptimized: bool,
    pub(crate) compatible: Option<String>,
    pub(crate) no_time_limits: bool,
    pub(crate) no_handler_errors: bool,
    pub(crate) skip_bad_variables: bool,
    pub(crate) globals: Vec<String>,
    pub(crate) limits: Vec<String>,
    pub(crate) release: Option<String>,
    pub(crate) architecture: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) process: Option<u32>,
    pub(crate) output: Option<String>,
    pub(crate) rotation: Option<Rotation>,
    /// Tell at the end how often the probes ran.
    pub(crate) timing: bool,
    /// Show how the run goes, that often.
    pub(crate) monitor: Option<Duration>,
    /// Go on without this command.
    pub(crate) background: bool,
    /// Bytes.
    pub(crate) buffer: Option<u32>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) no_global_display: bool,
    pub(crate) runtime: &'static str,
    pub(crate) privilege: Privilege,
    /// What was given and has no effect; a sentence each.
    pub(crate) idle: Vec<String>,
}

impl Default for Request {
    fn default() -> Self {
        Request {
            subject: Subject::Nothing,
            args: vec![],
            more: vec![],
            last_pass: 5,
            verbose: [0; 5],
            no_warnings: false,
            strict_warnings: false,
            color: Colour::Auto,
            tapsets: vec![],
            guru: false,
            unoptimized: false,
            compatible: None,
            no_time_limits: false,
            no_handler_errors: false,
            skip_bad_variables: false,
            globals: vec![],
            limits: vec![],
            release: None,
            architecture: None,
            command: None,
            process: None,
            output: None,
            rotation: None,
            timing: false,
            monitor: None,
            background: false,
            buffer: None,
            time_limit: None,
            no_global_display: false,
            // Scripts that ask take the branch for bpf as one for a poorer language, which this is not.
            runtime: "kernel",
            privilege: Privilege::Developer,
            idle: vec![],
        }
    }
}

/// A buffer of more bytes would only be mapped, never filled in time.
const LARGEST_BUFFER: u64 = 256 << 20;

/// What is known only while options are read.
#[derive(Default)]
struct Reading {
    subject: Option<Subject>,
    example: bool,
    sysroot: bool,
    privilege: Option<Privilege>,
    needs_no_script: bool,
}

impl Request {
    /// From a command line.
    pub(crate) fn new(line: Line) -> Result<Request, Misuse> {
        let mut request = Request::default();
        let mut reading = Reading::default();
        for given in line.options {
            if given.row.id != Id::Absent && !given.row.idle.is_empty() {
                let sentence = format!("`{}` has no effect: {}", given.row.name(), given.row.idle);
                if !request.idle.contains(&sentence) {
                    request.idle.push(sentence);
                }
            }
            if given.row.id == Id::Absent {
                return misuse(&format!("`{}` is not supported: {}", given.row.name(), given.row.idle));
            }
            request.take(given.row.id, &given.row.name(), given.value.unwrap_or_default(), &mut reading)?;
        }
        if let Some(subject @ (Subject::Version | Subject::Help)) = reading.subject {
            return Ok(Request { subject, ..request });
        }
        let mut operands = line.operands.into_iter();
        let lists = reading.subject.as_ref().is_some_and(|subject| !matches!(subject, Subject::Text(_)));
        request.subject = match reading.subject {
            Some(subject) => subject,
            None => match operands.next() {
                Some(name) if reading.example => Subject::Example(name),
                Some(file) => Subject::File(PathBuf::from(file)),
                None if reading.needs_no_script => Subject::Nothing,
                None => return misuse("a script must be given: a file, `-`, or -e SCRIPT"),
            },
        };
        request.args = operands.collect();
        request.settle(lists, reading.privilege)
    }

    /// Takes in one option.
    fn take(&mut self, id: Id, name: &str, value: String, reading: &mut Reading) -> Result<(), Misuse> {
        let list = |reading: &mut Reading, subject| match &reading.subject {
            Some(Subject::Text(_)) => misuse(&format!("`{name}` lists, and `-e` gives a script: one of them")),
            Some(_) => misuse("only one of -l, -L and --dump-... can be given"),
            None => {
                reading.subject = Some(subject);
                Ok(())
            }
        };
        match id {
            Id::Script => match reading.subject {
                Some(Subject::Text(_)) => return misuse("only one script can be given: use -E for more"),
                Some(_) => return misuse("`-e` gives a script, and here something is listed instead"),
                None => reading.subject = Some(Subject::Text(value)),
            },
            Id::MoreScript => self.more.push(value),
            Id::Example => reading.example = true,
            Id::List => list(reading, Subject::Points(value))?,
            Id::ListVariables => list(reading, Subject::Variables(value))?,
            Id::DumpTypes => list(reading, Subject::ProbeTypes)?,
            Id::DumpAliases => list(reading, Subject::ProbeAliases)?,
            Id::DumpFunctions => list(reading, Subject::Functions)?,
            Id::LastPass => self.last_pass = number(&value).unwrap_or(5) as u8,
            Id::Unoptimized => self.unoptimized = true,
            Id::Verbose => self.verbose.iter_mut().for_each(|level| *level += 1),
            Id::VerbosePass => {
                let digits = value.bytes().map(|digit| u32::from(digit.saturating_sub(b'0')));
                self.verbose.iter_mut().zip(digits).for_each(|(level, digit)| *level += digit);
            }
            Id::NoWarnings => self.no_warnings = true,
            Id::StrictWarnings => self.strict_warnings = true,
            Id::Color => {
                self.color = match value.as_str() {
                    "never" => Colour::Never,
                    "auto" => Colour::Auto,
                    _ => Colour::Always,
                }
            }
            Id::Tapset => self.tapsets.push(PathBuf::from(value)),
            Id::Guru => self.guru = true,
            Id::Compatible => self.compatible = Some(value),
            Id::NoTimeLimits if !self.guru => return misuse("`--suppress-time-limits` needs guru mode, -g, before it"),
            Id::NoTimeLimits => self.no_time_limits = true,
            Id::NoHandlerErrors => self.no_handler_errors = true,
            Id::SkipBadVariables => self.skip_bad_variables = true,
            Id::Global => self.globals.push(value),
            Id::Define => self.limits.push(value),
            Id::Module => self.idle.push("`-m` has no effect: no kernel module is built".to_owned()),
            Id::Release => self.release = Some(value),
            Id::Architecture => self.architecture = Some(value),
            Id::Sysroot if reading.sysroot => return misuse("only one --sysroot can be given"),
            Id::Sysroot => {
                reading.sysroot = true;
                self.idle.push("`--sysroot` has no effect: scripts run on this system".to_owned());
            }
            Id::Sysenv if !reading.sysroot => return misuse("`--sysenv` must stand behind `--sysroot`"),
            Id::Sysenv => self.idle.push("`--sysenv` has no effect: scripts run on this system".to_owned()),
            Id::Command => self.command = Some(value),
            Id::Process => self.process = number(&value).and_then(|pid| u32::try_from(pid).ok()),
            Id::Output => self.output = Some(value),
            // Files of size 0 are files without end.
            Id::Rotation => self.rotation = Rotation::parse(&value),
            Id::Timing => self.timing = true,
            Id::Monitor => self.monitor = Some(Duration::from_secs(number(&value).unwrap_or(1))),
            Id::Background => self.background = true,
            Id::Buffer => {
                let bytes = (number(&value).unwrap_or(1) << 20).min(LARGEST_BUFFER);
                self.buffer = Some((bytes as u32).next_power_of_two());
            }
            Id::Seconds => {
                let limit = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let limit = limit.filter(|limit| *limit >= Duration::from_millis(1));
                self.time_limit = Some(limit.ok_or_else(|| {
                    Misuse(format!("`-T` takes a number of seconds, a thousandth at least, not `{value}`"))
                })?);
            }
            Id::NoGlobalDisplay => self.no_global_display = true,
            Id::Runtime => {
                self.runtime = ["bpf", "dyninst"].into_iter().find(|known| *known == value).unwrap_or("kernel");
            }
            Id::RuntimeBpf => self.runtime = "bpf",
            Id::RuntimeDyninst => self.runtime = "dyninst",
            Id::Privilege | Id::Unprivileged => {
                let wanted = match value.as_str() {
                    "stapdev" => Privilege::Developer,
                    "stapsys" => Privilege::System,
                    _ => Privilege::User,
                };
                if reading.privilege.is_some_and(|known| known != wanted) {
                    return misuse("the privilege can be set only once");
                }
                reading.privilege = Some(wanted);
            }
            Id::NoScript => reading.needs_no_script = true,
            Id::Version if reading.subject != Some(Subject::Help) => reading.subject = Some(Subject::Version),
            Id::Help => reading.subject = Some(Subject::Help),
            Id::Version | Id::Idle | Id::Absent => {}
        }
        Ok(())
    }

    /// What must fit together in the end.
    fn settle(mut self, lists: bool, privilege: Option<Privilege>) -> Result<Request, Misuse> {
        self.privilege = privilege.unwrap_or(Privilege::Developer);
        if lists && self.last_pass != 5 {
            return misuse("`-p` cannot be given where something is listed");
        }
        if self.command.is_some() && self.process.is_some_and(|pid| pid != 0) {
            return misuse("`-c` and `-x` cannot be given together");
        }
        if self.rotation.is_some() && self.output.is_none() && self.last_pass == 5 {
            return misuse("`-S` needs a file to begin anew, -o FILE");
        }
        if self.background && self.last_pass == 5 && !lists {
            let from_stdin = self.subject == Subject::File("-".into());
            if let Some(sentence) = background::misuse(self.output.is_some(), from_stdin) {
                return misuse(sentence);
            }
        }
        if self.monitor.is_some() && self.last_pass == 5 && !lists {
            if self.background {
                return misuse("`-F` and `--monitor` cannot be given together: nothing would be there to be looked at");
            }
            if let Some(sentence) = monitor::misuse(Format::Text) {
                return misuse(sentence);
            }
        }
        if self.guru && self.privilege != Privilege::Developer {
            return misuse("guru mode, -g, takes --privilege=stapdev");
        }
        Ok(self)
    }
}

fn misuse<T>(sentence: &str) -> Result<T, Misuse> {
    Err(Misuse(sentence.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    fn request(text: &str) -> Result<Request, Misuse> {
        words::read(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).and_then(Request::new)
    }

    #[test]
    fn the_first_operand_is_the_script_unless_there_is_one() {
        let asked = request("-p1 a.stp b").expect("it makes sense");
        assert_eq!((asked.subject, asked.args, asked.last_pass), (Subject::File("a.stp".into()), vec!["b".into()], 1));
        let asked = request("-e x b").expect("it makes sense");
        assert_eq!((asked.subject, asked.args), (Subject::Text("x".into()), vec!["b".into()]));
        let asked = request("-l begin b").expect("it makes sense");
        assert_eq!((asked.subject, asked.args), (Subject::Points("begin".into()), vec!["b".into()]));
        let asked = request("--example x.stp").expect("it makes sense");
        assert_eq!(asked.subject, Subject::Example("x.stp".into()));
    }

    #[test]
    fn what_contradicts_itself() {
        for (text, part) in [
            ("-p1", "a script must be given"),
            ("-e x -e y", "only one script"),
            ("-l a -L b", "only one of -l"),
            ("-l a -e b", "something is listed"),
            ("-p2 -l a", "cannot be given where something is listed"),
            ("-c a -x 5 -e b", "together"),
            ("-g --privilege=stapusr -e x", "takes --privilege=stapdev"),
            ("--unprivileged --privilege=stapsys -e x", "only once"),
            ("--suppress-time-limits -g -e x", "before it"),
            ("--sysenv=A=b -e x", "behind `--sysroot`"),
            ("-T 0 -e x", "a thousandth"),
            ("-i", "not supported: give the script as a file"),
            ("-S 5 -e x", "needs a file"),
            ("-F -e x", "`-F` needs -o FILE"),
            ("-F -o x -", "no script from standard input"),
        ] {
            let found = request(text).expect_err(text).0;
            assert!(found.contains(part), "{text}: {found}");
        }
        assert!(request("-x 0 -c a -e b").is_ok() && request("--unprivileged --unprivileged -e x").is_ok());
    }

    #[test]
    fn what_has_no_effect_is_said_once() {
        let asked = request("-kkuq -B A=b -e x").expect("it makes sense");
        let said: Vec<&str> = asked.idle.iter().map(|said| said.split(' ').next().unwrap_or("")).collect();
        assert_eq!(said, ["`-k`", "`-q`", "`-B`"]);
    }
}
