//! The functions of the runtimes, as the user side does them. It must never read a clock or a kernel fact but through
//! the host.

use systap_ir::graph::Value;
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::Space;

use super::datum::{Datum, Text};
use super::error::ErrorKind;
use super::host::Host;
use super::interpreter::{Interpreter, Stop};
use super::operation::quoted;
use super::tokens::Tokens;
use crate::text::{float, stack, syscall, time};

impl Interpreter<'_> {
    /// Its result, if it has one.
    pub(super) fn intrinsic(
        &mut self,
        intrinsic: Intrinsic,
        args: &[Value],
        host: &mut dyn Host,
    ) -> Result<Option<Datum>, Stop> {
        let long = |at: usize| args.get(at).map_or(0, |value| self.registers.long(*value));
        let text = |at: usize| {
            args.get(at).map_or_else(|| self.registers.empty(), |value| self.registers.text(*value).clone())
        };
        let given = match intrinsic {
            Intrinsic::Exit => {
                host.exit();
                return Ok(None);
            }
            Intrinsic::Error => return Err(ErrorKind::Message(text(0)).into()),
            Intrinsic::Warn => {
                host.warn(&text(0));
                return Ok(None);
            }
            Intrinsic::System => {
                host.system(&text(0));
                return Ok(None);
            }
            Intrinsic::Random => Datum::Long(i64::from(host.random())),
            Intrinsic::ZoneOffset => Datum::Long(host.zone().west),
            Intrinsic::ZoneName => {
                let name = host.zone().name;
                self.clipped(name.as_bytes())
            }
            Intrinsic::ErrnoName => Datum::from(error_name(long(0))),
            Intrinsic::Abort => return Err(Stop::Abort),
            Intrinsic::SyscallName => self.clipped(syscall::name(long(0)).as_bytes()),
            Intrinsic::SyscallNumber => Datum::Long(syscall::number(&text(0))),
            Intrinsic::LoadAverage => {
                let load = usize::try_from(long(0)).ok().and_then(|index| host.load_averages()?.get(index).copied());
                let none = || {
                    ErrorKind::Message(Text::from(format!("there is no average {} of the load", long(0)).as_bytes()))
                };
                Datum::Long(load.ok_or_else(none)?)
            }
            Intrinsic::Handed => self.clipped(host.handed()),
            Intrinsic::Hand | Intrinsic::HandMore => {
                let given = text(0);
                host.hand(&given, intrinsic == Intrinsic::HandMore);
                Datum::Text(given)
            }
            Intrinsic::Verdict => {
                let gone =
                    "the packet has gone on: its verdict is to be given before anything that is done on the user side";
                return Err(ErrorKind::Message(Text::from(gone.as_bytes())).into());
            }
            // There is no current task here, or no longer.
            Intrinsic::WriteUser | Intrinsic::WriteUserText => Datum::Long(0),
            Intrinsic::Raise => Datum::Long(-i64::from(libc::ESRCH)),
            Intrinsic::Printk => {
                let level = u8::try_from(long(0)).ok().filter(|level| *level < 8);
                if !host.kernel_log(level, &text(1)) {
                    return Err(ErrorKind::Message(Text::from(&b"the kernel's log cannot be written"[..])).into());
                }
                return Ok(None);
            }
            Intrinsic::Ftrace => {
                host.trace_line(&text(0));
                return Ok(None);
            }
            Intrinsic::Strlen => Datum::Long(text(0).len() as i64),
            Intrinsic::Substr => Datum::text(substr(&text(0), long(1), long(2))),
            Intrinsic::ByteAt => {
                let byte = usize::try_from(long(1)).ok().and_then(|at| text(0).get(at).copied());
                Datum::Long(i64::from(byte.unwrap_or(0)))
            }
            Intrinsic::Isinstr => Datum::Long(find(&text(0), &text(1)).is_some().into()),
            Intrinsic::Strpos => Datum::Long(find(&text(0), &text(1)).map_or(-1, |at| at as i64)),
            Intrinsic::StrReplace => self.clipped(&replace(&text(0), &text(1), &text(2))),
            Intrinsic::Matched => Datum::text(&self.matched(long(0))?),
            Intrinsic::Ngroups => Datum::Long(self.groups()?),
            Intrinsic::TextStrn => {
                let most = (self.limits.string as usize).saturating_sub(1);
                let length = usize::try_from(long(1)).ok().filter(|length| (1..=most).contains(length)).unwrap_or(most);
                self.clipped(&crate::text::format::escape_within(&text(0), length, long(2) != 0))
            }
            Intrinsic::Tokenize => {
                let (input, delimiters) = (text(0), text(1));
                Datum::text(&self.tokens.next(&input, &delimiters))
            }
            Intrinsic::QuoteKernel | Intrinsic::QuoteUser => {
                let space = if intrinsic == Intrinsic::QuoteKernel { Space::Kernel } else { Space::User };
                let most = (self.limits.string as usize).saturating_sub(1);
                let length = usize::try_from(long(2)).ok().filter(|length| (1..=most).contains(length)).unwrap_or(most);
                self.clipped(&quoted(host, space, long(0).cast_unsigned(), long(1), length)?)
            }
            Intrinsic::TextOr => Datum::text(&if text(0).is_empty() { text(1) } else { text(0) }),
            Intrinsic::Token => Datum::text(&Tokens::of(&text(0)).next(&[], &text(1))),
            Intrinsic::TokenRest => Datum::text(&Tokens::of(&text(0)).rest_after(&text(1))),
            Intrinsic::Strtol => Datum::Long(strtol(&text(0), long(1))),
            Intrinsic::DoubleText => {
                let value = f64::from_bits(long(0).cast_unsigned());
                self.clipped(float::decimal(value, long(1)).as_bytes())
            }
            Intrinsic::TextDouble => {
                let invalid = || ErrorKind::Message(Text::from(&b"invalid format"[..]));
                Datum::Long(float::parse(&text(0)).ok_or_else(invalid)?.to_bits().cast_signed())
            }
            Intrinsic::Ctime => {
                // What has 32 bits, as SystemTap has it: the text is always of the same length then.
                let far = |when: &str| {
                    ErrorKind::Message(Text::from(format!("Time too far in the {when} to be converted").as_bytes()))
                };
                match i32::try_from(long(0)) {
                    Ok(seconds) => self.clipped(time::ctime(seconds.into()).as_bytes()),
                    Err(_) => return Err(far(if long(0) < 0 { "past" } else { "future" }).into()),
                }
            }
            Intrinsic::ThreadIndent => {
                let line = host.indents().thread(long(0), long(1), &text(2), long(3));
                self.clipped(&line)
            }
            Intrinsic::Indent => {
                let line = host.indents().whole(long(0), long(1));
                self.clipped(&line)
            }
            Intrinsic::ThreadIndentDepth => Datum::Long(host.indents().thread_depth(long(0), long(1))),
            Intrinsic::IndentDepth => Datum::Long(host.indents().whole_depth(long(0))),
            Intrinsic::SyscallResult => self.clipped(syscall::result(long(0), long(1)).as_bytes()),
            Intrinsic::SyscallArgument => {
                self.clipped(syscall::argument(long(0), long(1), long(2).cast_unsigned()).as_bytes())
            }
            Intrinsic::Symname => {
                let address = long(0).cast_unsigned();
                self.clipped(stack::name(address, host.symbol(address).as_ref()).as_bytes())
            }
            Intrinsic::Symdata => {
                let address = long(0).cast_unsigned();
                self.clipped(stack::place(address, host.symbol(address).as_ref()).as_bytes())
            }
            Intrinsic::StackText => {
                let addresses = stack::parse(&text(0));
                // As long as the stack is: to be printed, and cut where it is kept.
                let lines = stack::lines(&addresses, |address| host.symbol(address));
                Datum::Text(Text::from(lines.as_bytes()))
            }
            Intrinsic::UserStackText => {
                let (addresses, process) = (stack::parse(&text(0)), long(1));
                let symbol = |address| host.user_symbol(process, address).and_then(|place| place.symbol);
                Datum::Text(Text::from(stack::lines(&addresses, symbol).as_bytes()))
            }
            Intrinsic::UserSymname | Intrinsic::UserSymdata => {
                let address = long(0).cast_unsigned();
                let symbol = host.user_symbol(long(1), address).and_then(|place| place.symbol);
                let words = if intrinsic == Intrinsic::UserSymname { stack::name } else { stack::place };
                self.clipped(words(address, symbol.as_ref()).as_bytes())
            }
            Intrinsic::UserModname => match host.user_symbol(long(1), long(0).cast_unsigned()) {
                Some(place) => self.clipped(place.path.as_bytes()),
                None => {
                    return Err(ErrorKind::Message(Text::from(&b"user module at this address not found"[..])).into());
                }
            },
            Intrinsic::UserModAddress | Intrinsic::UserModBuildId => {
                let (address, process) = (long(0).cast_unsigned(), long(1));
                let unknown = |name: &str| {
                    let message = format!("{name} 0x{address:x} unknown");
                    Stop::from(ErrorKind::Message(Text::from(message.as_bytes())))
                };
                if intrinsic == Intrinsic::UserModAddress {
                    let start = host.user_module_start(process, address).ok_or_else(|| unknown("umodaddr"))?;
                    Datum::Long(address.wrapping_sub(start).cast_signed())
                } else {
                    let id = host.user_build_id(process, address).ok_or_else(|| unknown("umodbuildid"))?;
                    self.clipped(id.iter().map(|byte| format!("{byte:02x}")).collect::<String>().as_bytes())
                }
            }
            Intrinsic::StackAddress => {
                let found = usize::try_from(long(1)).ok().and_then(|at| stack::parse(&text(0)).get(at).copied());
                Datum::Long(found.unwrap_or(0).cast_signed())
            }
            Intrinsic::StackPart => {
                let mut addresses = stack::parse(&text(0));
                addresses.truncate(usize::try_from(long(1)).map_or(0, |last| last.saturating_add(1)));
                self.clipped(stack::hex(&addresses).as_bytes())
            }
        };
        Ok(Some(given))
    }
}

/// The last error number that `errno_str` knows, ENOTRECOVERABLE.
const LAST_ERROR: u64 = 131;

/// The name of an error number of either sign; "" for what is none.
fn error_name(number: i64) -> &'static str {
    let positive =
        i32::try_from(number.unsigned_abs()).ok().filter(|number| u64::from(number.unsigned_abs()) <= LAST_ERROR);
    positive.and_then(systap_kernel::errno::name).unwrap_or_default()
}

/// What there is of `length` bytes from `start`.
fn substr(text: &[u8], start: i64, length: i64) -> &[u8] {
    let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else { return &[] };
    let rest = text.get(start..).unwrap_or_default();
    &rest[..length.min(rest.len())]
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}

fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !old.is_empty()
        && let Some(at) = find(rest, old)
    {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// As C's: white space, a sign, in base 16 or 0 a `0x`, in base 0 a `0`; then digits as far as they go. Where they go too far, the
/// lowest 64 bits, as the kernel's own function has it: an address of the kernel's is one. A base that C does not know gives 0.
fn strtol(text: &[u8], base: i64) -> i64 {
    let text = text.trim_ascii_start();
    // Rust's white space lacks the vertical tab.
    let text = &text[text.iter().take_while(|byte| matches!(byte, b' ' | 0x09..=0x0d)).count()..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match (base, digits) {
        (0 | 16, [b'0', b'x' | b'X', rest @ ..]) if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        (0, [b'0', ..]) => (8, digits),
        (0, _) => (10, digits),
        (2..=36, _) => (base as u32, digits),
        _ => return 0,
    };
    let digits = digits.iter().map_while(|byte| char::from(*byte).to_digit(base));
    let value = digits.fold(0i64, |value, digit| value.wrapping_mul(i64::from(base)).wrapping_add(i64::from(digit)));
    if negative { value.wrapping_neg() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings() {
        assert_eq!(substr(b"probe", 1, 3), b"rob");
        assert_eq!(substr(b"probe", 3, 99), b"be");
        assert_eq!(substr(b"probe", 5, 1), b"");
        assert_eq!(substr(b"probe", 6, 1), b"");
        assert_eq!(substr(b"probe", -1, 2), b"");
        assert_eq!(substr(b"probe", 0, -2), b"");
        assert_eq!(substr(b"probe", i64::MAX, i64::MAX), b"");
    }

    #[test]
    fn replacing() {
        assert_eq!(replace(b"a.b.c", b".", b"::"), b"a::b::c");
        assert_eq!(replace(b"aaa", b"aa", b"b"), b"ba");
        assert_eq!(replace(b"abc", b"", b"x"), b"abc");
        assert_eq!(replace(b"abc", b"abc", b""), b"");
    }

    #[test]
    fn numbers_as_c_reads_them() {
        for (text, base, value) in [
            ("42", 10, 42),
            (" \t\x0b\n-42xyz", 10, -42),
            ("0x1fz", 16, 31),
            ("0x1F", 0, 31),
            ("017", 0, 15),
            ("018", 0, 1),
            ("0x", 16, 0),
            ("0xg", 0, 0),
            ("zz", 36, 1295),
            ("102", 2, 2),
            ("12", 1, 0),
            ("12", 37, 0),
            ("+-1", 10, 0),
            ("", 10, 0),
            ("9223372036854775807", 10, i64::MAX),
            ("9223372036854775808", 10, i64::MIN),
            ("-9223372036854775809", 10, i64::MAX),
            ("ffffffff81000000", 16, -0x7f00_0000),
            ("0x1ffffffffffffffff", 0, -1),
        ] {
            assert_eq!(strtol(text.as_bytes(), base), value, "{text:?} in base {base}");
        }
    }
}
