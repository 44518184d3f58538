//! Which probe points there are, as a tree of words: what can follow what, and what each takes in parentheses.
//!
//! Must never ask a kernel or a program: it is about the form of a point, whatever it is of.

use super::{
    Resolve, begin, counter, data, elsewhere, function, netfilter, process, procfs, profile, program, syscall, timer,
    tracepoint,
};

/// What a word has in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// Nothing.
    None,
    /// A string: what it is, to be read after "takes", and an example.
    Text(&'static str, &'static str),
    /// A number.
    Number,
}

/// A word of a probe point. The same word can be there more than once, with different things in parentheses.
pub(super) struct Step {
    /// The word; [`ANY`] stands for any.
    pub(super) word: &'static str,
    pub(super) arg: Arg,
    /// Resolves a point that ends here; `None` if none does.
    pub(super) resolve: Option<Resolve>,
    /// What it can go on with.
    pub(super) next: &'static [&'static [Step]],
}

/// Stands for words that only the family knows: names of system calls. Wildcards in such a word are the family's.
pub(super) const ANY: &str = "";

const fn end(word: &'static str, arg: Arg, resolve: Resolve) -> Step {
    Step { word, arg, resolve: Some(resolve), next: &[] }
}

const fn step(word: &'static str, arg: Arg, resolve: Resolve, next: &'static [&'static [Step]]) -> Step {
    Step { word, arg, resolve: Some(resolve), next }
}

const fn via(word: &'static str, arg: Arg, next: &'static [&'static [Step]]) -> Step {
    Step { word, arg, resolve: None, next }
}

const NO: Arg = Arg::None;
const NUMBER: Arg = Arg::Number;
const TRACEPOINT: Arg = Arg::Text("the name of a tracepoint", "sched_switch");
const FUNCTION: Arg = Arg::Text("the name of a function", "vfs_read");
const NAME: Arg = Arg::Text("a name", "name");
const PATH: Arg = Arg::Text("a path", "/usr/bin/ls");

/// Every family.
pub(super) static ROOT: &[&[Step]] = &[&[
    end("begin", NO, begin::resolve),
    end("begin", NUMBER, begin::resolve),
    end("end", NO, begin::resolve),
    end("end", NUMBER, begin::resolve),
    end("error", NO, begin::resolve),
    end("error", NUMBER, begin::resolve),
    end("never", NO, begin::resolve),
    end("init", NO, begin::resolve),
    end("oneshot", NO, begin::resolve),
    via("timer", NO, &[TIMER]),
    via("kernel", NO, &[KERNEL, CODE]),
    via("module", NAME, &[MODULE, CODE]),
    via("kprobe", NO, &[KPROBE]),
    via("syscall", NO, &[SYSCALL]),
    via("nd_syscall", NO, &[SYSCALL]),
    step("syscall_any", NO, syscall::resolve_any, &[&[end("return", NO, syscall::resolve_any)]]),
    via("process", NO, &[PROCESS, PROGRAM, LIBRARY]),
    via("process", PATH, &[PROCESS, PROGRAM, LIBRARY]),
    via("process", NUMBER, &[PROCESS, PROGRAM, LIBRARY]),
    via("perf", NO, &[PERF]),
    via("procfs", NO, &[PROCFS]),
    via("procfs", PATH, &[PROCFS]),
    end("json_data", NO, procfs::json_data),
    end("prometheus", NO, procfs::prometheus),
    via("input", NO, &[INPUT]),
    via("netfilter", NO, &[NETFILTER]),
    via("java", NAME, &[JAVA]),
    via("java", NUMBER, &[JAVA]),
    via("python3", NO, &[PYTHON]),
    via("debuginfod", NO, &[DEBUGINFOD, ARCHIVE]),
]];

static SYSCALL: &[Step] = &[step(ANY, NO, syscall::resolve, &[&[end("return", NO, syscall::resolve)]])];

static TIMER: &[Step] = &[
    step("s", NUMBER, timer::resolve, RANDOMIZE),
    step("sec", NUMBER, timer::resolve, RANDOMIZE),
    step("ms", NUMBER, timer::resolve, RANDOMIZE),
    step("msec", NUMBER, timer::resolve, RANDOMIZE),
    step("us", NUMBER, timer::resolve, RANDOMIZE),
    step("usec", NUMBER, timer::resolve, RANDOMIZE),
    step("ns", NUMBER, timer::resolve, RANDOMIZE),
    step("nsec", NUMBER, timer::resolve, RANDOMIZE),
    end("hz", NUMBER, timer::resolve),
    step("jiffies", NUMBER, timer::resolve, RANDOMIZE),
    step("profile", NO, profile::resolve, &[PROFILE]),
];

static RANDOMIZE: &[&[Step]] = &[&[end("randomize", NUMBER, timer::resolve)]];

static PROFILE: &[Step] =
    &[end("tick", NO, profile::resolve), via("freq", NO, &[&[end("hz", NUMBER, profile::resolve)]])];

static KERNEL: &[Step] = &[
    end("trace", TRACEPOINT, tracepoint::resolve),
    end("tracepoint", TRACEPOINT, tracepoint::resolve),
    end("lsm", Arg::Text("the name of a security hook", "file_open"), function::lsm),
    via("data", Arg::Text("the name of a variable", "jiffies"), &[WATCHED]),
    via("data", NUMBER, &[WATCHED, WATCHED_LENGTH]),
];

static WATCHED: &[Step] = &[end("write", NO, data::resolve), end("rw", NO, data::resolve)];

static WATCHED_LENGTH: &[Step] = &[via("length", NUMBER, &[WATCHED])];

static MODULE: &[Step] = &[end("tracepoint", TRACEPOINT, tracepoint::of_module)];

/// The code of the kernel or of a module.
static CODE: &[Step] = &[
    step("function", FUNCTION, function::resolve, &[ENTRY_AND_RETURN, INLINE]),
    step("function", NUMBER, function::resolve, &[ENTRY_AND_RETURN, INLINE]),
    step("statement", FUNCTION, function::statement, &[NEAREST]),
    step("statement", NUMBER, function::statement, &[NEAREST, ABSOLUTE]),
];

static ENTRY_AND_RETURN: &[Step] = &[
    end("call", NO, function::resolve),
    end("exported", NO, function::resolve),
    step("return", NO, function::resolve, &[&[end("maxactive", NUMBER, function::resolve)]]),
];

static INLINE: &[Step] = &[
    end("inline", NO, function::inline),
    end("label", NAME, function::inline),
    step("callee", NAME, function::inline, &[CALLEE]),
    end("callees", NO, function::inline),
    end("callees", NUMBER, function::inline),
];

static CALLEE: &[Step] = &[
    end("call", NO, function::inline),
    step("return", NO, function::inline, &[&[end("maxactive", NUMBER, function::inline)]]),
    end("inline", NO, function::inline),
];

static NEAREST: &[Step] = &[end("nearest", NO, function::statement)];

static ABSOLUTE: &[Step] = &[end("absolute", NO, function::absolute)];

static KPROBE: &[Step] = &[
    step("function", FUNCTION, function::kprobe, &[KPROBE_FUNCTION]),
    via("module", NAME, &[&[step("function", FUNCTION, function::kprobe, &[KPROBE_FUNCTION])]]),
    via("statement", NUMBER, &[ABSOLUTE]),
];

static KPROBE_FUNCTION: &[Step] = &[
    end("call", NO, function::kprobe),
    step("return", NO, function::kprobe, &[&[end("maxactive", NUMBER, function::kprobe)]]),
];

/// What happens to processes.
static PROCESS: &[Step] = &[
    end("begin", NO, process::resolve),
    end("end", NO, process::resolve),
    via("thread", NO, &[&[end("begin", NO, process::resolve), end("end", NO, process::resolve)]]),
    step("syscall", NO, process::syscall, &[&[end("return", NO, process::syscall)]]),
    via("data", Arg::Text("the name of a variable", "counter"), &[PROCESS_WATCHED]),
    via("data", NUMBER, &[PROCESS_WATCHED, &[via("length", NUMBER, &[PROCESS_WATCHED])]]),
];

static PROCESS_WATCHED: &[Step] = &[end("write", NO, data::of_process), end("rw", NO, data::of_process)];

/// The code of a program or library.
static PROGRAM: &[Step] = &[
    step("function", FUNCTION, program::function, &[PROGRAM_FUNCTION, PROGRAM_INLINE]),
    step("function", NUMBER, program::function, &[PROGRAM_FUNCTION, PROGRAM_INLINE]),
    step("statement", FUNCTION, program::statement, &[PROGRAM_NEAREST]),
    step("statement", NUMBER, program::statement, &[PROGRAM_NEAREST, PROGRAM_ABSOLUTE]),
    end("mark", NAME, program::mark),
    via("provider", NAME, &[&[end("mark", NAME, program::mark)]]),
    step("plt", NO, program::plt, &[PLT]),
    step("plt", NAME, program::plt, &[PLT]),
];

static LIBRARY: &[Step] = &[via("library", PATH, &[PROGRAM])];

static PLT: &[Step] = &[end("return", NO, program::plt)];

static PROGRAM_FUNCTION: &[Step] = &[
    end("call", NO, program::function),
    end("exported", NO, program::function),
    step("return", NO, program::function, &[&[end("maxactive", NUMBER, program::function)]]),
];

static PROGRAM_INLINE: &[Step] = &[
    end("inline", NO, program::inline),
    end("label", NAME, program::inline),
    step("callee", NAME, program::inline, &[PROGRAM_CALLEE]),
    end("callees", NO, program::inline),
    end("callees", NUMBER, program::inline),
];

static PROGRAM_CALLEE: &[Step] = &[
    end("call", NO, program::inline),
    step("return", NO, program::inline, &[&[end("maxactive", NUMBER, program::inline)]]),
    end("inline", NO, program::inline),
];

static PROGRAM_NEAREST: &[Step] = &[end("nearest", NO, program::statement)];

static PROGRAM_ABSOLUTE: &[Step] =
    &[step("absolute", NO, program::statement, &[&[end("return", NO, program::statement)]])];

static PERF: &[Step] = &[
    via("type", NUMBER, &[&[step("config", NUMBER, counter::resolve, COUNTER)]]),
    via("hw", NO, &[HARDWARE]),
    via("sw", NO, &[SOFTWARE]),
    via("hw_cache", NO, &[CACHES]),
];

static COUNTER: &[&[Step]] = &[COUNTED, SAMPLED];

static SAMPLED: &[Step] =
    &[step("sample", NUMBER, counter::resolve, &[COUNTED]), step("hz", NUMBER, counter::resolve, &[COUNTED])];

static COUNTED: &[Step] = &[
    step("process", NO, counter::resolve, &[READ]),
    step("process", PATH, counter::resolve, &[READ]),
    step("counter", NAME, counter::resolve, &[COUNTED_PROCESS]),
];

static COUNTED_PROCESS: &[Step] = &[end("process", NO, counter::resolve), end("process", PATH, counter::resolve)];

static READ: &[Step] = &[end("counter", NAME, counter::resolve)];

/// In the order of `enum perf_hw_id` (include/uapi/linux/perf_event.h).
pub(super) static HARDWARE: &[Step] = &[
    step("cpu_cycles", NO, counter::resolve, COUNTER),
    step("instructions", NO, counter::resolve, COUNTER),
    step("cache_references", NO, counter::resolve, COUNTER),
    step("cache_misses", NO, counter::resolve, COUNTER),
    step("branch_instructions", NO, counter::resolve, COUNTER),
    step("branch_misses", NO, counter::resolve, COUNTER),
    step("bus_cycles", NO, counter::resolve, COUNTER),
    step("stalled_cycles_frontend", NO, counter::resolve, COUNTER),
    step("stalled_cycles_backend", NO, counter::resolve, COUNTER),
    step("ref_cpu_cycles", NO, counter::resolve, COUNTER),
];

/// In the order of `enum perf_sw_ids`.
pub(super) static SOFTWARE: &[Step] = &[
    step("cpu_clock", NO, counter::resolve, COUNTER),
    step("task_clock", NO, counter::resolve, COUNTER),
    step("page_faults", NO, counter::resolve, COUNTER),
    step("context_switches", NO, counter::resolve, COUNTER),
    step("cpu_migrations", NO, counter::resolve, COUNTER),
    step("page_faults_min", NO, counter::resolve, COUNTER),
    step("page_faults_maj", NO, counter::resolve, COUNTER),
    step("alignment_faults", NO, counter::resolve, COUNTER),
    step("emulation_faults", NO, counter::resolve, COUNTER),
];

/// In the order of `enum perf_hw_cache_id`.
pub(super) static CACHES: &[Step] = &[
    via("l1d", NO, &[READ_CACHE, WRITE_CACHE, PREFETCH_CACHE]),
    via("l1i", NO, &[READ_CACHE, PREFETCH_CACHE]),
    via("ll", NO, &[READ_CACHE, WRITE_CACHE, PREFETCH_CACHE]),
    via("dtlb", NO, &[READ_CACHE, WRITE_CACHE, PREFETCH_CACHE]),
    via("itlb", NO, &[READ_CACHE]),
    via("bpu", NO, &[READ_CACHE]),
    via("node", NO, &[READ_CACHE, WRITE_CACHE]),
];

static READ_CACHE: &[Step] = &[via("read", NO, &[CACHE])];

static WRITE_CACHE: &[Step] = &[via("write", NO, &[CACHE])];

static PREFETCH_CACHE: &[Step] = &[via("prefetch", NO, &[CACHE])];

static CACHE: &[Step] = &[step("access", NO, counter::resolve, COUNTER), step("miss", NO, counter::resolve, COUNTER)];

static PROCFS: &[Step] = &[
    step("read", NO, procfs::resolve, &[&[end("maxsize", NUMBER, procfs::resolve)]]),
    end("write", NO, procfs::resolve),
    via("umask", NUMBER, &[PROCFS_MASKED]),
];

static PROCFS_MASKED: &[Step] = &[
    step("read", NO, procfs::resolve, &[&[end("maxsize", NUMBER, procfs::resolve)]]),
    end("write", NO, procfs::resolve),
];

static INPUT: &[Step] = &[end("char", NO, procfs::input), end("line", NO, procfs::input)];

static NETFILTER: &[Step] = &[
    via("hook", HOOK, &[&[step("pf", PF, netfilter::resolve, &[PRIORITY])]]),
    via("pf", PF, &[&[step("hook", HOOK, netfilter::resolve, &[PRIORITY])]]),
];

const HOOK: Arg = Arg::Text("the name of a hook", "NF_INET_PRE_ROUTING");
const PF: Arg = Arg::Text("the name of a protocol family", "NFPROTO_IPV4");

static PRIORITY: &[Step] = &[end("priority", Arg::Text("a number in quotes", "0"), netfilter::resolve)];

static JAVA: &[Step] =
    &[via("class", NAME, &[&[step("method", NAME, elsewhere::java, &[&[end("return", NO, elsewhere::java)]])]])];

static PYTHON: &[Step] =
    &[via("module", NAME, &[&[step("function", FUNCTION, elsewhere::python, &[PYTHON_FUNCTION])]])];

static PYTHON_FUNCTION: &[Step] = &[end("call", NO, elsewhere::python), end("return", NO, elsewhere::python)];

static ARCHIVE: &[Step] = &[via("archive", PATH, &[DEBUGINFOD])];

static DEBUGINFOD: &[Step] = &[via("process", PATH, &[PROGRAM, PROCESS])];
