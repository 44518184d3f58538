//! What the runtimes themselves offer: facts of the moment ([`Context`]) and functions that the language cannot say
//! ([`Intrinsic`]), each with its signature and where it can run. One table; nothing here computes anything.

use crate::program::Type;

/// A fact of the moment at which a probe is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Thread group of the current task (what user space calls the process).
    Pid,
    /// The current task.
    Tid,
    /// Thread group of the current task's real parent.
    Ppid,
    /// Real user, in the initial user namespace.
    Uid,
    /// Real group.
    Gid,
    /// Effective user.
    Euid,
    /// Effective group.
    Egid,
    /// The current task's `comm`: at most 15 bytes.
    Execname,
    /// Which of the functions of [`crate::program::Event::KernelFunctions`], from 0.
    Member,
    /// The CPU the probe runs on.
    Cpu,
    /// Address of the current `task_struct`; a pointer of BTF's. 0 on the user side.
    TaskCurrent,
    /// Nanoseconds of the monotonic clock.
    MonotonicNs,
    /// Nanoseconds of the monotonic clock, time asleep included.
    BoottimeNs,
    /// Nanoseconds since 1970-01-01 UTC.
    RealtimeNs,
    /// What a perf event has counted so far on this CPU, by its numbers (see [`crate::program::Event::Counter`]); 0 where it
    /// cannot be read.
    PerfCounter {
        /// `PERF_TYPE_*`.
        kind: u32,
        /// Which event of that kind.
        config: u64,
    },
    /// `CLOCK_MONOTONIC` in ticks of 1/HZ since boot, as the kernel's jiffies count them.
    Jiffies,
    /// The process of `-x` or `-c`; 0 if neither was given. Constant in a run.
    Target,
    /// The process of systap itself. Constant in a run.
    OwnProcess,
    /// Inode number of the namespace of processes that systap runs in (`/proc/self/ns/pid`). Constant in a run.
    PidNamespace,
    /// The kernel stack, as hexadecimal addresses separated by spaces. Rendered on the user side.
    Stack,
    /// The stack of the program that the current task runs, likewise, as far as it has frame pointers.
    UserStack,
    /// The message of the error that was caught, at the start of the block where it is. Rendered on the user side.
    Caught,
    /// The arguments of the system call that is being entered, as a C programmer would write them. Rendered on the user
    /// side; only in a handler of [`crate::program::Event::SyscallEntry`].
    SyscallArguments,
}

impl Context {
    /// What it gives.
    pub fn ty(self) -> Type {
        match self {
            Context::Execname | Context::Stack | Context::UserStack | Context::Caught | Context::SyscallArguments => {
                Type::Text
            }
            _ => Type::Long,
        }
    }

    /// It travels as raw facts and becomes a string only on the user side, so the kernel side can record it and do
    /// nothing else with it.
    pub fn rendered_later(self) -> bool {
        matches!(self, Context::Stack | Context::UserStack | Context::Caught | Context::SyscallArguments)
    }

    /// It is the same throughout a run.
    pub fn is_constant(self) -> bool {
        matches!(self, Context::Target | Context::OwnProcess | Context::PidNamespace)
    }

    /// As it is written in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Context::Pid => "pid",
            Context::Tid => "tid",
            Context::Ppid => "ppid",
            Context::Uid => "uid",
            Context::Gid => "gid",
            Context::Euid => "euid",
            Context::Egid => "egid",
            Context::Execname => "execname",
            Context::Member => "member",
            Context::Cpu => "cpu",
            Context::TaskCurrent => "task_current",
            Context::MonotonicNs => "monotonic_ns",
            Context::BoottimeNs => "boottime_ns",
            Context::RealtimeNs => "realtime_ns",
            Context::PerfCounter { .. } => "perf_counter",
            Context::Jiffies => "jiffies",
            Context::Target => "target",
            Context::OwnProcess => "own_process",
            Context::PidNamespace => "pid_namespace",
            Context::Stack => "stack",
            Context::UserStack => "user_stack",
            Context::Caught => "caught",
            Context::SyscallArguments => "syscall_arguments",
        }
    }
}

/// A function of the runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intrinsic {
    /// `exit()`: end the run after this handler.
    Exit,
    /// `error(message)`: a run-time error; the handler goes no further.
    Error,
    /// `syscall_name(number)`: as the kernel's table has it; `"syscall_N"` if it has none.
    SyscallName,
    /// `syscall_num(name)`: its number; -1 if the kernel's table has no such name.
    SyscallNumber,
    /// `__load_average(index)`: the load's average over 1, 5 or 15 minutes (0, 1, 2), in hundredths; an error for another index.
    LoadAverage,
    /// `errno_str(number)`: the name of an error number of either sign; "" for what is none.
    ErrnoName,
    /// `__random()`: a random number of 32 bits.
    Random,
    /// `tz_gmtoff()`: seconds by which UTC is ahead of the local time.
    ZoneOffset,
    /// `tz_name()`: what the local time zone is called.
    ZoneName,
    /// `system(command)`: a shell runs it, and nobody waits for it.
    System,
    /// `warn(message)`: `WARNING: message` on standard error.
    Warn,
    /// `abort()`: ends at once, without running `end`.
    Abort,
    /// What was handed to the handler as it was called: what someone wrote or typed; in one that is asked for a text, what it has
    /// said so far.
    Handed,
    /// The text that the handler gives to who asked for it, from now on; gives the same.
    Hand,
    /// More of it, which may become longer than a string can be; gives the same.
    HandMore,
    /// What becomes of the packet that the handler is about: dropped if this is 0, else let through. Gives the same. Only in the kernel.
    Verdict,
    /// `__write_user(address, number, width)`: the lower bytes of a number (1, 2, 4 or 8, a constant) to the memory of the current
    /// task; 1 if that was possible, which on the user side it never is.
    WriteUser,
    /// `__write_user_text(address, s, n)`: at most n bytes of a string and its NUL to the memory of the current task; likewise.
    WriteUserText,
    /// `__raise(signal)`: sends the current task a signal; 0, or the negative number of the error. Not on the user side.
    Raise,
    /// `printk(level, s)`: to the kernel's log, each line for itself; a level above 7 or below 0 is the kernel's default.
    Printk,
    /// `ftrace(s)`: a line in the kernel's trace buffer, if there is a way to it.
    Ftrace,
    /// `strlen(s)`: bytes.
    Strlen,
    /// `substr(s, start, length)`: bytes; out of range gives what there is.
    Substr,
    /// `__byte_at(s, n)`: byte n, 0 if there is none.
    ByteAt,
    /// `isinstr(s, part)`: 1 if `part` occurs.
    Isinstr,
    /// `strpos(s, part)`: index of the first occurrence, or -1.
    Strpos,
    /// `str_replace(s, old, new)`: every occurrence.
    StrReplace,
    /// `matched(n)`: what group n has of the last match of the handler; "" if the match went past it. An error if the last
    /// match failed, or its pattern has no such group.
    Matched,
    /// `ngroups()`: how many groups the pattern of the last match has, the whole match included; an error if it failed.
    Ngroups,
    /// `text_strn(s, length, quoted)`: what does not print as escapes, at most that many bytes (0: as many as there can be);
    /// perhaps in quotes, with `...` behind them if it was cut.
    TextStrn,
    /// `__kernel_quoted(address, count, length)`: bytes of kernel memory in quotes, zeros included, what does not print as escapes, in at
    /// most that many bytes as [`Intrinsic::TextStrn`] has it; an error where they cannot be read.
    QuoteKernel,
    /// The same of user memory.
    QuoteUser,
    /// `tokenize(s, delimiters)`: the next token that is not empty, of this string or, if it is empty, of the last one in this
    /// handler; "" if there is none.
    Tokenize,
    /// `__text_or(s, other)`: `s`, or `other` if `s` is empty.
    TextOr,
    /// `__token(s, delimiters)`: the first token of `s` that is not empty; "" if there is none.
    Token,
    /// `__token_rest(s, delimiters)`: what is behind that token and the delimiter that ends it.
    TokenRest,
    /// `strtol(s, base)`: as C's; 0 where there is no number.
    Strtol,
    /// `fp_to_string(double, precision)`: the double of those 64 bits, with that many digits behind the point.
    DoubleText,
    /// `string_to_fp(s)`: the 64 bits of the nearest double; an error if it is no number.
    TextDouble,
    /// `ctime(seconds)`: `Thu Jan  1 00:00:00 1970`, UTC; an error for what 32 bits cannot say.
    Ctime,
    /// `thread_indent(delta)` with its facts: `(delta, tid, execname, microseconds)`.
    ThreadIndent,
    /// `indent(delta)`: `(delta, microseconds)`.
    Indent,
    /// `thread_indent_depth(delta)` with its fact: `(delta, tid)`.
    ThreadIndentDepth,
    /// `indent_depth(delta)`.
    IndentDepth,
    /// `syscall_result(number, value)`: a returned value as a C programmer would write it: `-2 (ENOENT)`, `3`, `0x7f..`.
    SyscallResult,
    /// `syscall_argument(number, index, value)`: an argument as a C programmer would write it: `O_RDONLY|O_CLOEXEC`, `SIGTERM`.
    SyscallArgument,
    /// `symname(address)`: the kernel symbol that covers it.
    Symname,
    /// `symdata(address)`: `name+0xOFF/0xSIZE [module]`.
    Symdata,
    /// `sprint_stack(addresses)`: a line ` 0xADDRESS : symbol+0xOFF/0xSIZE [module]` for each of the hexadecimal addresses.
    StackText,
    /// `__usymname(address, pid)`: the function of a process's program or library that covers it.
    UserSymname,
    /// `__usymdata(address, pid)`: `name+0xOFF/0xSIZE [/path]`.
    UserSymdata,
    /// `__umodname(address, pid)`: the file that a process has there; an error if it has none.
    UserModname,
    /// `__umodaddr(address, pid)`: bytes from the start of the file that a process has mapped there; an error if it has none.
    UserModAddress,
    /// `__umodbuildid(address, pid)`: the build identifier of that file, in hexadecimal; an error if it has none.
    UserModBuildId,
    /// `__sprint_ustack(addresses, pid)`: as [`Intrinsic::StackText`], of a process's addresses.
    UserStackText,
    /// `__stack_address(addresses, n)`: address n of the hexadecimal ones, from 0; 0 if there are not so many.
    StackAddress,
    /// `__stack_part(addresses, n)`: those up to address n.
    StackPart,
}

impl Intrinsic {
    /// Every one.
    pub const ALL: &'static [Intrinsic] = &[
        Intrinsic::Exit,
        Intrinsic::Error,
        Intrinsic::SyscallName,
        Intrinsic::SyscallNumber,
        Intrinsic::LoadAverage,
        Intrinsic::ErrnoName,
        Intrinsic::Random,
        Intrinsic::ZoneOffset,
        Intrinsic::ZoneName,
        Intrinsic::System,
        Intrinsic::Warn,
        Intrinsic::Abort,
        Intrinsic::Handed,
        Intrinsic::Hand,
        Intrinsic::HandMore,
        Intrinsic::Verdict,
        Intrinsic::WriteUser,
        Intrinsic::WriteUserText,
        Intrinsic::Raise,
        Intrinsic::Printk,
        Intrinsic::Ftrace,
        Intrinsic::Strlen,
        Intrinsic::Substr,
        Intrinsic::ByteAt,
        Intrinsic::Isinstr,
        Intrinsic::Strpos,
        Intrinsic::StrReplace,
        Intrinsic::Matched,
        Intrinsic::Ngroups,
        Intrinsic::TextStrn,
        Intrinsic::QuoteKernel,
        Intrinsic::QuoteUser,
        Intrinsic::Tokenize,
        Intrinsic::TextOr,
        Intrinsic::Token,
        Intrinsic::TokenRest,
        Intrinsic::Strtol,
        Intrinsic::DoubleText,
        Intrinsic::TextDouble,
        Intrinsic::Ctime,
        Intrinsic::ThreadIndent,
        Intrinsic::Indent,
        Intrinsic::ThreadIndentDepth,
        Intrinsic::IndentDepth,
        Intrinsic::SyscallResult,
        Intrinsic::SyscallArgument,
        Intrinsic::Symname,
        Intrinsic::Symdata,
        Intrinsic::StackText,
        Intrinsic::UserSymname,
        Intrinsic::UserSymdata,
        Intrinsic::UserModname,
        Intrinsic::UserModAddress,
        Intrinsic::UserModBuildId,
        Intrinsic::UserStackText,
        Intrinsic::StackAddress,
        Intrinsic::StackPart,
    ];

    /// It is a function of strings.
    pub fn takes_text(self) -> bool {
        self.signature().params.contains(&Type::Text) && self != Intrinsic::Error
    }

    /// Kernel-side code runs it in a loop whose length the verifier does not know.
    pub fn loops(self) -> bool {
        use Intrinsic::{Isinstr, QuoteKernel, QuoteUser, StrReplace, Strpos, Strtol, TextStrn, Token, TokenRest};
        matches!(self, Isinstr | Strpos | StrReplace | Strtol | TextStrn | QuoteKernel | QuoteUser | Token | TokenRest)
    }

    /// Its name as the library and the text form call it, its parameters, its result, and whether kernel-side code can
    /// run it.
    pub fn signature(self) -> Signature {
        use Type::{Long, Text};
        let (name, params, returns, kernel): (_, &'static [Type], _, _) = match self {
            Intrinsic::Exit => ("exit", &[], None, true),
            Intrinsic::Error => ("error", &[Text], None, true),
            Intrinsic::SyscallName => ("syscall_name", &[Long], Some(Text), true),
            Intrinsic::SyscallNumber => ("syscall_num", &[Text], Some(Long), false),
            Intrinsic::LoadAverage => ("__load_average", &[Long], Some(Long), false),
            Intrinsic::ErrnoName => ("errno_str", &[Long], Some(Text), false),
            Intrinsic::Random => ("__random", &[], Some(Long), true),
            Intrinsic::ZoneOffset => ("tz_gmtoff", &[], Some(Long), false),
            Intrinsic::ZoneName => ("tz_name", &[], Some(Text), false),
            Intrinsic::System => ("system", &[Text], None, false),
            Intrinsic::Warn => ("warn", &[Text], None, false),
            Intrinsic::Abort => ("abort", &[], None, false),
            Intrinsic::Handed => ("__handed", &[], Some(Text), false),
            Intrinsic::Hand => ("__hand", &[Text], Some(Text), false),
            Intrinsic::HandMore => ("__hand_more", &[Text], Some(Text), false),
            Intrinsic::Verdict => ("__verdict", &[Long], Some(Long), true),
            Intrinsic::WriteUser => ("__write_user", &[Long, Long, Long], Some(Long), true),
            Intrinsic::WriteUserText => ("__write_user_text", &[Long, Text, Long], Some(Long), true),
            Intrinsic::Raise => ("__raise", &[Long], Some(Long), true),
            Intrinsic::Printk => ("printk", &[Long, Text], None, false),
            Intrinsic::Ftrace => ("ftrace", &[Text], None, false),
            Intrinsic::Strlen => ("strlen", &[Text], Some(Long), true),
            Intrinsic::Substr => ("substr", &[Text, Long, Long], Some(Text), true),
            Intrinsic::ByteAt => ("__byte_at", &[Text, Long], Some(Long), true),
            Intrinsic::Isinstr => ("isinstr", &[Text, Text], Some(Long), true),
            Intrinsic::Strpos => ("strpos", &[Text, Text], Some(Long), true),
            Intrinsic::StrReplace => ("str_replace", &[Text, Text, Text], Some(Text), true),
            Intrinsic::Matched => ("matched", &[Long], Some(Text), false),
            Intrinsic::Ngroups => ("ngroups", &[], Some(Long), false),
            Intrinsic::TextStrn => ("text_strn", &[Text, Long, Long], Some(Text), true),
            Intrinsic::QuoteKernel => ("__kernel_quoted", &[Long, Long, Long], Some(Text), true),
            Intrinsic::QuoteUser => ("__user_quoted", &[Long, Long, Long], Some(Text), true),
            Intrinsic::Tokenize => ("tokenize", &[Text, Text], Some(Text), false),
            Intrinsic::TextOr => ("__text_or", &[Text, Text], Some(Text), true),
            Intrinsic::Token => ("__token", &[Text, Text], Some(Text), true),
            Intrinsic::TokenRest => ("__token_rest", &[Text, Text], Some(Text), true),
            Intrinsic::Strtol => ("strtol", &[Text, Long], Some(Long), true),
            Intrinsic::DoubleText => ("fp_to_string", &[Long, Long], Some(Text), false),
            Intrinsic::TextDouble => ("string_to_fp", &[Text], Some(Long), false),
            Intrinsic::Ctime => ("ctime", &[Long], Some(Text), false),
            Intrinsic::ThreadIndent => ("__thread_indent", &[Long, Long, Text, Long], Some(Text), false),
            Intrinsic::Indent => ("__indent", &[Long, Long], Some(Text), false),
            Intrinsic::ThreadIndentDepth => ("__thread_indent_depth", &[Long, Long], Some(Long), false),
            Intrinsic::IndentDepth => ("__indent_depth", &[Long], Some(Long), false),
            Intrinsic::SyscallResult => ("syscall_result", &[Long, Long], Some(Text), false),
            Intrinsic::SyscallArgument => ("syscall_argument", &[Long, Long, Long], Some(Text), false),
            Intrinsic::Symname => ("symname", &[Long], Some(Text), false),
            Intrinsic::Symdata => ("symdata", &[Long], Some(Text), false),
            Intrinsic::StackText => ("sprint_stack", &[Text], Some(Text), false),
            Intrinsic::UserSymname => ("__usymname", &[Long, Long], Some(Text), false),
            Intrinsic::UserSymdata => ("__usymdata", &[Long, Long], Some(Text), false),
            Intrinsic::UserModname => ("__umodname", &[Long, Long], Some(Text), false),
            Intrinsic::UserModAddress => ("__umodaddr", &[Long, Long], Some(Long), false),
            Intrinsic::UserModBuildId => ("__umodbuildid", &[Long, Long], Some(Text), false),
            Intrinsic::UserStackText => ("__sprint_ustack", &[Text, Long], Some(Text), false),
            Intrinsic::StackAddress => ("__stack_address", &[Text, Long], Some(Long), false),
            Intrinsic::StackPart => ("__stack_part", &[Text, Long], Some(Text), false),
        };
        Signature { name, params, returns, kernel }
    }
}

/// The signature of an [`Intrinsic`].
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Its name; one that begins with `__` is for the library only.
    pub name: &'static str,
    /// Types of its parameters.
    pub params: &'static [Type],
    /// Type of its result, if it has one.
    pub returns: Option<Type>,
    /// Kernel-side code can run it.
    pub kernel: bool,
}
