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
    /// At most that many bytes of text, or at least that many digits.
    pub precision: Extent,
}

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
        }
    }

    /// How many operands it takes: itself, and one for each `*`.
    pub fn operands(&self) -> usize {
        1 + usize::from(self.width == Extent::Operand) + usize::from(self.precision == Extent::Operand)
    }
}
