//! Statically defined probes: the notes that `sys/sdt.h` leaves in a program.
//!
//! A note's description is three addresses (the probe, the base that the linker knew, the semaphore) and three strings
//! (provider, name, operands); as SystemTap's wiki, "UserSpaceProbeImplementation", has it. Must never trust a length.

/// A probe that a program has where its author put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Who provides it.
    pub provider: String,
    /// Its name.
    pub name: String,
    /// Where it is in the file.
    pub offset: u64,
    /// Where in the file the counter is that says whether anyone traces; 0 if there is none.
    pub semaphore: u64,
    /// Where its arguments are, as the assembler wrote it: `-4@%edi 8@-8(%rbp)`.
    pub operands: String,
}

/// The type of such a note, and its owner.
const TYPE: u32 = 3;
const OWNER: &[u8] = b"stapsdt\0";

/// Reads the notes of a section; `base` is where `.stapsdt.base` is now.
pub(crate) fn read(mut data: &[u8], base: Option<u64>, offset_of: impl Fn(u64) -> Option<u64>) -> Vec<Mark> {
    let mut marks = vec![];
    while let Some((note, rest)) = note(data) {
        if note.owner == OWNER && note.kind == TYPE {
            marks.extend(mark(note.description, base, &offset_of));
        }
        data = rest;
    }
    marks
}

/// A note of an ELF file.
struct Note<'a> {
    owner: &'a [u8],
    kind: u32,
    description: &'a [u8],
}

/// The note at the start, and what follows.
fn note(data: &[u8]) -> Option<(Note<'_>, &[u8])> {
    let word = |at: usize| Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?));
    let (owner_len, len, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
    let description_at = owner_len.checked_next_multiple_of(4)?.checked_add(12)?;
    let end = description_at.checked_add(len)?;
    let owner = data.get(12..owner_len.checked_add(12)?)?;
    let description = data.get(description_at..end)?;
    let rest = data.get(end.checked_next_multiple_of(4)?..).unwrap_or_default();
    Some((Note { owner, kind, description }, rest))
}

fn mark(description: &[u8], base: Option<u64>, offset_of: &impl Fn(u64) -> Option<u64>) -> Option<Mark> {
    let address = |nth: usize| Some(u64::from_le_bytes(description.get(8 * nth..8 * nth + 8)?.try_into().ok()?));
    let (place, linked_base, semaphore) = (address(0)?, address(1)?, address(2)?);
    // Prelinking moves the code after the notes were written.
    let moved = base.map_or(0, |base| base.wrapping_sub(linked_base));
    let mut strings =
        description.get(24..)?.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let (provider, name, operands) = (strings.next()?, strings.next()?, strings.next()?);
    let semaphore = match semaphore {
        0 => 0,
        address => offset_of(address.wrapping_add(moved))?,
    };
    Some(Mark { provider, name, offset: offset_of(place.wrapping_add(moved))?, semaphore, operands })
}
