//! What `printf` and its family are to write: literal text and conversions, parsed once at translation.
//!
//! What is printed is made on the user side (the runtime), never in the kernel; a string that `sprintf` gives is made by the side
//! that runs it, to the same bytes.

/// A parsed format: pieces in order; each conversion takes the next operand or operands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Format {
    /// The pieces.
    pub pieces: Vec<Piece>,
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Bytes to write as they are.
    Text(Vec<u8>),
    /// An operand to write.
    Conversion(Conversion),
    /// What follows, up to the [`Piece::Close`] that belongs to it, is one string of the script.
    Open,
    /// That string ends: it has at most so many bytes, and what is more is cut off.
    Close(u32),
}

/// How to write an operand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conversion {
    /// Which notation.
    pub kind: ConversionKind,
    /// `-`: pad on the right.
    pub left: bool,
    /// `0`: pad with zeros.
    pub zero: bool,
    /// `+`: a sign before positive numbers too.
    pub plus: bool,
    /// A space before positive numbers.
    pub space: bool,
    /// `#`: prefixes for numbers, escapes for text, user memory for `%m` and `%M`.
    pub alternate: bool,
    /// At least that many bytes.
    pub width: Extent,
    /// At most that many bytes of text, at least that many digits, or so many bytes of memory.
    pub precision: Extent,
    /// Of `%m` and `%M`: how many whole words of the memory travel as operands; see [`Conversion::operands`].
    pub words: u32,
}

/// The operands of `%m` and `%M` behind the whole words: what is left of the memory, in 4, 2 and 1 bytes as the bits of its
/// length say.
pub const MEMORY_REST: [u32; 3] = [4, 2, 1];

/// A width or precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Not given.
    #[default]
    None,
    /// Given as digits.
    Fixed(u32),
    /// `*`: the next operand, a long, before the one that is written.
    Operand,
}

/// Notations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConversionKind {
    /// `%d`, `%i`
    Signed,
    /// `%u`
    Unsigned,
    /// `%o`
    Octal,
    /// `%x`
    Hex,
    /// `%X`
    HexUpper,
    /// `%p`
    Pointer,
    /// `%c`
    Character,
    /// `%s`
    Text,
    /// `%b`
    Binary,
    /// `%m`
    Memory,
    /// `%M`
    MemoryHex,
}

impl Format {
    /// A conversion reads memory, which may be unreadable.
    pub fn reads_memory(&self) -> bool {
        let reads = |kind| matches!(kind, ConversionKind::Memory | ConversionKind::MemoryHex);
        self.pieces.iter().any(|piece| matches!(piece, Piece::Conversion(conversion) if reads(conversion.kind)))
    }
}

impl Conversion {
    /// A conversion of this kind without flags, width or precision.
    pub fn plain(kind: ConversionKind) -> Self {
        Conversion {
            kind,
            left: false,
            zero: false,
            plus: false,
            space: false,
            alternate: false,
            width: Extent::None,
            precision: Extent::None,
            words: 0,
        }
    }

    /// How many `*` it has.
    pub fn stars(&self) -> usize {
        usize::from(self.width == Extent::Operand) + usize::from(self.precision == Extent::Operand)
    }

    /// How many operands it takes: one for each `*`, then itself. Behind the address of `%m` and `%M` come the bytes at it, which
    /// must be read when the probe is hit: [`Conversion::words`] longs of 8 bytes each, and [`MEMORY_REST`], each in the low
    /// bytes of a long.
    pub fn operands(&self) -> usize {
        let memory = matches!(self.kind, ConversionKind::Memory | ConversionKind::MemoryHex);
        1 + self.stars() + if memory { self.words as usize + MEMORY_REST.len() } else { 0 }
    }
}
