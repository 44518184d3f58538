//! Kernel stacks and addresses as text. It must never look a symbol up itself: whoever calls says what covers an
//! address.

use crate::user::Symbol;

/// The addresses in hexadecimal, separated by spaces, innermost first: what `backtrace()` gives.
pub fn hex(addresses: &[u64]) -> String {
    addresses.iter().map(|address| format!("{address:#x}")).collect::<Vec<_>>().join(" ")
}

/// The addresses in such a text; what is none is passed over.
pub fn parse(text: &[u8]) -> Vec<u64> {
    String::from_utf8_lossy(text)
        .split_ascii_whitespace()
        .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok())
        .collect()
}

/// A line ` 0xADDRESS : symbol+0xOFF/0xSIZE [module]` for each address, each ended by a newline.
pub fn lines(addresses: &[u64], mut symbol: impl FnMut(u64) -> Option<Symbol>) -> String {
    let line = |address: &u64| match symbol(*address) {
        Some(symbol) => format!(" {address:#x} : {}\n", place(*address, Some(&symbol))),
        None => format!(" {address:#x}\n"),
    };
    addresses.iter().map(line).collect()
}

/// `symbol+0xOFF/0xSIZE [module]`; the address in hexadecimal where no symbol covers it.
pub fn place(address: u64, symbol: Option<&Symbol>) -> String {
    let Some(Symbol { name, offset, size, module }) = symbol else { return format!("{address:#x}") };
    match module {
        Some(module) => format!("{name}+{offset:#x}/{size:#x} [{module}]"),
        None => format!("{name}+{offset:#x}/{size:#x}"),
    }
}

/// The symbol's name; the address in hexadecimal where none covers it.
pub fn name(address: u64, symbol: Option<&Symbol>) -> String {
    symbol.map_or_else(|| format!("{address:#x}"), |symbol| symbol.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(address: u64) -> Option<Symbol> {
        let module = (address >= 0xffff_ffff_c000_0000).then(|| "ext4".to_owned());
        (address > 0xffff).then(|| Symbol { name: "vfs_read".to_owned(), offset: 0x1c, size: 0x200, module })
    }

    #[test]
    fn a_stack() {
        let stack = [0xffff_ffff_8123_4567, 0xffff_ffff_c000_0010, 0x42];
        let text = hex(&stack);
        assert_eq!(text, "0xffffffff81234567 0xffffffffc0000010 0x42");
        assert_eq!(parse(text.as_bytes()), stack);
        assert_eq!(
            lines(&stack, symbol),
            " 0xffffffff81234567 : vfs_read+0x1c/0x200\n 0xffffffffc0000010 : vfs_read+0x1c/0x200 [ext4]\n 0x42\n"
        );
        assert_eq!(name(0x42, symbol(0x42).as_ref()), "0x42");
        assert_eq!(name(0x10000, symbol(0x10000).as_ref()), "vfs_read");
        assert_eq!(place(0x42, None), "0x42");
    }

    #[test]
    fn what_is_no_address_is_passed_over() {
        assert_eq!(parse(b" 0x10 nonsense ff\n\xff 0xfffffffffffffffff "), [0x10, 0xff]);
    }
}
