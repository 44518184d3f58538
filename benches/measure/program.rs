//! One run of one program: how long it took, what it said.
//!
//! It must never let a run hang the bench, and never take a failed run for a fast one.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    words: Vec<OsString>,
}

/// What a run left.
pub(crate) struct Run {
    /// From before the start of the process until it was waited for.
    pub(crate) time: Duration,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl Program {
    /// The program at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self { words: vec![path.into()] }
    }

    /// The same with more arguments.
    pub(crate) fn with<Word: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = Word>) -> Self {
        self.words.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// This program and its arguments as the last arguments of another.
    pub(crate) fn under(&self, starter: Self) -> Self {
        starter.with(self.words.iter().cloned())
    }

    /// Runs it to its end, in the C locale and without input.
    ///
    /// # Errors
    /// The text to say, where it cannot be started, ends with another status than 0, or is not done within `limit`
    /// (then it is killed).
    pub(crate) fn run(&self, limit: Duration) -> Result<Run, String> {
        self.run_watched(limit, |_| ())
    }

    /// Runs it as [`Program::run`] does, and calls `during` with its process id while it runs. `during` must end when the
    /// process does; the limit begins after it.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub(crate) fn run_watched(
        &self,
        limit: Duration,
        during: impl FnOnce(u32) + Send + 'static,
    ) -> Result<Run, String> {
        let (path, arguments) = self.words.split_first().ok_or("no program")?;
        let name = Path::new(path).file_name().unwrap_or(path).display();
        let mut command = Command::new(path);
        command.args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

        let (report, reports) = mpsc::channel();
        let watch = std::thread::spawn(move || -> bool {
            let Ok(pid) = reports.recv() else { return false };
            during(pid);
            match reports.recv_timeout(limit) {
                Ok(_) | Err(mpsc::RecvTimeoutError::Disconnected) => false,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    // Who hangs is killed; that this cannot be done is said by the run that does not end.
                    drop(Command::new("kill").args(["-KILL", &u32::to_string(&pid)]).status());
                    true
                }
            }
        });
        let start = Instant::now();
        let child = command.spawn().map_err(|error| format!("{name}: cannot be started: {error}"))?;
        let _ = report.send(child.id());
        let output = child.wait_with_output();
        let time = start.elapsed();
        drop(report);
        let killed = watch.join().unwrap_or(false);
        let output = output.map_err(|error| format!("{name}: {error}"))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if killed {
            return Err(format!("{name}: not done after {} s", limit.as_secs()));
        }
        if !output.status.success() {
            // What a traced command says comes after the tracer's error.
            let error = stderr.lines().find(|line| line.starts_with("error"));
            let reason = error.or(stderr.lines().next_back()).unwrap_or("no message");
            return Err(format!("{name}: {}: {reason}", output.status));
        }
        Ok(Run { time, stdout, stderr })
    }
}
