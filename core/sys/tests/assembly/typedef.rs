//! The id of a typedef in the kernel's BTF, found the slow way, for tests that load typed programs.
//!
//! It must never be used outside tests: `systap-kernel` reads BTF.

use std::path::Path;

use systap_sys::MappedFile;

/// The id of `typedef NAME`, or nothing where the kernel has no BTF or not this type.
pub(crate) fn typedef_id(name: &str) -> Option<u32> {
    let btf = MappedFile::open(Path::new("/sys/kernel/btf/vmlinux")).ok()?;
    let word = |offset: usize| u32::from_ne_bytes(btf[offset..offset + 4].try_into().unwrap());
    let header = word(4) as usize;
    let (types, types_len) = (header + word(8) as usize, word(12) as usize);
    let strings = header + word(16) as usize;
    let (mut at, mut id) = (types, 1);
    while at < types + types_len {
        let (name_at, info) = (word(at), word(at + 4));
        let (kind, count) = (info >> 24 & 31, (info & 0xffff) as usize);
        let this = strings + name_at as usize;
        if kind == 8 && btf[this..].starts_with(name.as_bytes()) && btf[this + name.len()] == 0 {
            return Some(id);
        }
        // What follows the 12 bytes of each kind (linux/btf.h): structs and unions 12 a member, and so on.
        at += 12
            + match kind {
                1 | 14 | 17 => 4,
                3 => 12,
                4 | 5 | 15 | 19 => 12 * count,
                6 | 13 => 8 * count,
                _ => 0,
            };
        id += 1;
    }
    None
}
