//! Records of the kernel side, taken apart by the site that wrote them; see [`systap_bpf::artifact::Site`] for their form.
//!
//! It must never trust a record: lengths that do not fit make it [`Malformed`], never a panic or a wrong read.

use systap_bpf::artifact::Field;

/// A record that does not have the form of its site: a defect of systap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of {bytes} bytes does not have the form of its site")]
pub struct Malformed {
    /// Its length.
    pub bytes: usize,
}

/// What a field holds; bytes are borrowed from the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'r> {
    /// A number.
    Long(i64),
    /// A string, without NULs at its end.
    Text(&'r [u8]),
    /// A stack; none where the kernel could not walk it.
    Stack(Words<'r>),
    /// An error that was caught: the site that would have reported it, and what its record would carry.
    Caught {
        /// The number of the site.
        site: u32,
        /// The long, or 0.
        value: i64,
    },
    /// A system call.
    Syscall(Syscall<'r>),
}

/// Words of a record, which may lie unaligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words<'r>(&'r [u8]);

/// A system call: its number, its arguments, and the strings that they point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall<'r> {
    fixed: Words<'r>,
    tails: &'r [u8],
}

/// Arguments that a system call can have.
pub const ARGUMENTS: usize = 6;

const WORD: usize = 8;

impl<'r> Words<'r> {
    /// The word at `index`; 0 past the end.
    pub fn get(self, index: usize) -> i64 {
        crate::slots::long_at(self.0, index)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = u64> + use<'r> {
        self.0.chunks_exact(WORD).map(|word| word.try_into().map_or(0, u64::from_ne_bytes))
    }
}

impl<'r> Syscall<'r> {
    /// Its number.
    pub fn number(self) -> i64 {
        self.fixed.get(0)
    }

    /// Its arguments as they were in the registers.
    pub fn arguments(self) -> [u64; ARGUMENTS] {
        std::array::from_fn(|index| self.fixed.get(1 + index).cast_unsigned())
    }

    /// For each argument that points to a string: the string.
    pub fn strings(self) -> [Option<&'r [u8]>; ARGUMENTS] {
        let mut tails = self.tails;
        std::array::from_fn(|index| {
            let length = usize::try_from(self.fixed.get(1 + ARGUMENTS + index)).ok()?;
            let (text, rest) = take_tail(tails, length)?;
            tails = rest;
            Some(crate::slots::until_nul(text))
        })
    }
}

/// The site and the CPU that a record begins with, and the rest of it.
///
/// # Errors
/// Where it is too short for that.
pub fn header(record: &[u8]) -> Result<(u32, u32, &[u8]), Malformed> {
    let malformed = Malformed { bytes: record.len() };
    let (site, rest) = record.split_first_chunk().ok_or(malformed)?;
    let (cpu, rest) = rest.split_first_chunk().ok_or(malformed)?;
    Ok((u32::from_ne_bytes(*site), u32::from_ne_bytes(*cpu), rest))
}

/// The fields of a record, in order; `body` is what [`header`] leaves.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'r, 's> {
    fields: &'s [Field],
    fixed: &'r [u8],
    tails: &'r [u8],
    bytes: usize,
}

/// The bytes of a field's fixed part.
fn fixed_size(field: &Field) -> usize {
    match field {
        Field::Long | Field::Text | Field::Stack => WORD,
        Field::ShortText(size) => *size as usize,
        Field::Caught => 2 * WORD,
        Field::SyscallArguments => WORD * (1 + 2 * ARGUMENTS),
    }
}

impl<'r, 's> Fields<'r, 's> {
    /// Those of a record with this body.
    ///
    /// # Errors
    /// Where the body is shorter than the fixed parts.
    pub fn new(body: &'r [u8], fields: &'s [Field]) -> Result<Self, Malformed> {
        let malformed = Malformed { bytes: body.len() + 2 * size_of::<u32>() };
        let size = fields.iter().fold(0usize, |sum, field| sum.saturating_add(fixed_size(field)));
        let (fixed, tails) = body.split_at_checked(size).ok_or(malformed)?;
        Ok(Fields { fields, fixed, tails, bytes: malformed.bytes })
    }

    fn take(&mut self, field: &Field) -> Option<Value<'r>> {
        let (fixed, rest) = self.fixed.split_at_checked(fixed_size(field))?;
        self.fixed = rest;
        let word = crate::slots::long_at(fixed, 0);
        Some(match field {
            Field::Long => Value::Long(word),
            Field::ShortText(_) => Value::Text(crate::slots::until_nul(fixed)),
            Field::Text => Value::Text(self.tail(usize::try_from(word).ok()?)?),
            Field::Caught => Value::Caught { site: u32::try_from(word).ok()?, value: crate::slots::long_at(fixed, 1) },
            // A negative length is the error of the walk: there is no stack to show.
            Field::Stack => Value::Stack(Words(self.tail(usize::try_from(word).unwrap_or(0))?)),
            Field::SyscallArguments => {
                let (fixed, tails) = (Words(fixed), self.tails);
                for index in 0..ARGUMENTS {
                    if let Ok(length) = usize::try_from(fixed.get(1 + ARGUMENTS + index)) {
                        self.tail(length)?;
                    }
                }
                Value::Syscall(Syscall { fixed, tails })
            }
        })
    }

    fn tail(&mut self, length: usize) -> Option<&'r [u8]> {
        let (tail, rest) = take_tail(self.tails, length)?;
        self.tails = rest;
        Some(tail)
    }
}

impl<'r> Iterator for Fields<'r, '_> {
    type Item = Result<Value<'r>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let (field, rest) = self.fields.split_first()?;
        self.fields = rest;
        Some(self.take(field).ok_or(Malformed { bytes: self.bytes }))
    }
}

/// A tail of `length` bytes, and what comes after its padding (which the very last tail may lack).
fn take_tail(tails: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (tail, _) = tails.split_at_checked(length)?;
    Some((tail, tails.get(length.next_multiple_of(WORD)..).unwrap_or_default()))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
