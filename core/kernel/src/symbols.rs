//! The kernel's symbols: addresses to names and names to addresses.
//!
//! Must never be read unless a script needs it: the kernel takes 40 ms to write `/proc/kallsyms`. The text is kept as
//! it came, and names are pieces of it.

use crate::error::KernelError;
use std::collections::HashMap;
use std::path::Path;

/// The symbols of a kernel and its modules.
#[derive(Debug)]
pub struct Symbols {
    text: Vec<u8>,
    /// By address; symbols of one address in the order of the file.
    entries: Vec<Entry>,
    /// Where the names of modules are. Entry 0 stands for the kernel proper.
    modules: Vec<Place>,
}

/// A piece of the text: offset and length in bytes.
type Place = (u32, u8);

#[derive(Debug, Clone, Copy)]
struct Entry {
    address: u64,
    name: u32,
    name_len: u16,
    module: u16,
    letter: u8,
}

/// One symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its address.
    pub address: u64,
    /// The module that it belongs to; `None` for the kernel proper. What the kernel makes up for code of its own
    /// making is in brackets here too: `bpf`, `__builtin__ftrace`.
    pub module: Option<&'a str>,
    /// The letter of `nm`: `t` and `T` for code, `d` and `D` for data, and so on.
    pub letter: char,
}

/// An address put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The name of the symbol that the address lies in.
    pub name: &'a str,
    /// How many bytes after the symbol's start.
    pub offset: u64,
    /// The symbol's module; `None` for the kernel proper.
    pub module: Option<&'a str>,
    /// The symbol's size in bytes: up to the next symbol, or to the end of the page where there is none in the same
    /// module, since the kernel does not tell sizes.
    pub size: u64,
}

impl Symbols {
    /// Reads text of the form of `/proc/kallsyms`: address, letter, name, and for symbols of modules `[module]`.
    /// `file` is for errors only.
    pub fn parse(text: Vec<u8>, file: &Path) -> Result<Symbols, KernelError> {
        let (mut entries, modules) = entries(&text, file)?;
        if entries.iter().all(|entry| entry.address == 0) {
            return Err(KernelError::HiddenAddresses { file: file.into() });
        }
        // The kernel proper comes sorted. What follows is by module, in no order, and a stable sort keeps what was in
        // order before.
        if !entries.is_sorted_by_key(|entry| entry.address) {
            entries.sort_by_key(|entry| entry.address);
        }
        Ok(Symbols { text, entries, modules })
    }

    /// Symbols of the kernel proper from rows of address, letter and name; `None` if they say nothing.
    pub(crate) fn from_rows(rows: &[(u64, u8, String)]) -> Option<Symbols> {
        let mut text = Vec::with_capacity(rows.iter().map(|row| row.2.len() + 1).sum());
        let mut entries = Vec::with_capacity(rows.len());
        for (address, letter, name) in rows {
            let at = u32::try_from(text.len()).ok()?;
            let Ok(name_len @ 1..) = u16::try_from(name.len()) else { continue };
            text.extend_from_slice(name.as_bytes());
            entries.push(Entry { address: *address, name: at, name_len, module: 0, letter: *letter });
        }
        entries.sort_by_key(|entry| entry.address);
        (!entries.is_empty()).then_some(Symbols { text, entries, modules: vec![(0, 0)] })
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The symbol that an address lies in. Of several at one address the first in the kernel's order, as the kernel's
    /// own messages have it. `None` for an address before the first symbol or past the end of a module's last.
    pub fn resolve(&self, address: u64) -> Option<Resolved<'_>> {
        let after = self.entries.partition_point(|entry| entry.address <= address);
        let start = self.entries.get(after.checked_sub(1)?)?.address;
        let first = self.entries.partition_point(|entry| entry.address < start);
        // Per-CPU offsets and constants are in the list as well; they are no places in memory.
        let entry = self.entries.get(first..after)?.iter().find(|entry| !matches!(entry.letter, b'a' | b'A'))?;
        let page_end = (start | 0xfff).saturating_add(1);
        let end = match self.entries.get(after) {
            Some(next) if next.module == entry.module => next.address,
            Some(next) => next.address.min(page_end),
            None => page_end,
        };
        if address >= end {
            return None;
        }
        let symbol = self.symbol(entry)?;
        Some(Resolved { name: symbol.name, offset: address - start, module: symbol.module, size: end - start })
    }

    /// The first symbol of that name, by address.
    pub fn by_name(&self, name: &str) -> Option<Symbol<'_>> {
        self.all_by_name(name).next()
    }

    /// All symbols of that name, by address: several source files can have a static function of one name.
    pub fn all_by_name<'a>(&'a self, name: &str) -> impl Iterator<Item = Symbol<'a>> {
        let wanted = name.as_bytes();
        self.entries
            .iter()
            .filter(move |entry| usize::from(entry.name_len) == wanted.len() && self.name_bytes(entry) == Some(wanted))
            .filter_map(|entry| self.symbol(entry))
    }

    /// All symbols, by address. Those whose names are no text are left out.
    pub fn iter(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.entries.iter().filter_map(|entry| self.symbol(entry))
    }

    fn name_bytes(&self, entry: &Entry) -> Option<&[u8]> {
        self.text.get(entry.name as usize..)?.get(..usize::from(entry.name_len))
    }

    /// The modules that have symbols, `[bpf]` and its like among them, in the order in which they are met.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        (1..self.modules.len()).filter_map(|number| self.module(number))
    }

    /// The symbols of the modules that are `wanted`, in the order of [`Self::iter`]; the others' are not looked at.
    pub fn of_modules(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Symbol<'_>> {
        let numbers: Vec<bool> =
            (0..self.modules.len()).map(|number| number > 0 && self.module(number).is_some_and(&wanted)).collect();
        let any = numbers.contains(&true);
        let entries = if any { self.entries.as_slice() } else { &[] };
        let of_them = entries.iter().filter(move |entry| numbers.get(usize::from(entry.module)) == Some(&true));
        of_them.filter_map(|entry| self.symbol(entry))
    }

    fn module(&self, number: usize) -> Option<&str> {
        let (start, len) = *self.modules.get(number)?;
        std::str::from_utf8(self.text.get(start as usize..)?.get(..usize::from(len))?).ok()
    }

    fn symbol(&self, entry: &Entry) -> Option<Symbol<'_>> {
        let name = std::str::from_utf8(self.name_bytes(entry)?).ok()?;
        let module = self.module(entry.module.into())?;
        Some(Symbol {
            name,
            address: entry.address,
            module: (entry.module != 0).then_some(module),
            letter: char::from(entry.letter),
        })
    }
}

/// The symbols in the order of the text, and where the names of modules are.
fn entries(text: &[u8], file: &Path) -> Result<(Vec<Entry>, Vec<Place>), KernelError> {
    // A line takes 44 bytes on average.
    let mut entries = Vec::with_capacity(text.len() / 40 + 1);
    let mut modules = Modules { places: vec![(0, 0)], numbers: HashMap::new(), last: (&[], 0) };
    let mut at = 0;
    while at < text.len() {
        let malformed = || KernelError::Malformed { file: file.into(), line: entries.len() + 1 };
        let (address, after) = address_at(text, at).ok_or_else(malformed)?;
        let letter = match text.get(after..after + 3) {
            Some(&[b' ', letter, b' ']) if letter.is_ascii() => letter,
            _ => return Err(malformed()),
        };
        let name = after + 3;
        let name_len = length_until(text, name, |byte| matches!(byte, b'\n' | b'\t' | b' '));
        let mut end = name + name_len;
        let mut module = 0;
        if matches!(text.get(end), Some(b'\t' | b' ')) {
            let tail = &text[end..end + length_until(text, end, |byte| byte == b'\n')];
            let [_, b'[', of @ .., b']'] = tail else { return Err(malformed()) };
            module = modules.number(of, end + 2).ok_or_else(malformed)?;
            end += tail.len();
        }
        let (Ok(name), Ok(name_len @ 1..)) = (u32::try_from(name), u16::try_from(name_len)) else {
            return Err(malformed());
        };
        entries.push(Entry { address, name, name_len, module, letter });
        at = end + 1;
    }
    Ok((entries, modules.places))
}

/// How many bytes from `at` on come before one that is accepted, or before the end.
fn length_until(text: &[u8], at: usize, accept: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|byte| accept(*byte)).unwrap_or(rest.len())
}

/// The hexadecimal number at `at`, and where it ends.
fn address_at(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut end = at;
    while let Some(digit) = text.get(end).and_then(|byte| (*byte as char).to_digit(16)) {
        if end - at == 16 {
            return None;
        }
        value = (value << 4) | u64::from(digit);
        end += 1;
    }
    (end > at).then_some((value, end))
}

/// The modules met so far.
struct Modules<'a> {
    places: Vec<Place>,
    numbers: HashMap<&'a [u8], u16>,
    /// The symbols of a module stand together, so most often it is the last again.
    last: (&'a [u8], u16),
}

impl<'a> Modules<'a> {
    /// The number of a module whose name is at `place`; a new one if it is new. `None` if there are too many.
    fn number(&mut self, name: &'a [u8], place: usize) -> Option<u16> {
        if self.last.1 != 0 && self.last.0 == name {
            return Some(self.last.1);
        }
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = u16::try_from(self.places.len()).ok()?;
                self.places.push((u32::try_from(place).ok()?, u8::try_from(name.len()).ok()?));
                self.numbers.insert(name, number);
                number
            }
        };
        self.last = (name, number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
0000000000000010 A per_cpu_thing
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000040 t do_one
ffffffff81000100 T do_two
ffffffff82000000 D some_data
ffffffffc0001000 t mod_b_f\t[mod_b]
ffffffffc0000000 t mod_a_f\t[mod_a]
ffffffffc0000020 t mod_a_g\t[mod_a]
";

    fn parse(text: &str) -> Result<Symbols, KernelError> {
        Symbols::parse(text.into(), Path::new("/proc/kallsyms"))
    }

    #[track_caller]
    fn check(address: u64, expected: Option<(&str, u64, Option<&str>, u64)>) {
        let symbols = parse(TEXT).unwrap();
        let resolved = symbols.resolve(address).map(|found| (found.name, found.offset, found.module, found.size));
        assert_eq!(resolved, expected);
    }

    #[test]
    fn symbols_of_some_modules() {
        let symbols = parse(TEXT).unwrap();
        let names = |wanted: &dyn Fn(&str) -> bool| -> Vec<&str> {
            symbols.of_modules(wanted).map(|found| found.name).collect()
        };
        assert_eq!(symbols.modules().collect::<Vec<_>>(), ["mod_b", "mod_a"]);
        assert_eq!(names(&|name| name == "mod_a"), ["mod_a_f", "mod_a_g"]);
        assert_eq!(names(&|_| true), ["mod_a_f", "mod_a_g", "mod_b_f"]);
        assert_eq!(names(&|name| name.is_empty()), [""; 0], "the kernel proper is no module");
    }

    #[test]
    fn resolves_addresses() {
        check(0x5, None);
        check(0x10, None);
        check(0xffff_ffff_8100_0000, Some(("_stext", 0, None, 0x40)));
        check(0xffff_ffff_8100_003f, Some(("_stext", 0x3f, None, 0x40)));
        check(0xffff_ffff_8100_0041, Some(("do_one", 1, None, 0xc0)));
        check(0xffff_ffff_8100_0100, Some(("do_two", 0, None, 0xffff00)));
        check(0xffff_ffff_8200_0fff, Some(("some_data", 0xfff, None, 0x1000)));
        check(0xffff_ffff_8200_1000, None);
        check(0xffff_ffff_c000_0010, Some(("mod_a_f", 0x10, Some("mod_a"), 0x20)));
        check(0xffff_ffff_c000_0fff, Some(("mod_a_g", 0xfdf, Some("mod_a"), 0xfe0)));
        check(0xffff_ffff_c000_1004, Some(("mod_b_f", 4, Some("mod_b"), 0x1000)));
        check(0xffff_ffff_c000_2000, None);
        check(u64::MAX, None);
    }

    #[test]
    fn finds_names() {
        let symbols = parse(TEXT).unwrap();
        assert_eq!(symbols.len(), 9);
        assert_eq!(
            symbols.by_name("mod_a_g"),
            Some(Symbol { name: "mod_a_g", address: 0xffff_ffff_c000_0020, module: Some("mod_a"), letter: 't' })
        );
        assert_eq!(symbols.by_name("do_one").map(|symbol| symbol.address), Some(0xffff_ffff_8100_0040));
        assert_eq!(symbols.by_name("do"), None);
        assert_eq!(symbols.iter().last().map(|symbol| symbol.name), Some("mod_b_f"));
    }

    #[test]
    fn hidden_addresses_are_an_error() {
        let error = parse("0000000000000000 T _stext\n0000000000000000 T _text\n").unwrap_err();
        insta::assert_snapshot!(error, @"the addresses of kernel symbols are hidden (/proc/kallsyms shows only zeros): run as root, and with kernel.kptr_restrict (sysctl) at 0 or 1");
    }

    #[test]
    fn malformed_lines_are_errors() {
        for text in [
            "hello\n",
            "ffffffff81000000\n",
            "ffffffff81000000 T \n",
            "ffffffff81000000 T name junk\n",
            "fffffffff81000000 T name\n",
            "ffffffff81000000 T name\t[open\n",
            "ffffffff81000000 T name\t",
            "\n",
        ] {
            assert!(matches!(parse(text), Err(KernelError::Malformed { line: 1, .. })), "{text:?}");
        }
        assert!(matches!(parse("10 T a\nx\n"), Err(KernelError::Malformed { line: 2, .. })));
        assert!(parse("10 T a").is_ok());
    }

    #[test]
    fn a_change_of_any_byte_gives_symbols_or_an_error() {
        for at in 0..TEXT.len() {
            for byte in [0, b'\n', b'\t', b' ', b'[', b']', b'f', 0xff] {
                let mut text = TEXT.as_bytes().to_vec();
                text[at] = byte;
                if let Ok(symbols) = Symbols::parse(text, Path::new("changed")) {
                    for symbol in symbols.iter() {
                        symbols.resolve(symbol.address.wrapping_add(1));
                    }
                }
            }
        }
    }
}
