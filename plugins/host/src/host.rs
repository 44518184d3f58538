//! The side that asks: starts the confined process, waits no longer than it must, and decides what became of it.
//!
//! It must never leave a process behind, whatever the other side did, nor read more than an answer may have.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::child::WORD;
use crate::frame::{self, Arrived, Nonce, Order, Reply};
use crate::image::{Digest, sealed, verified};
use crate::validate::validate;
use crate::{Answer, Facts, PluginError, Sandbox, cache};

/// What is asked of one plugin. Plain data: nothing of it is looked up anywhere.
#[derive(Debug, Clone)]
pub struct Request {
    /// The library's file.
    pub library: PathBuf,
    /// The SHA-256 that its bytes must have.
    pub sha256: Digest,
    /// The `[plugin] abi` of the manifest.
    pub abi: u32,
    /// The script units that it may choose among: file names in `scripts/`.
    pub units: Vec<String>,
    /// What it is told, [`gather`](crate::gather)ed from what the manifest asks.
    pub facts: Facts,
}

/// An answer, and how it was had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The answer, checked.
    pub answer: Answer,
    /// How the process was confined; none if the answer was kept from an earlier run and there was no process.
    pub sandbox: Option<Sandbox>,
}

/// What a plugin's process may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From start to answer on the wall's clock.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(3) }
    }
}

/// Asks plugins.
#[derive(Debug, Clone)]
pub struct Host {
    program: PathBuf,
    cache: Option<PathBuf>,
    limits: Limits,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host whose plugins' processes are this program anew, which must call [`serve_if_child`](crate::serve_if_child) first of all.
    pub fn new() -> Self {
        Self { program: PathBuf::from("/proc/self/exe"), cache: None, limits: Limits::default() }
    }

    /// With a folder in which answers are kept. It should be writable by nobody else.
    #[must_use]
    pub fn with_cache(self, folder: impl Into<PathBuf>) -> Self {
        Self { cache: Some(folder.into()), ..self }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// With another program for the processes.
    #[must_use]
    pub fn with_program(self, program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..self }
    }

    /// Asks a plugin, or the cache if it was asked the same before.
    ///
    /// # Errors
    /// Whatever is wrong with the plugin or the machine; see [`PluginError`].
    pub fn ask(&self, request: &Request) -> Result<Asked, PluginError> {
        if request.abi != systap_plugin::ABI {
            return Err(PluginError::ForeignAbi { wanted: request.abi, ours: systap_plugin::ABI });
        }
        let place = self.cache.as_ref().and_then(|folder| cache::place(folder, request));
        if let Some(answer) = place.as_ref().and_then(|place| cache::read(place, request)) {
            return Ok(Asked { answer, sandbox: None });
        }
        let asked = self.ask_process(request)?;
        if let Some(place) = place {
            // Without a cache the next run costs a process more.
            _ = cache::write(&place, &asked.answer);
        }
        Ok(asked)
    }

    /// Asks a plugin twice, by two processes and never the cache, for who is about to publish it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and if the two answers differ.
    pub fn ask_twice(&self, request: &Request) -> Result<Asked, PluginError> {
        let without = Self { cache: None, ..self.clone() };
        let (first, second) = (without.ask(request)?, without.ask(request)?);
        if first.answer == second.answer { Ok(first) } else { Err(PluginError::Inconsistent) }
    }

    /// How far a process for plugins can be confined on this machine, by confining one.
    ///
    /// # Errors
    /// Where no process can be started.
    pub fn try_sandbox(&self) -> Result<Sandbox, PluginError> {
        let nothing = sealed("systap-no-plugin", &[]).map_err(|error| PluginError::Process(error.to_string()))?;
        let reply = self.converse(nothing, None, &Facts::new("", ""))?;
        Ok(reply.sandbox)
    }

    fn ask_process(&self, request: &Request) -> Result<Asked, PluginError> {
        let library = verified(&request.library, request.sha256)?;
        let Reply { sandbox, outcome } = self.converse(library, Some(request.abi), &request.facts)?;
        let answer = outcome?;
        validate(&answer, &request.units).map_err(PluginError::Refused)?;
        Ok(Asked { answer, sandbox: Some(sandbox) })
    }

    /// One process, one order, one reply.
    fn converse(&self, library: OwnedFd, abi: Option<u32>, facts: &Facts) -> Result<Reply, PluginError> {
        let trouble = |what: &str, error: &dyn std::fmt::Display| PluginError::Process(format!("{what}: {error}"));
        let deadline = Instant::now() + self.limits.time;
        let mut nonce = Nonce::default();
        rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| trouble("random numbers", &error))?;
        let order = serde_json::to_vec(&Order { nonce, abi, facts: facts.clone() })
            .map_err(|error| trouble("the order", &error))?;
        let order = sealed("systap-plugin-order", &order).map_err(|error| trouble("the order", &error))?;
        let (from, to) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| trouble("a pipe", &error))?;
        let mut command = Command::new(&self.program);
        command.arg(WORD).arg(std::process::id().to_string()).env_clear().current_dir("/");
        command.stdin(Stdio::from(order)).stdout(Stdio::from(to)).stderr(Stdio::from(library));
        let child = command.spawn().map_err(|error| trouble("cannot start it", &error))?;
        // Or its ends would stay open here, and the pipe would never end.
        drop(command);
        Watched { child, ended: None }.listen(&from, &nonce, deadline, self.limits.time)
    }
}

/// A process that is gone when this is.
struct Watched {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.ended.is_none() {
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}

impl Watched {
    fn listen(
        mut self,
        from: &OwnedFd,
        nonce: &Nonce,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Reply, PluginError> {
        let mut bytes = Vec::with_capacity(4096);
        let mut piece = [0; 16 << 10];
        loop {
            if !ready(from, deadline)? {
                return Err(PluginError::Timeout(limit));
            }
            let read = match rustix::io::read(from, &mut piece) {
                Err(rustix::io::Errno::INTR) => continue,
                read => read.map_err(|error| PluginError::Process(error.to_string()))?,
            };
            if read == 0 {
                return Err(self.end_without_answer(!bytes.is_empty(), deadline, limit));
            }
            bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
            if bytes.len() > frame::HEADER + frame::LONGEST {
                return Err(PluginError::TooLong(frame::LONGEST));
            }
            if let Arrived::Whole(body) = frame::look(nonce, &bytes)? {
                return serde_json::from_slice(body).map_err(|error| PluginError::Garbled(error.to_string()));
            }
        }
    }

    /// The other end is closed: by the end of the process, or by the plugin.
    fn end_without_answer(&mut self, some: bool, deadline: Instant, limit: Duration) -> PluginError {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A kernel without such descriptors (before 5.3) is asked at once: who closed the pipe was about to end.
        if let Some(Ok(ended)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty()))
            && !ready(&ended, deadline).unwrap_or(false)
        {
            return PluginError::Timeout(limit);
        }
        match self.child.wait() {
            Ok(status) => {
                self.ended = Some(status);
                match (status.signal(), status.code()) {
                    (Some(signal), _) => PluginError::Died(signal),
                    (None, Some(0)) if some => PluginError::Garbled("it stops in the middle".to_owned()),
                    (None, code) => PluginError::Ended(code.unwrap_or_default()),
                }
            }
            Err(error) => PluginError::Process(error.to_string()),
        }
    }
}

/// Waits until there is something to read; whether that was before the deadline.
fn ready(fd: &impl AsFd, deadline: Instant) -> Result<bool, PluginError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|error| PluginError::Process(error.to_string()))?;
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&left)) {
            Ok(found) => return Ok(found > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(PluginError::Process(error.to_string())),
        }
    }
}
