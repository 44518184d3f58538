//! The operands of a static probe: where its arguments are when it is hit.
//!
//! `-4@-20(%rbp)` is a signed number of four bytes in memory; operands are as GNU as writes them for x86-64. Must never
//! guess: what is not understood is `None`, and the other arguments keep their numbers.

/// Where an argument is, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// How many bytes; 1, 2, 4 or 8.
    pub size: u8,
    /// Whether it is signed.
    pub signed: bool,
    /// Where it is.
    pub place: Place,
}

/// Where an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is this number.
    Constant(i64),
    /// In this register, its number in `struct pt_regs`, from this byte of it on.
    Register(u32, u8),
    /// In memory: `base + index * scale + displacement`, registers as above.
    Memory {
        /// Bytes from the rest.
        displacement: i64,
        /// A register.
        base: Option<u32>,
        /// A register and what it counts.
        index: Option<(u32, u8)>,
    },
}

/// The operands of a probe in order; those that are not understood are `None`.
pub type Operands = Vec<Option<Operand>>;

/// Takes operands apart.
pub fn parse(text: &str) -> Operands {
    words(text).into_iter().map(operand).collect()
}

/// Splits at blanks outside parentheses.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut depth, mut start) = (vec![], 0u32, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if byte == b' ' && depth == 0 {
            words.extend(start.take().and_then(|start| text.get(start..at)));
        } else if start.is_none() {
            start = Some(at);
        }
    }
    words.extend(start.and_then(|start| text.get(start..)));
    words
}

fn operand(word: &str) -> Option<Operand> {
    let (size, place) = match word.split_once('@') {
        Some((size, place)) => (size.parse::<i8>().ok()?, place),
        // Old headers left the size away.
        None => (8, word),
    };
    let bytes = size.unsigned_abs();
    matches!(bytes, 1 | 2 | 4 | 8).then_some(())?;
    Some(Operand { size: bytes, signed: size < 0, place: self::place(place)? })
}

fn place(text: &str) -> Option<Place> {
    if let Some(number) = text.strip_prefix('$') {
        return number_of(number).map(Place::Constant);
    }
    if let Some(name) = text.strip_prefix('%') {
        let (register, from) = register(name)?;
        return Some(Place::Register(register, from));
    }
    let (displacement, inside) = text.strip_suffix(')')?.split_once('(')?;
    let displacement = if displacement.is_empty() { 0 } else { number_of(displacement)? };
    let mut parts = inside.split(',').map(str::trim);
    let whole = |name: &str| register(name.strip_prefix('%')?).map(|(register, _)| register);
    let base = match parts.next()? {
        "" => None,
        // Relative to the instruction: only the linker knows.
        "%rip" => return None,
        name => Some(whole(name)?),
    };
    let index = match parts.next() {
        None => None,
        Some(name) => Some((whole(name)?, parts.next().map_or(Some(1), |scale| scale.parse().ok())?)),
    };
    Some(Place::Memory { displacement, base, index })
}

fn number_of(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<u64>().ok()?,
    };
    let value = magnitude.cast_signed();
    Some(if negative { value.wrapping_neg() } else { value })
}

/// The members of x86-64's `struct pt_regs` in order (arch/x86/include/asm/ptrace.h), by the names of their 64 bits.
const REGISTERS: [&str; 20] = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
    "rip", "cs", "eflags", "rsp",
];

/// A register by any of its names: its number in `struct pt_regs`, and the byte that the name begins at.
fn register(name: &str) -> Option<(u32, u8)> {
    let whole = |name: &str| REGISTERS.iter().position(|known| *known == name).map(|nth| nth as u32);
    if let Some(nth) = whole(name) {
        return Some((nth, 0));
    }
    // r8d, r8w, r8b
    if let Some(base) = name.strip_suffix(['d', 'w', 'b'])
        && base.starts_with('r')
    {
        return whole(base).map(|nth| (nth, 0));
    }
    // eax; then ax, and al; ah is the second byte.
    if let Some(rest) = name.strip_prefix('e') {
        return whole(&format!("r{rest}")).map(|nth| (nth, 0));
    }
    if let Some(nth) = whole(&format!("r{name}")) {
        return Some((nth, 0));
    }
    let (letter, half) = name.split_at_checked(name.len().checked_sub(1)?)?;
    let from = u8::from(half == "h");
    match (letter, half) {
        ("a" | "b" | "c" | "d", "l" | "h") => whole(&format!("r{letter}x")).map(|nth| (nth, from)),
        ("si" | "di" | "bp" | "sp", "l") => whole(&format!("r{letter}")).map(|nth| (nth, 0)),
        _ => None,
    }
}
