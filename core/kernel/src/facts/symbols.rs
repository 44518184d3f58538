//! Symbols in a facts file: three columns, which pack better than lines do.
//!
//! How many there are (u32); their names, each with a NUL behind it, and behind the name of a module's symbol a tab and the module's;
//! a letter for each; the distance of each address from that before, seven bits to a byte, the lowest first. Must give back every
//! symbol as it was.

use crate::symbols::Symbol;
use crate::{KernelError, Symbols};
use std::path::Path;

/// The columns of symbols, which are in the order of their addresses.
pub(super) fn pack(symbols: &Symbols) -> Vec<u8> {
    let (mut names, mut letters, mut distances) = (vec![], vec![], vec![]);
    let (mut count, mut last) = (0u32, 0);
    for Symbol { name, address, module, letter } in symbols.iter() {
        names.extend_from_slice(name.as_bytes());
        if let Some(module) = module {
            names.push(b'\t');
            names.extend_from_slice(module.as_bytes());
        }
        names.push(0);
        letters.push(letter as u8);
        let mut distance = address.wrapping_sub(last);
        last = address;
        while distance >= 0x80 {
            distances.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        distances.push(distance as u8);
        count += 1;
    }
    [count.to_le_bytes().as_slice(), &names, &letters, &distances].concat()
}

/// The symbols of such columns.
pub(super) fn unpack(bytes: &[u8], file: &Path) -> Result<Symbols, KernelError> {
    let lines = lines(bytes).ok_or_else(|| KernelError::damaged(file, "the part `symbols` does not fit together"))?;
    Symbols::parse(lines, file)
}

/// The same in the form of `/proc/kallsyms`.
fn lines(bytes: &[u8]) -> Option<Vec<u8>> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    // Each takes a name of at least a byte with its NUL, a letter, and a distance.
    if count > rest.len() / 4 {
        return None;
    }
    let mut names = rest.split(|byte| *byte == 0);
    let names: Vec<&[u8]> = names.by_ref().take(count).collect();
    let used: usize = names.iter().map(|name| name.len() + 1).sum();
    let (letters, mut distances) = rest.get(used..)?.split_at_checked(count)?;
    let mut text = Vec::with_capacity(used + 20 * count);
    let mut address = 0u64;
    for (name, letter) in names.iter().zip(letters) {
        let mut distance = 0u64;
        for shift in (0..).step_by(7) {
            let (byte, after) = distances.split_first()?;
            distances = after;
            distance |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                break;
            }
        }
        address = address.wrapping_add(distance);
        let (name, module) = match name.iter().position(|byte| *byte == b'\t') {
            Some(tab) => (&name[..tab], Some(&name[tab + 1..])),
            None => (*name, None),
        };
        let is_plain = |text: &[u8]| !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic());
        if !is_plain(name) || !module.is_none_or(is_plain) || !letter.is_ascii_graphic() {
            return None;
        }
        push_hex(&mut text, address);
        text.extend_from_slice(&[b' ', *letter, b' ']);
        text.extend_from_slice(name);
        if let Some(module) = module {
            text.extend_from_slice(b"\t[");
            text.extend_from_slice(module);
            text.push(b']');
        }
        text.push(b'\n');
    }
    distances.is_empty().then_some(text)
}

fn push_hex(text: &mut Vec<u8>, number: u64) {
    text.extend((0..16).rev().map(|nth| b"0123456789abcdef"[(number >> (4 * nth)) as usize & 15]));
}
