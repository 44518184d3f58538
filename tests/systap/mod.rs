//! The command as tests run it: time-boxed, in a process group of its own, its output and status as data.
//!
//! It must never leave a process behind, and never say what is right: it fails only where a run does not come to an end.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A command that takes longer has failed. A machine that is emulated in software takes ten times as long for the same.
pub(crate) fn time_box() -> Duration {
    Duration::from_secs(if is_emulated() { 200 } else { 20 })
}

/// Whether this is a guest of `cargo xtask lab`, where time says nothing.
pub(crate) fn is_emulated() -> bool {
    std::env::var_os("SYSTAP_LAB").is_some()
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// From start to end.
    pub(crate) took: Duration,
}

impl Outcome {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub(crate) fn complaints(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Everything that tells what happened, for the message of a failed assertion.
    pub(crate) fn all(&self) -> String {
        let mut text = self.text();
        text.truncate(text.char_indices().nth(4000).map_or(text.len(), |(at, _)| at));
        format!("{}\n--- stdout\n{text}\n--- stderr\n{}", self.status, self.complaints())
    }

    /// Asserts the status.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.all());
        self
    }

    /// Asserts that it ended well, and with nothing to complain of.
    #[track_caller]
    pub(crate) fn is_quiet(&self) -> &Self {
        self.exits(0);
        assert_eq!(self.complaints(), "", "{}", self.all());
        self
    }

    /// Asserts a quiet end and what was printed.
    #[track_caller]
    pub(crate) fn prints(&self, expected: &str) -> &Self {
        self.is_quiet();
        assert_eq!(self.text(), expected, "{}", self.all());
        self
    }

    /// Asserts that standard error holds each of these.
    #[track_caller]
    pub(crate) fn complains(&self, sentences: &[&str]) -> &Self {
        let complaints = self.complaints();
        for sentence in sentences {
            assert!(complaints.contains(sentence), "`{sentence}` is not said\n{}", self.all());
        }
        self
    }
}

/// A command that runs. It is killed, with all that it started in its group, when this is dropped before its end.
#[derive(Debug)]
pub(crate) struct Running {
    child: Option<Child>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    begun: Instant,
    /// To find what a command that hangs was.
    line: String,
}

impl Running {
    /// The process' number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it has not been waited for").id()
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: i32) {
        kill(self.pid() as i32, signal);
    }

    /// Waits for the end; fails the test if the time box ends first.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        loop {
            let child = self.child.as_mut().expect("it has not been waited for");
            if let Some(status) = child.try_wait().expect("one's own child can be waited for") {
                let took = self.begun.elapsed();
                self.child = None;
                let read = |thread: Option<JoinHandle<Vec<u8>>>| {
                    thread.map(|thread| thread.join().expect("the reader does not panic")).unwrap_or_default()
                };
                return Outcome { status, stdout: read(self.stdout.take()), stderr: read(self.stderr.take()), took };
            }
            let line = &self.line;
            assert!(self.begun.elapsed() < time_box(), "not done after {:?}: {line}", time_box());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(-(child.id() as i32), libc::SIGKILL);
            _ = child.wait();
        }
    }
}

/// A command, with output taken. It does not see what this terminal says about colour.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).env_remove("NO_COLOR");
    command
}

/// Starts a command and reads all that it says.
#[track_caller]
pub(crate) fn start(mut command: Command) -> Running {
    fn reader(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
        std::thread::spawn(move || {
            let mut bytes = vec![];
            _ = stream.read_to_end(&mut bytes);
            bytes
        })
    }
    let line = format!("{command:?}");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
    let stdout = child.stdout.take().map(reader);
    let stderr = child.stderr.take().map(reader);
    Running { child: Some(child), stdout, stderr, begun: Instant::now(), line }
}

/// The systap that belongs to this test program.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_systap"))
}

/// systap with these arguments.
pub(crate) fn systap<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = command(binary());
    command.args(args);
    command
}

/// Runs systap with these arguments to its end.
#[track_caller]
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Outcome {
    start(systap(args)).wait()
}

/// Runs a script that is given as text.
#[track_caller]
pub(crate) fn script(text: &str) -> Outcome {
    run(["run", "-e", text])
}

/// Runs systap with this on its standard input.
#[track_caller]
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Outcome {
    let mut command = systap(args);
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    file.write_all(input).expect("it takes the input");
    std::io::Seek::rewind(&mut file).expect("a file can be rewound");
    command.stdin(file);
    start(command).wait()
}

/// The program that makes a known number of system calls. Cargo builds it with the tests.
pub(crate) fn calls() -> PathBuf {
    let path = binary().with_file_name("examples").join("calls");
    assert!(path.exists(), "{} is not there: build it with `cargo build --example calls`", path.display());
    path
}

/// The command line of `calls`, as the whole of a shell's work: the process is the same.
pub(crate) fn calls_line(args: &str) -> String {
    format!("exec {} {args}", calls().display())
}

/// Runs a script under `-c` with `calls`: `target()` is its process.
#[track_caller]
pub(crate) fn script_over_calls(script: &str, args: &str) -> Outcome {
    run(["run", "-c", &calls_line(args), "-e", script])
}

/// Whether this machine can trace; says why a test is skipped if it cannot.
pub(crate) fn can_trace() -> bool {
    // SAFETY: takes nothing and cannot fail.
    #[expect(unsafe_code, reason = "the caller's user is asked of the kernel")]
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        eprintln!("skipped: only root may load probes");
        return false;
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        eprintln!("skipped: this kernel does not describe its types (BTF)");
        return false;
    }
    true
}

/// Whether functions of this kernel can be probed by kprobes; says why a test is skipped if not.
pub(crate) fn has_kprobes() -> bool {
    if !can_trace() {
        return false;
    }
    let there = Path::new("/sys/bus/event_source/devices/kprobe").exists();
    if !there {
        eprintln!("skipped: this kernel has no kprobes");
    }
    there
}

/// `systap stap`, with a home of its own that has no `rc` file.
pub(crate) fn stap_command(args: &[&str]) -> Command {
    let mut command = systap(["stap"]);
    command.args(args).env("SYSTEMTAP_DIR", "/nonexistent").env_remove("SYSTEMTAP_TAPSET");
    command
}

/// Runs it.
pub(crate) fn stap(args: &[&str]) -> Outcome {
    start(stap_command(args)).wait()
}

/// Where a program is; says that a test is skipped if it is nowhere.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no `{name}` on this machine");
    }
    found
}

/// Waits until something holds; fails the test if it does not within the time box.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < time_box(), "after {:?} still not so: {what}", time_box());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process, or to a group if the number is negative. That there is no such process any more is fine.
pub(crate) fn kill(process: i32, signal: i32) {
    // SAFETY: takes two numbers; it touches no memory of this process.
    #[expect(unsafe_code, reason = "the standard library sends no signals but SIGKILL")]
    let _sent = unsafe { libc::kill(process, signal) };
}

/// The numbers of all BPF programs that are loaded now, by whomever.
pub(crate) fn loaded_programs() -> Vec<u32> {
    /// `BPF_PROG_GET_NEXT_ID` of `enum bpf_cmd`, and what of `union bpf_attr` it takes.
    const NEXT_PROGRAM: libc::c_int = 11;
    #[repr(C)]
    struct NextId {
        start: u32,
        next: u32,
        flags: u32,
    }
    let mut found = vec![];
    let mut attr = NextId { start: 0, next: 0, flags: 0 };
    loop {
        // SAFETY: the kernel reads and writes the attribute, whose size it is told, and nothing else.
        #[expect(unsafe_code, reason = "bpf(2) is asked directly, not by way of what is tested")]
        let asked =
            unsafe { libc::syscall(libc::SYS_bpf, NEXT_PROGRAM, std::ptr::from_mut(&mut attr), size_of::<NextId>()) };
        if asked != 0 {
            return found;
        }
        found.push(attr.next);
        attr.start = attr.next;
    }
}

/// How a process that was killed by a signal ended.
pub(crate) fn ended_by(outcome: &Outcome) -> Option<i32> {
    outcome.status.signal()
}

/// Whether this kernel runs loops whose length its verifier does not know (Linux 6.9); says so if not. What needs such loops is left
/// to the user side otherwise.
pub(crate) fn has_open_loops() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let has = (numbers.next(), numbers.next()) >= (Some(6), Some(9));
    if !has {
        eprintln!("skipped: that it stays in the kernel, which has no open loops: {}", release.trim());
    }
    has
}
