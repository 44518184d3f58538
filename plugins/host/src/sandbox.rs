//! How a process makes itself harmless, layer by layer, and says how far it came.
//!
//! The order matters: the bounding set goes before uid 0 is left, since afterwards it may not be changed; the wish to die with the parent
//! comes after, since a change of uid forgets it; the list of system calls comes last, since it forbids the rest. It must never go on to a
//! plugin with less than [`Sandbox::strength`] allows.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal, getppid, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use crate::lists;

/// The user without rights, `nobody`.
const NOBODY: u32 = 65534;
/// Address space, in bytes: this program, the C library, a plugin, its data.
const MEMORY: u64 = 256 << 20;
/// Seconds of processor time: at the first the process is told to die, at the second it is killed.
const CPU: (u64, u64) = (1, 2);
/// Where libraries that a plugin is linked to may be.
const LIBRARIES: [&str; 6] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/nix/store"];

/// One of the things that a process gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// No capability is held, nor could one be regained.
    Capabilities,
    /// Another user without rights, in no group.
    User,
    /// It dies with who started it.
    DeathSignal,
    /// No program that it could start would have more rights.
    NoNewPrivileges,
    /// Memory, processor time, processes, files.
    Limits,
    /// Landlock: no file but libraries, no network, no signal to others.
    Landlock,
    /// Seccomp: no system call but those of a list.
    SystemCalls,
}

impl Layer {
    /// All, in the order in which they are put on.
    pub const ALL: [Self; 7] = [
        Self::Capabilities,
        Self::User,
        Self::DeathSignal,
        Self::NoNewPrivileges,
        Self::Limits,
        Self::Landlock,
        Self::SystemCalls,
    ];

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Capabilities => "no capabilities",
            Self::User => "another user",
            Self::DeathSignal => "dies with systap",
            Self::NoNewPrivileges => "no new privileges",
            Self::Limits => "bounded memory and time",
            Self::Landlock => "no files and no network (Landlock)",
            Self::SystemCalls => "few system calls (seccomp)",
        }
    }
}

/// How one layer came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Wholly.
    On,
    /// As far as the kernel has it, or not needed, with the reason.
    Partly(String),
    /// Not, with the reason.
    Off(String),
}

/// How safe it is to run foreign code behind what was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Not: no plugin is opened.
    None,
    /// It cannot start anything nor reach another process or the network, but could read what the user may read.
    Weak,
    /// Everything is on.
    Full,
}

/// The layers of one process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Each layer with how it came out.
    pub layers: Vec<(Layer, State)>,
}

impl Sandbox {
    /// How one layer came out; nothing if it was not reached.
    pub fn state(&self, layer: Layer) -> Option<&State> {
        self.layers.iter().find(|(known, _)| *known == layer).map(|(_, state)| state)
    }

    /// What all layers together are worth.
    pub fn strength(&self) -> Strength {
        let on = |layer| matches!(self.state(layer), Some(State::On | State::Partly(_)));
        let needed = [Layer::Capabilities, Layer::NoNewPrivileges, Layer::Limits, Layer::SystemCalls];
        if !needed.into_iter().all(on) || !(on(Layer::User) || on(Layer::Landlock)) {
            return Strength::None;
        }
        match Layer::ALL.into_iter().all(|layer| self.state(layer) == Some(&State::On)) {
            true => Strength::Full,
            false => Strength::Weak,
        }
    }

    /// What is not wholly on, with the reasons, in a line.
    pub fn lacks(&self) -> String {
        let lack = |(layer, state): &(Layer, State)| match state {
            State::On => None,
            State::Partly(why) | State::Off(why) => Some(format!("{}: {why}", layer.title())),
        };
        self.layers.iter().filter_map(lack).collect::<Vec<_>>().join("; ")
    }
}

/// Puts everything on that can be. `parent` is who must not outlive it.
pub(crate) fn confine(parent: Option<Pid>) -> Sandbox {
    let mut sandbox = Sandbox::default();
    let mut put = |layer, state| sandbox.layers.push((layer, state));
    let bounded = drop_bounding_set();
    let user = leave_user();
    put(Layer::Capabilities, bounded.and_then(|()| drop_capabilities()).map_or_else(State::Off, |()| State::On));
    put(Layer::User, user);
    put(Layer::DeathSignal, die_with(parent));
    put(Layer::NoNewPrivileges, told(rustix::thread::set_no_new_privs(true)));
    put(Layer::Limits, limits().map_or_else(State::Off, |()| State::On));
    put(Layer::Landlock, landlock().unwrap_or_else(State::Off));
    put(Layer::SystemCalls, system_calls().map_or_else(State::Off, |()| State::On));
    sandbox
}

fn told(result: rustix::io::Result<()>) -> State {
    result.map_or_else(|error| State::Off(error.to_string()), |()| State::On)
}

/// Without capabilities there is nothing that a program started from here could regain, and the set may not be changed.
fn drop_bounding_set() -> Result<(), String> {
    let held = rustix::thread::capabilities(None).map_err(|error| error.to_string())?;
    if !held.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for one in (0..64).map(|number| CapabilitySet::from_bits_retain(1 << number)) {
        match rustix::thread::remove_capability_from_bounding_set(one) {
            // Past the kernel's last one.
            Err(rustix::io::Errno::INVAL) => break,
            other => other.map_err(|error| format!("bounding set: {error}"))?,
        }
    }
    Ok(())
}

fn drop_capabilities() -> Result<(), String> {
    // Kernels before 4.3 have no such set.
    _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|error| error.to_string())
}

fn leave_user() -> State {
    let may = rustix::thread::capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::SETUID));
    if !may {
        let why = if rustix::process::geteuid().is_root() { "no right to change it" } else { "systap is not root" };
        return State::Off(why.to_owned());
    }
    let (user, group) = (rustix::process::Uid::from_raw(NOBODY), rustix::process::Gid::from_raw(NOBODY));
    told(
        rustix::thread::set_thread_groups(&[])
            .and_then(|()| rustix::thread::set_thread_res_gid(group, group, group))
            .and_then(|()| rustix::thread::set_thread_res_uid(user, user, user)),
    )
}

fn die_with(parent: Option<Pid>) -> State {
    let asked = rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable));
    // Who died before the wish was made does not fulfil it.
    if parent.is_some() && getppid() != parent {
        rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).ok();
    }
    told(asked)
}

fn limits() -> Result<(), String> {
    let both = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    let wanted = [
        (Resource::As, both(MEMORY)),
        (Resource::Cpu, Rlimit { current: Some(CPU.0), maximum: Some(CPU.1) }),
        (Resource::Nproc, both(0)),
        (Resource::Fsize, both(0)),
        (Resource::Core, both(0)),
        (Resource::Nofile, both(16)),
    ];
    wanted
        .into_iter()
        .try_for_each(|(resource, limit)| setrlimit(resource, limit).map_err(|error| format!("{resource:?}: {error}")))
}

fn landlock() -> Result<State, String> {
    let newest = ABI::V6;
    let made = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(newest)))
        .and_then(|rules| rules.scope(Scope::from_all(newest)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.add_rules(path_beneath_rules(LIBRARIES, AccessFs::ReadFile | AccessFs::Execute)))
        .and_then(|rules| rules.restrict_self())
        .map_err(|error| error.to_string())?;
    Ok(match made.ruleset {
        RulesetStatus::FullyEnforced => State::On,
        RulesetStatus::PartiallyEnforced => State::Partly("this kernel knows a part of it".to_owned()),
        RulesetStatus::NotEnforced => State::Off("this kernel has no Landlock".to_owned()),
    })
}

fn system_calls() -> Result<(), String> {
    let own = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
    for program in &lists::programs(own)? {
        seccompiler::apply_filter(program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_is_that_of_the_weakest_that_is_needed() {
        let mut all = Sandbox { layers: Layer::ALL.map(|layer| (layer, State::On)).to_vec() };
        assert_eq!(all.strength(), Strength::Full);
        let off = |sandbox: &Sandbox, without: &[Layer]| {
            let mut less = sandbox.clone();
            less.layers.iter_mut().filter(|(layer, _)| without.contains(layer)).for_each(|(_, state)| {
                *state = State::Off("tried".to_owned());
            });
            less
        };
        assert_eq!(off(&all, &[Layer::User]).strength(), Strength::Weak);
        assert_eq!(off(&all, &[Layer::Landlock]).strength(), Strength::Weak);
        assert_eq!(off(&all, &[Layer::User, Layer::Landlock]).strength(), Strength::None);
        assert_eq!(off(&all, &[Layer::SystemCalls]).strength(), Strength::None);
        assert_eq!(off(&all, &[Layer::Capabilities]).strength(), Strength::None);
        assert_eq!(off(&all, &[Layer::User]).lacks(), "another user: tried");
        all.layers.pop();
        assert_eq!(all.strength(), Strength::None, "what was not reached is not on");
    }
}
