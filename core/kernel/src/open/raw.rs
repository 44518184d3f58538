//! A raw image, as the boot loaders of ARM and RISC-V take it: bytes as they will lie in memory, behind a header of 64 bytes.
//!
//! Nothing says where its types are, so they are found by how they begin, and believed if they are whole. The header is that of
//! `Documentation/arch/arm64/booting.rst` and `Documentation/arch/riscv/boot-image-header.rst`; that of an image which unpacks itself is
//! in `drivers/firmware/efi/libstub/zboot-header.S`. Must never take a piece of types for all of them.

use super::elf::{self, Layout};
use super::kallsyms;
use crate::{Arch, Btf};
use std::ops::Range;

/// The magic of each architecture, 56 bytes from the start.
const MAGICS: [(&[u8; 4], Arch); 2] = [(b"ARM\x64", Arch::Aarch64), (b"RSC\x05", Arch::Riscv64)];

/// How types begin: magic, version 1, no flags, and the length of the header, in little-endian order.
const TYPES: [u8; 8] = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];

/// The architecture of a raw image; `None` if these bytes are none.
pub(super) fn arch(bytes: &[u8]) -> Option<Arch> {
    let magic = bytes.get(56..60)?;
    MAGICS.iter().find(|(known, _)| *known == magic).map(|(_, arch)| *arch)
}

/// What an image that unpacks itself has packed; `None` if these bytes are none, or end before it does.
pub(super) fn packed(bytes: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    if !bytes.starts_with(b"MZ") || bytes.get(4..8) != Some(b"zimg") {
        return None;
    }
    let (start, len) = (word(8)?, word(12)?);
    bytes.get(start..start.checked_add(len)?)
}

/// Where things are in a raw image.
pub(super) fn layout(bytes: &[u8], arch: Arch) -> Layout {
    // The first symbol of the image is where it will lie; only what is read through pointers needs it.
    let text = kallsyms::symbols(bytes).and_then(|rows| rows.iter().find(|row| row.2 == "_text").map(|row| row.0));
    let segments =
        text.and_then(|start| Some((start..start.checked_add(bytes.len() as u64)?, 0))).into_iter().collect();
    Layout { arch, btf: types(bytes), segments, has_symbols: false }
}

/// The types, if there are any.
fn types(bytes: &[u8]) -> Option<Range<usize>> {
    let mut from = 0;
    loop {
        let at = from + elf::find(bytes.get(from..)?, &TYPES)?;
        let rest = &bytes[at..];
        let word = |at: usize| Some(u32::from_le_bytes(*rest.get(at..)?.first_chunk()?) as usize);
        // The strings come last.
        let len = word(16).zip(word(20)).and_then(|(strings, len)| strings.checked_add(len)?.checked_add(24));
        if let Some(whole) = len.and_then(|len| rest.get(..len))
            && Btf::from_bytes(whole.to_vec()).is_ok_and(|btf| btf.type_count().is_ok())
        {
            return Some(at..at + whole.len());
        }
        from = at + TYPES.len();
    }
}
