//! The functions that scripts find without defining them and that are made of the runtimes' own means. One table.
//!
//! Must never hold what the language itself can say: that is the library's.

use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::program::{Space, Type, Width};

/// What a call of a built-in function becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// A fact of the moment.
    Context(Context),
    /// A fact of the moment, divided.
    Scaled(Context, i64),
    /// The same of a CPU: every clock that is offered here runs alike on all of them, so which one is not looked at.
    ScaledOfCpu(Context, i64),
    /// A function of the runtimes with the same parameters.
    Intrinsic(Intrinsic),
    /// A number in memory, at an address.
    Read(Space, Width, bool),
    /// Whether a number can be read at an address; for the library.
    Readable(Space, Width),
    /// A string in memory: its address, then perhaps its greatest length, then perhaps what to give if it cannot be
    /// read.
    Text { space: Space, limited: bool, fallback: bool },
    /// `ctime()`: of now.
    CtimeNow,
    /// `log(message)`
    Log,
    /// `print_backtrace()`
    PrintBacktrace,
    /// `print_stack(addresses)`
    PrintStack,
    /// A function of the runtimes that takes the process besides.
    OfProcess(Intrinsic),
    /// `print_ustack(addresses)`
    PrintUserStack,
    /// `pp()`: the resolved probe point.
    Pp,
    /// `pn()`: the probe point as the script has it.
    Pn,
    /// `probe_type()`: the kind of mechanism that fires the handler.
    ProbeType,
    /// `HZ()`: ticks of the kernel a second.
    Hertz,
    /// `ppfunc()`: the function in the resolved probe point.
    PointFunction,
    /// Whether the point is in a function of the kernel's, for the library.
    AtFunction,
    /// `is_return()`: whether the point is the return of something.
    IsReturn,
    /// Where the registers are, for the library: see [`crate::scope::Registers`], by number.
    Registers,
    /// A register by its place in `struct pt_regs`, a constant, for the library; 0 where there are none.
    Register,
    /// The event's argument at that place, a constant, for the library; 0 where there are none.
    EventArgument,
}

impl Builtin {
    /// Whether it depends on the handler that it is called from.
    pub(crate) fn asks_for_event(self) -> bool {
        use Builtin::{AtFunction, EventArgument, IsReturn, Pn, PointFunction, Pp, ProbeType, Register, Registers};
        matches!(
            self,
            Pp | Pn | PointFunction | ProbeType | AtFunction | IsReturn | Registers | Register | EventArgument
        )
    }

    /// The type of what it gives; `None` if it gives nothing.
    pub(crate) fn returns(self) -> Option<Type> {
        use Type::{Long, Text};
        match self {
            Builtin::Intrinsic(intrinsic) | Builtin::OfProcess(intrinsic) => intrinsic.signature().returns,
            Builtin::Context(fact) => Some(fact.ty()),
            Builtin::Log | Builtin::PrintBacktrace | Builtin::PrintStack | Builtin::PrintUserStack => None,
            Builtin::Text { .. } | Builtin::CtimeNow => Some(Text),
            Builtin::Pp | Builtin::Pn | Builtin::PointFunction | Builtin::ProbeType => Some(Text),
            _ => Some(Long),
        }
    }

    /// The types of its parameters.
    pub(crate) fn params(self) -> &'static [Type] {
        use Type::{Long, Text};
        match self {
            Builtin::Intrinsic(intrinsic) => intrinsic.signature().params,
            Builtin::Read(..) | Builtin::Readable(..) | Builtin::ScaledOfCpu(..) => &[Long],
            Builtin::Register | Builtin::EventArgument => &[Long],
            Builtin::Text { limited: false, fallback: false, .. } => &[Long],
            Builtin::Text { limited: true, fallback: false, .. } => &[Long, Long],
            Builtin::Text { limited: false, fallback: true, .. } => &[Long, Text],
            Builtin::Text { limited: true, fallback: true, .. } => &[Long, Long, Text],
            Builtin::Log | Builtin::PrintStack | Builtin::PrintUserStack => &[Text],
            Builtin::OfProcess(intrinsic) => &intrinsic.signature().params[..1],
            Builtin::Context(_) | Builtin::Scaled(..) | Builtin::CtimeNow => &[],
            Builtin::PrintBacktrace | Builtin::Pp | Builtin::Pn | Builtin::PointFunction => &[],
            Builtin::AtFunction | Builtin::IsReturn | Builtin::Registers => &[],
            Builtin::ProbeType | Builtin::Hertz => &[],
        }
    }
}

use Builtin::{Intrinsic as Run, Read, Readable, Scaled, ScaledOfCpu, Text};
use Space::{Kernel, User};
use Width::{W1, W2, W4, W8};

const fn text(space: Space, limited: bool, fallback: bool) -> Builtin {
    Text { space, limited, fallback }
}

const NS_US: i64 = 1_000;
const NS_MS: i64 = 1_000_000;
const NS_S: i64 = 1_000_000_000;

/// Names by SystemTap's tapset. One name may have several rows with different numbers of parameters.
///
/// `kernel_*` reads and `user_*_error` reads end in a run-time error if the memory cannot be read; the `user_*` reads
/// that give 0 instead are the library's. `log` writes a line to the output, as SystemTap's does.
static TABLE: &[(&str, Builtin)] = &[
    ("HZ", Builtin::Hertz),
    ("__at_function", Builtin::AtFunction),
    ("__byte_at", Run(Intrinsic::ByteAt)),
    ("__event_argument", Builtin::EventArgument),
    ("__indent", Run(Intrinsic::Indent)),
    ("__indent_depth", Run(Intrinsic::IndentDepth)),
    ("__kernel_quoted", Run(Intrinsic::QuoteKernel)),
    ("__kernel_readable1", Readable(Kernel, W1)),
    ("__load_average", Run(Intrinsic::LoadAverage)),
    ("__pid_namespace", Builtin::Context(Context::PidNamespace)),
    ("__raise", Run(Intrinsic::Raise)),
    ("__random", Run(Intrinsic::Random)),
    ("__register", Builtin::Register),
    ("__registers", Builtin::Registers),
    ("__stack_address", Run(Intrinsic::StackAddress)),
    ("__stack_part", Run(Intrinsic::StackPart)),
    ("__thread_indent", Run(Intrinsic::ThreadIndent)),
    ("__thread_indent_depth", Run(Intrinsic::ThreadIndentDepth)),
    ("__user_quoted", Run(Intrinsic::QuoteUser)),
    ("__user_readable1", Readable(User, W1)),
    ("__user_readable2", Readable(User, W2)),
    ("__user_readable4", Readable(User, W4)),
    ("__user_readable8", Readable(User, W8)),
    ("__write_user", Run(Intrinsic::WriteUser)),
    ("__write_user_text", Run(Intrinsic::WriteUserText)),
    ("abort", Run(Intrinsic::Abort)),
    ("backtrace", Builtin::Context(Context::Stack)),
    ("cpu", Builtin::Context(Context::Cpu)),
    ("cpu_clock_ms", ScaledOfCpu(Context::MonotonicNs, NS_MS)),
    ("cpu_clock_ns", ScaledOfCpu(Context::MonotonicNs, 1)),
    ("cpu_clock_s", ScaledOfCpu(Context::MonotonicNs, NS_S)),
    ("cpu_clock_us", ScaledOfCpu(Context::MonotonicNs, NS_US)),
    ("cpuid", Builtin::Context(Context::Cpu)),
    ("ctime", Builtin::CtimeNow),
    ("ctime", Run(Intrinsic::Ctime)),
    ("egid", Builtin::Context(Context::Egid)),
    ("errno_str", Run(Intrinsic::ErrnoName)),
    ("error", Run(Intrinsic::Error)),
    ("euid", Builtin::Context(Context::Euid)),
    ("execname", Builtin::Context(Context::Execname)),
    ("exit", Run(Intrinsic::Exit)),
    ("fp_to_string", Run(Intrinsic::DoubleText)),
    ("ftrace", Run(Intrinsic::Ftrace)),
    ("get_cycles", Builtin::Context(Context::MonotonicNs)),
    ("gettimeofday_ms", Scaled(Context::RealtimeNs, NS_MS)),
    ("gettimeofday_ns", Builtin::Context(Context::RealtimeNs)),
    ("gettimeofday_s", Scaled(Context::RealtimeNs, NS_S)),
    ("gettimeofday_us", Scaled(Context::RealtimeNs, NS_US)),
    ("gid", Builtin::Context(Context::Gid)),
    ("is_return", Builtin::IsReturn),
    ("isinstr", Run(Intrinsic::Isinstr)),
    ("jiffies", Builtin::Context(Context::Jiffies)),
    ("kernel_char", Read(Kernel, W1, true)),
    ("kernel_int", Read(Kernel, W4, true)),
    ("kernel_int16", Read(Kernel, W2, true)),
    ("kernel_int32", Read(Kernel, W4, true)),
    ("kernel_int64", Read(Kernel, W8, true)),
    ("kernel_int8", Read(Kernel, W1, true)),
    ("kernel_long", Read(Kernel, W8, true)),
    ("kernel_pointer", Read(Kernel, W8, false)),
    ("kernel_short", Read(Kernel, W2, true)),
    ("kernel_string", text(Kernel, false, false)),
    ("kernel_string", text(Kernel, false, true)),
    ("kernel_string2", text(Kernel, false, true)),
    ("kernel_string_n", text(Kernel, true, false)),
    ("kernel_uint16", Read(Kernel, W2, false)),
    ("kernel_uint32", Read(Kernel, W4, false)),
    ("kernel_uint64", Read(Kernel, W8, false)),
    ("kernel_uint8", Read(Kernel, W1, false)),
    ("ktime_get_ns", Builtin::Context(Context::MonotonicNs)),
    ("local_clock_ms", Scaled(Context::MonotonicNs, NS_MS)),
    ("local_clock_ns", Builtin::Context(Context::MonotonicNs)),
    ("local_clock_s", Scaled(Context::MonotonicNs, NS_S)),
    ("local_clock_us", Scaled(Context::MonotonicNs, NS_US)),
    ("log", Builtin::Log),
    ("matched", Run(Intrinsic::Matched)),
    ("ngroups", Run(Intrinsic::Ngroups)),
    ("pid", Builtin::Context(Context::Pid)),
    ("pn", Builtin::Pn),
    ("pp", Builtin::Pp),
    ("ppfunc", Builtin::PointFunction),
    ("ppid", Builtin::Context(Context::Ppid)),
    ("print_backtrace", Builtin::PrintBacktrace),
    ("print_stack", Builtin::PrintStack),
    ("print_syms", Builtin::PrintStack),
    ("print_ustack", Builtin::PrintUserStack),
    ("print_usyms", Builtin::PrintUserStack),
    ("printk", Run(Intrinsic::Printk)),
    ("probe_type", Builtin::ProbeType),
    ("sprint_stack", Run(Intrinsic::StackText)),
    ("sprint_syms", Run(Intrinsic::StackText)),
    ("sprint_ustack", Builtin::OfProcess(Intrinsic::UserStackText)),
    ("sprint_usyms", Builtin::OfProcess(Intrinsic::UserStackText)),
    ("stp_pid", Builtin::Context(Context::OwnProcess)),
    ("str_replace", Run(Intrinsic::StrReplace)),
    ("string_to_fp", Run(Intrinsic::TextDouble)),
    ("strlen", Run(Intrinsic::Strlen)),
    ("strpos", Run(Intrinsic::Strpos)),
    ("strtol", Run(Intrinsic::Strtol)),
    ("substr", Run(Intrinsic::Substr)),
    ("symdata", Run(Intrinsic::Symdata)),
    ("symname", Run(Intrinsic::Symname)),
    ("syscall_name", Run(Intrinsic::SyscallName)),
    ("syscall_num", Run(Intrinsic::SyscallNumber)),
    ("system", Run(Intrinsic::System)),
    ("target", Builtin::Context(Context::Target)),
    ("task_current", Builtin::Context(Context::TaskCurrent)),
    ("text_strn", Run(Intrinsic::TextStrn)),
    ("tid", Builtin::Context(Context::Tid)),
    ("tokenize", Run(Intrinsic::Tokenize)),
    ("tz_gmtoff", Run(Intrinsic::ZoneOffset)),
    ("tz_name", Run(Intrinsic::ZoneName)),
    ("ubacktrace", Builtin::Context(Context::UserStack)),
    ("uid", Builtin::Context(Context::Uid)),
    ("umodaddr", Builtin::OfProcess(Intrinsic::UserModAddress)),
    ("umodbuildid", Builtin::OfProcess(Intrinsic::UserModBuildId)),
    ("umodname", Builtin::OfProcess(Intrinsic::UserModname)),
    ("user_char_error", Read(User, W1, true)),
    ("user_int16_error", Read(User, W2, true)),
    ("user_int32_error", Read(User, W4, true)),
    ("user_int64_error", Read(User, W8, true)),
    ("user_int8_error", Read(User, W1, true)),
    ("user_int_error", Read(User, W4, true)),
    ("user_long_error", Read(User, W8, true)),
    ("user_short_error", Read(User, W2, true)),
    ("user_string", text(User, false, false)),
    ("user_string", text(User, false, true)),
    ("user_string2", text(User, false, true)),
    ("user_string_n", text(User, true, false)),
    ("user_string_n", text(User, true, true)),
    ("user_string_n2", text(User, true, true)),
    ("user_uint16_error", Read(User, W2, false)),
    ("user_uint32_error", Read(User, W4, false)),
    ("user_uint64_error", Read(User, W8, false)),
    ("user_uint8_error", Read(User, W1, false)),
    ("user_ulong_error", Read(User, W8, false)),
    ("user_ushort_error", Read(User, W2, false)),
    ("usymdata", Builtin::OfProcess(Intrinsic::UserSymdata)),
    ("usymname", Builtin::OfProcess(Intrinsic::UserSymname)),
    ("warn", Run(Intrinsic::Warn)),
];

fn rows(name: &str) -> impl Iterator<Item = Builtin> {
    let first = TABLE.partition_point(|row| row.0 < name);
    TABLE[first..].iter().take_while(move |row| row.0 == name).map(|row| row.1)
}

/// The built-in function of that name with that many parameters.
pub(crate) fn find(name: &str, params: usize) -> Option<Builtin> {
    rows(name).find(|builtin| builtin.params().len() == params)
}

/// The numbers of parameters that a name can be called with.
pub(crate) fn arities(name: &str) -> Vec<usize> {
    rows(name).map(|builtin| builtin.params().len()).collect()
}

/// Every row: a name, and what a call of it becomes.
pub(crate) fn rows_of_all() -> impl Iterator<Item = (&'static str, Builtin)> {
    TABLE.iter().map(|row| (row.0, row.1))
}

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_two_rows_answer_one_call() {
        for (index, (name, builtin)) in TABLE.iter().enumerate() {
            assert!(index == 0 || TABLE[index - 1].0 <= *name, "{name} is out of order");
            assert_eq!(find(name, builtin.params().len()), Some(*builtin), "{name}");
        }
    }

    #[test]
    fn found_by_name_and_arity() {
        assert_eq!(find("pid", 0), Some(Builtin::Context(Context::Pid)));
        assert_eq!(find("pid", 1), None);
        assert_eq!(find("user_string", 2), Some(text(User, false, true)));
        assert_eq!(arities("ctime"), [0, 1]);
        assert_eq!(find("zzz", 0), None);
    }
}
