//! System calls as a C programmer would write them: name, arguments, result. It must never read the traced program's
//! memory: the strings that arguments point to were recorded at the event.

mod bits;
mod notation;
mod numbers;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use systap_kernel::errno;
use systap_kernel::syscall::{ArgKind, Syscall, SyscallArg, SyscallTable};

use super::format::escape_text;
use super::signal;
use notation::Notation;

/// A string that was recorded with this many bytes or more has been cut, and `...` says so.
pub const GREATEST_STRING: usize = 255;

/// The greatest error number that a system call returns (`MAX_ERRNO`).
const GREATEST_ERROR: i64 = 4095;

/// `O_CREAT`, and the bit of `O_TMPFILE` that is its own: only with them does open(2) take a mode.
const MAKES_A_FILE: u64 = 0o100 | 0o20_000_000;

fn row(number: i64) -> Option<&'static Syscall> {
    u32::try_from(number).ok().and_then(|number| SyscallTable::of(systap_kernel::Arch::HOST).by_number(number))
}

/// The name of a system call; `syscall_N` if the table has none.
pub fn name(number: i64) -> String {
    row(number).map_or_else(|| format!("syscall_{number}"), |row| row.name.to_owned())
}

/// The number of a system call by its name; -1 if the table has none.
pub fn number(name: &[u8]) -> i64 {
    let table = SyscallTable::of(systap_kernel::Arch::HOST);
    let row = std::str::from_utf8(name).ok().and_then(|name| table.by_name(name));
    row.map_or(-1, |row| i64::from(row.number))
}

/// The arguments, separated by `, `. `strings`: what those that are texts pointed to, as recorded; `None` where they
/// were not or could not be. ASCII only.
pub fn arguments(number: i64, args: &[u64; 6], strings: &[Option<&[u8]>; 6]) -> String {
    let mut out = String::new();
    let Some(call) = row(number) else {
        for (at, register) in args.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            push(&mut out, format_args!("{comma}{register:#x}"));
        }
        return out;
    };
    for (at, (argument, (register, string))) in call.args.iter().zip(args.iter().zip(strings)).enumerate() {
        if argument.name == "mode" && call.name.starts_with("open") && makes_no_file(call, args) {
            break;
        }
        if at > 0 {
            out.push_str(", ");
        }
        match notation::of(call.name, argument.name) {
            Some(notation) => noted(&mut out, &notation, truncated(argument, *register)),
            None => by_kind(&mut out, argument, *register, *string),
        }
    }
    out
}

/// An argument by itself; one that the table does not have in hexadecimal.
pub fn argument(number: i64, index: i64, register: u64) -> String {
    let call = row(number);
    let found = call.and_then(|call| Some((call, usize::try_from(index).ok().and_then(|at| call.args.get(at))?)));
    let mut out = String::new();
    match found {
        None => push(&mut out, format_args!("{register:#x}")),
        Some((call, argument)) => match notation::of(call.name, argument.name) {
            Some(notation) => noted(&mut out, &notation, truncated(argument, register)),
            None => by_kind(&mut out, argument, register, None),
        },
    }
    out
}

/// What it returned: `-2 (ENOENT)` for an error, an address in hexadecimal, else a number.
pub fn result(number: i64, value: i64) -> String {
    match value {
        ..0 if value >= -GREATEST_ERROR => match errno::name(-value as i32) {
            Some(name) => format!("{value} ({name})"),
            None => value.to_string(),
        },
        _ if row(number).is_some_and(Syscall::returns_address) => format!("{value:#x}"),
        _ => value.to_string(),
    }
}

fn makes_no_file(call: &Syscall, args: &[u64; 6]) -> bool {
    let flags = call.args.iter().position(|argument| argument.name == "flags").and_then(|at| args.get(at));
    flags.is_some_and(|flags| flags & MAKES_A_FILE == 0)
}

/// The part of the register that the kernel looks at, without its sign.
fn truncated(argument: &SyscallArg, register: u64) -> u64 {
    let (bits, _) = argument.width();
    register & (u64::MAX >> 64u32.saturating_sub(u32::from(bits)))
}

fn by_kind(out: &mut String, argument: &SyscallArg, register: u64, string: Option<&[u8]>) {
    let value = argument.value(register);
    match argument.kind {
        ArgKind::UserString => match string {
            Some(bytes) => quoted(out, bytes),
            None => pointer(out, register),
        },
        ArgKind::Pointer | ArgKind::UserStrings => pointer(out, register),
        // The kernel's prototypes disagree about its type; a descriptor has 32 bits.
        ArgKind::Fd if register as i32 == -100 => out.push_str("AT_FDCWD"),
        ArgKind::Fd => push(out, format_args!("{}", register as i32)),
        // -1 for "no change".
        ArgKind::Uid | ArgKind::Gid => push(out, format_args!("{}", register as i32)),
        ArgKind::Signal => match signal::name(value) {
            Some(name) => out.push_str(&name),
            None => push(out, format_args!("{value}")),
        },
        ArgKind::Mode => push(out, format_args!("0{:03o}", truncated(argument, register))),
        ArgKind::Flags => push(out, format_args!("{:#x}", truncated(argument, register))),
        ArgKind::Uint | ArgKind::Ulong | ArgKind::Size => push(out, format_args!("{}", truncated(argument, register))),
        _ => push(out, format_args!("{value}")),
    }
}

fn pointer(out: &mut String, register: u64) {
    match register {
        0 => out.push_str("NULL"),
        _ => push(out, format_args!("{register:#x}")),
    }
}

fn quoted(out: &mut String, bytes: &[u8]) {
    let mut escaped = Vec::with_capacity(bytes.len() + 5);
    escape_text(&bytes[..bytes.len().min(GREATEST_STRING)], &mut escaped);
    out.push('"');
    out.extend(escaped.iter().map(|byte| char::from(*byte)));
    out.push('"');
    if bytes.len() >= GREATEST_STRING {
        out.push_str("...");
    }
}

fn noted(out: &mut String, notation: &Notation, value: u64) {
    match notation {
        Notation::Address => pointer(out, value),
        Notation::Hex if value == 0 => out.push('0'),
        Notation::Hex => push(out, format_args!("{value:#x}")),
        Notation::Number(names) => match names.iter().find(|(number, _)| *number == value) {
            Some((_, name)) => out.push_str(name),
            None => push(out, format_args!("{value}")),
        },
        Notation::Bits(names, none) => {
            let mut first = true;
            bits_by_name(out, &mut first, names, value);
            if first {
                out.push_str(none);
            }
        }
        Notation::Mixed { mask, numbers, bits } => {
            let mut first = false;
            let number = value & mask;
            match numbers.iter().find(|(known, _)| *known == number) {
                Some((_, name)) => out.push_str(name),
                None => push(out, format_args!("{number:#x}")),
            }
            bits_by_name(out, &mut first, bits, value & !mask);
        }
        Notation::Clone => {
            let mut first = true;
            bits_by_name(out, &mut first, bits::CLONE, value & !0xff);
            match (signal::name((value & 0xff) as i64), first) {
                (Some(name), true) => out.push_str(&name),
                (Some(name), false) => push(out, format_args!("|{name}")),
                (None, true) => out.push('0'),
                (None, false) => {}
            }
        }
    }
}

/// Appends the names of the bits, `|` between them, and what is left in hexadecimal. `first`: nothing stands there yet.
fn bits_by_name(out: &mut String, first: &mut bool, names: &[(u64, &str)], mut value: u64) {
    for (bits, name) in names {
        if value & bits == *bits {
            value &= !bits;
            let bar = if std::mem::take(first) { "" } else { "|" };
            push(out, format_args!("{bar}{name}"));
        }
    }
    if value != 0 {
        let bar = if std::mem::take(first) { "" } else { "|" };
        push(out, format_args!("{bar}{value:#x}"));
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(arguments);
}
