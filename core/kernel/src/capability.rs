//! What a kernel lets a tracer do, as a list of questions: what each is good for, what its lack costs, how to get it. Whether a
//! kernel has it is found out by whoever can load programs; must never guess here.

use std::fmt;

/// Something that a kernel may or may not let us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Programs can be loaded at all.
    Programs,
    /// They become machine code.
    MachineCode,
    /// The kernel tells its types.
    Types,
    /// Records arrive through a ring that all CPUs share.
    Ring,
    /// Raw tracepoints.
    Tracepoints,
    /// Tracepoints whose arguments are typed pointers.
    TypedTracepoints,
    /// Functions, at their entry, without a breakpoint.
    FunctionEntry,
    /// Functions, at their return, likewise.
    FunctionReturn,
    /// Kprobes.
    Kprobes,
    /// Many functions by one link.
    ManyFunctions,
    /// Entry and return of many functions by one link.
    FunctionSessions,
    /// Uprobes.
    Uprobes,
    /// Many places of a program by one link.
    ManyPlaces,
    /// A clock on each CPU that samples.
    Clock,
    /// Counters of the processor.
    Counters,
    /// Debug registers.
    Watchpoints,
    /// Programs that a system call runs.
    CalledPrograms,
    /// Hooks of the security modules.
    SecurityHooks,
    /// Hooks of netfilter.
    PacketHooks,
    /// Loops of any length.
    OpenLoops,
    /// Loops by a callback.
    Callbacks,
    /// The fourth version of the instruction set.
    Instructions4,
    /// Storage that goes with a task.
    TaskStorage,
    /// Memory of a process, written.
    UserWrites,
    /// Names and addresses of the kernel's symbols.
    Symbols,
    /// The list of functions that can be traced.
    TraceableFunctions,
    /// Files that describe trace events.
    EventFiles,
    /// The options that the kernel was built with.
    BuildOptions,
}

/// What is to be said of a capability.
struct Entry {
    capability: Capability,
    /// For people and machines: stays what it is.
    name: &'static str,
    title: &'static str,
    /// What scripts do with it.
    serves: &'static str,
    /// What happens without it.
    lack: &'static str,
    remedy: &'static str,
    /// The first Linux with it.
    since: (u16, u16),
}

/// The questions, in the order in which a person would ask them. Versions: the kernel's own history (kernelnewbies.org's lists of
/// changes, and the commits that they name).
const TABLE: [Entry; 28] = [
    Entry {
        capability: Capability::Programs,
        name: "programs",
        title: "BPF programs",
        serves: "everything that the kernel fires",
        lack: "only begin, end, error and timers work",
        remedy: "run as root, or with CAP_BPF and CAP_PERFMON; a kernel with CONFIG_BPF_SYSCALL",
        since: (4, 1),
    },
    Entry {
        capability: Capability::MachineCode,
        name: "machine-code",
        title: "BPF as machine code",
        serves: "handlers at full speed",
        lack: "handlers are interpreted, which is slower",
        remedy: "sysctl net.core.bpf_jit_enable=1; a kernel with CONFIG_BPF_JIT",
        since: (3, 16),
    },
    Entry {
        capability: Capability::Types,
        name: "types",
        title: "types of the kernel (BTF)",
        serves: "target variables, @cast, parameters of functions and tracepoints",
        lack: "no target variable of the kernel can be read",
        remedy: "a kernel with CONFIG_DEBUG_INFO_BTF",
        since: (5, 4),
    },
    Entry {
        capability: Capability::Ring,
        name: "ring",
        title: "ring buffers",
        serves: "output and handlers that go on outside of the kernel",
        lack: "handlers that the kernel fires cannot print",
        remedy: "a newer kernel",
        since: (5, 8),
    },
    Entry {
        capability: Capability::Tracepoints,
        name: "tracepoints",
        title: "raw tracepoints",
        serves: "kernel.trace, syscall.*",
        lack: "neither tracepoints nor system calls can be probed",
        remedy: "a kernel with CONFIG_TRACEPOINTS and CONFIG_BPF_EVENTS",
        since: (4, 17),
    },
    Entry {
        capability: Capability::TypedTracepoints,
        name: "typed-tracepoints",
        title: "typed tracepoints",
        serves: "target variables of tracepoints without a copy",
        lack: "what pointers lead to is copied by a helper each time",
        remedy: "a newer kernel, with CONFIG_DEBUG_INFO_BTF",
        since: (5, 5),
    },
    Entry {
        capability: Capability::FunctionEntry,
        name: "function-entry",
        title: "entries of functions (fentry)",
        serves: "kernel.function at the lowest cost, with typed parameters",
        lack: "kprobes do it where the kernel has them, at a higher cost",
        remedy: "a kernel with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS, and no lockdown",
        since: (5, 5),
    },
    Entry {
        capability: Capability::FunctionReturn,
        name: "function-return",
        title: "returns of functions (fexit)",
        serves: "kernel.function.return with the parameters as they were at the entry",
        lack: "kretprobes do it where the kernel has them, which miss returns when too many are under way",
        remedy: "as for entries of functions",
        since: (5, 5),
    },
    Entry {
        capability: Capability::Kprobes,
        name: "kprobes",
        title: "kprobes",
        serves: "kernel.function, kernel.statement, kprobe.function, module.function",
        lack: "functions can only be probed by fentry, where the kernel has it, and instructions not at all",
        remedy: "a kernel with CONFIG_KPROBE_EVENTS",
        since: (4, 17),
    },
    Entry {
        capability: Capability::ManyFunctions,
        name: "many-functions",
        title: "many functions at once (kprobe.multi)",
        serves: "kernel.function(\"tcp_*\") in one step",
        lack: "each function is attached by itself, which takes longer",
        remedy: "a newer kernel, with CONFIG_FPROBE",
        since: (5, 18),
    },
    Entry {
        capability: Capability::FunctionSessions,
        name: "function-sessions",
        title: "entry and return at once (kprobe.session)",
        serves: "@entry over many functions without a map",
        lack: "what is kept from the entry goes through a map by thread",
        remedy: "a newer kernel",
        since: (6, 10),
    },
    Entry {
        capability: Capability::Uprobes,
        name: "uprobes",
        title: "uprobes",
        serves: "process(\"...\").function, .mark, .plt, .statement",
        lack: "programs cannot be probed",
        remedy: "a kernel with CONFIG_UPROBE_EVENTS",
        since: (4, 17),
    },
    Entry {
        capability: Capability::ManyPlaces,
        name: "many-places",
        title: "many places at once (uprobe.multi)",
        serves: "process(\"...\").function(\"*\") in one step",
        lack: "each place is attached by itself",
        remedy: "a newer kernel",
        since: (6, 6),
    },
    Entry {
        capability: Capability::Clock,
        name: "clock",
        title: "a sampling clock",
        serves: "timer.profile, perf.sw.*",
        lack: "there is no profile",
        remedy: "sysctl kernel.perf_event_paranoid=1; a kernel with CONFIG_PERF_EVENTS",
        since: (4, 9),
    },
    Entry {
        capability: Capability::Counters,
        name: "counters",
        title: "counters of the processor",
        serves: "perf.hw.*, perf.hw_cache.*",
        lack: "cycles, instructions and cache misses cannot be counted",
        remedy: "most virtual machines have none: ask the host for a virtual PMU",
        since: (4, 9),
    },
    Entry {
        capability: Capability::Watchpoints,
        name: "watchpoints",
        title: "debug registers",
        serves: "kernel.data(\"...\").write and .rw",
        lack: "accesses to variables cannot be probed",
        remedy: "a kernel with CONFIG_HAVE_HW_BREAKPOINT on a machine that lends its debug registers",
        since: (4, 9),
    },
    Entry {
        capability: Capability::CalledPrograms,
        name: "called-programs",
        title: "programs run by a system call",
        serves: "kernel memory in begin, end and timers; parts of handlers that run outside of the kernel",
        lack: "only handlers that the kernel fires can read its memory",
        remedy: "a newer kernel",
        since: (5, 14),
    },
    Entry {
        capability: Capability::SecurityHooks,
        name: "security-hooks",
        title: "hooks of the security modules",
        serves: "kernel.lsm",
        lack: "such hooks cannot be probed",
        remedy: "a kernel with CONFIG_BPF_LSM, `bpf` in its lsm= list, and no lockdown",
        since: (5, 7),
    },
    Entry {
        capability: Capability::PacketHooks,
        name: "packet-hooks",
        title: "hooks of netfilter",
        serves: "netfilter.hook",
        lack: "such hooks cannot be probed",
        remedy: "a newer kernel, with CONFIG_NETFILTER_BPF_LINK",
        since: (6, 4),
    },
    Entry {
        capability: Capability::OpenLoops,
        name: "open-loops",
        title: "loops of any length (may_goto)",
        serves: "while, for and string functions in handlers that the kernel fires",
        lack: "such handlers go on outside of the kernel",
        remedy: "a newer kernel",
        since: (6, 9),
    },
    Entry {
        capability: Capability::Callbacks,
        name: "callbacks",
        title: "loops by callback (bpf_loop)",
        serves: "loops before there were loops of any length",
        lack: "such handlers go on outside of the kernel",
        remedy: "a newer kernel",
        since: (5, 17),
    },
    Entry {
        capability: Capability::Instructions4,
        name: "instructions-4",
        title: "instruction set, version 4",
        serves: "signed division and sign extension in one instruction",
        lack: "several instructions do the same",
        remedy: "a newer kernel",
        since: (6, 6),
    },
    Entry {
        capability: Capability::TaskStorage,
        name: "task-storage",
        title: "storage by task",
        serves: "what is kept for a thread without a search",
        lack: "a map by thread does it",
        remedy: "a newer kernel",
        since: (5, 12),
    },
    Entry {
        capability: Capability::UserWrites,
        name: "user-writes",
        title: "writing a process's memory",
        serves: "set_user_long and its kin, in guru mode",
        lack: "they are refused",
        remedy: "no lockdown",
        since: (4, 8),
    },
    Entry {
        capability: Capability::Symbols,
        name: "symbols",
        title: "addresses of symbols",
        serves: "symname, backtraces with names, kernel.data(\"NAME\")",
        lack: "addresses stay numbers",
        remedy: "run as root, or with CAP_SYSLOG; sysctl kernel.kptr_restrict=1",
        since: (2, 6),
    },
    Entry {
        capability: Capability::TraceableFunctions,
        name: "traceable-functions",
        title: "list of traceable functions",
        serves: "patterns over functions that leave out what cannot be probed",
        lack: "what cannot be probed is found when it is attached",
        remedy: "a kernel with CONFIG_DYNAMIC_FTRACE, and no lockdown",
        since: (2, 6),
    },
    Entry {
        capability: Capability::EventFiles,
        name: "event-files",
        title: "descriptions of trace events (tracefs)",
        serves: "subsystems in kernel.trace(\"sched:*\")",
        lack: "tracepoints have no subsystem",
        remedy: "a kernel with CONFIG_FTRACE",
        since: (4, 1),
    },
    Entry {
        capability: Capability::BuildOptions,
        name: "build-options",
        title: "options of the build",
        serves: "%( CONFIG_... %? ... %)",
        lack: "every option counts as not set",
        remedy: "a kernel with CONFIG_IKCONFIG_PROC, or its config file under /boot",
        since: (2, 6),
    },
];

impl Capability {
    /// Every one, in the order in which a person would ask.
    pub fn all() -> impl Iterator<Item = Capability> {
        TABLE.iter().map(|entry| entry.capability)
    }

    fn entry(self) -> &'static Entry {
        // The table has every one of them (a test holds it to that); the first is as good as any for one that it lacks.
        TABLE.iter().find(|entry| entry.capability == self).unwrap_or(&TABLE[0])
    }

    /// Its name in files, as `function-entry`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Capability> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.capability)
    }

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What scripts do with it.
    pub fn serves(self) -> &'static str {
        self.entry().serves
    }

    /// What happens without it.
    pub fn lack(self) -> &'static str {
        self.entry().lack
    }

    /// How to get it.
    pub fn remedy(self) -> &'static str {
        self.entry().remedy
    }

    /// Major and minor number of the first Linux that has it, where it was built in.
    pub fn since(self) -> (u16, u16) {
        self.entry().since
    }
}

/// Whether a kernel has something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has.
    Yes,
    /// It has not, or does not let us; why, in a few words.
    No(String),
    /// That could not be found out; why.
    Unknown(String),
}

impl Answer {
    /// Whether it is there for sure.
    pub fn is_yes(&self) -> bool {
        *self == Answer::Yes
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Yes => f.write_str("yes"),
            Answer::No(why) => write!(f, "no: {why}"),
            Answer::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_has_each_once_in_the_order_of_the_type() {
        let all: Vec<Capability> = Capability::all().collect();
        let mut sorted = all.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(all, sorted);
        // The last of the type is the last of the table, so none is left out.
        assert_eq!(Capability::BuildOptions as usize + 1, all.len());
        assert_eq!(all.iter().map(|capability| capability.name()).collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn names_lead_back() {
        for capability in Capability::all() {
            assert_eq!(Capability::by_name(capability.name()), Some(capability));
        }
        assert_eq!(Capability::by_name("fentry"), None);
    }
}
