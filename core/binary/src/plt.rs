//! The stubs by which a program calls functions of its libraries (`.plt` and its kin), on x86-64.
//!
//! Each jumps through a word that the dynamic linker fills: the relocation of that word tells the function's name. Must
//! never depend on how the linker numbered the stubs: that differs with lazy binding and with indirect branch tracking.

use object::{Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationTarget};
use std::collections::HashMap;

/// A stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// The function that it calls.
    pub name: String,
    /// Where it is in the file.
    pub offset: u64,
}

/// `jmp *disp32(%rip)`
const JUMP: [u8; 2] = [0xff, 0x25];

pub(crate) fn stubs(object: &object::File<'_>, offset_of: impl Fn(u64) -> Option<u64>) -> Vec<Stub> {
    let mut names: HashMap<u64, String> = HashMap::new();
    let table = object.dynamic_symbol_table();
    for (place, relocation) in object.dynamic_relocations().into_iter().flatten() {
        let RelocationTarget::Symbol(index) = relocation.target() else { continue };
        let name = table.as_ref().and_then(|table| table.symbol_by_index(index).ok()?.name().ok());
        names.extend(name.filter(|name| !name.is_empty()).map(|name| (place, name.to_string())));
    }
    let mut stubs = vec![];
    for section in [".plt", ".plt.sec", ".plt.got"].iter().filter_map(|name| object.section_by_name(name)) {
        let Ok(code) = section.data() else { continue };
        // Stubs have 16 bytes, but those of `.plt.got` without branch tracking have 8.
        let marked = code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]);
        let size = if section.name() == Ok(".plt.got") && !marked { 8 } else { 16 };
        for (nth, stub) in code.chunks_exact(size).enumerate() {
            let Some(jump) = stub.windows(2).position(|pair| pair == JUMP) else { continue };
            let Some(Ok(displacement)) = stub.get(jump + 2..jump + 6).map(<[u8; 4]>::try_from) else { continue };
            let start = section.address().wrapping_add((nth * size) as u64);
            let after = start.wrapping_add(jump as u64 + 6);
            let word = after.wrapping_add_signed(i64::from(i32::from_le_bytes(displacement)));
            if let (Some(name), Some(offset)) = (names.get(&word), offset_of(start)) {
                stubs.push(Stub { name: name.clone(), offset });
            }
        }
    }
    stubs
}
