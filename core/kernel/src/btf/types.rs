//! The vocabulary of BTF: kinds, type ids, and one type decoded.
//!
//! Must never follow a reference from one type to another: that is for those who ask (`resolve`, `members`, ...).
//! The layout of records is a fact of the kernel's `Documentation/bpf/btf.rst` and `include/uapi/linux/btf.h`.

use std::fmt;

/// The number of a type within its BTF: 0 is `void`, the first record is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`, which has no record.
    pub const VOID: TypeId = TypeId(0);
}

/// The kind of a type, numbered as the kernel does (`BTF_KIND_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// `void`.
    Void = 0,
    /// An integer, `char` and `_Bool` included.
    Int = 1,
    /// A pointer.
    Ptr = 2,
    /// An array of known length.
    Array = 3,
    /// A struct with its members.
    Struct = 4,
    /// A union with its members.
    Union = 5,
    /// An enumeration of at most 32 bits.
    Enum = 6,
    /// A struct or union that is declared but not defined.
    Fwd = 7,
    /// A typedef.
    Typedef = 8,
    /// `volatile`.
    Volatile = 9,
    /// `const`.
    Const = 10,
    /// `restrict`.
    Restrict = 11,
    /// A function by name; what it takes is in its prototype.
    Func = 12,
    /// A prototype.
    FuncProto = 13,
    /// A global variable.
    Var = 14,
    /// A section of global variables.
    Datasec = 15,
    /// A floating-point number.
    Float = 16,
    /// An attribute of a declaration.
    DeclTag = 17,
    /// An attribute of a type (`__user`, `__rcu`, `__percpu`).
    TypeTag = 18,
    /// An enumeration of 64 bits.
    Enum64 = 19,
}

/// How many kinds there are; kinds are the numbers below it.
pub(super) const KINDS: usize = 20;

impl Kind {
    /// The kind with the kernel's number `number`.
    pub(crate) fn from_number(number: u8) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; KINDS] = [
            Void, Int, Ptr, Array, Struct, Union, Enum, Fwd, Typedef, Volatile, Const, Restrict, Func, FuncProto, Var,
            Datasec, Float, DeclTag, TypeTag, Enum64,
        ];
        ALL.get(usize::from(number)).copied()
    }

    /// The kind in the words of C, for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Void => "void",
            Kind::Int => "integer",
            Kind::Ptr => "pointer",
            Kind::Array => "array",
            Kind::Struct => "struct",
            Kind::Union => "union",
            Kind::Enum | Kind::Enum64 => "enum",
            Kind::Fwd => "forward declaration",
            Kind::Typedef => "typedef",
            Kind::Volatile => "volatile type",
            Kind::Const => "const type",
            Kind::Restrict => "restrict type",
            Kind::Func => "function",
            Kind::FuncProto => "prototype",
            Kind::Var => "variable",
            Kind::Datasec => "data section",
            Kind::Float => "floating-point type",
            Kind::DeclTag => "declaration tag",
            Kind::TypeTag => "type tag",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One type, decoded. Sizes are in bytes. A name is empty where the C source gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type<'a> {
    /// `void`.
    Void,
    /// An integer.
    Int {
        /// Its name, such as `unsigned int`.
        name: &'a str,
        /// Bytes that it takes in memory.
        size: u32,
        /// Bits that hold the value; less than `size * 8` only for bit fields in the BTF of old compilers.
        bits: u8,
        /// The first of those bits.
        bit_offset: u8,
        /// Whether the value has a sign.
        signed: bool,
        /// Whether it is a character: by the encoding, or by its name, since gcc and clang leave the encoding unset.
        is_char: bool,
        /// Whether it is `_Bool`.
        is_bool: bool,
    },
    /// A pointer to that type.
    Ptr(TypeId),
    /// An array.
    Array {
        /// The type of an element.
        element: TypeId,
        /// How many there are; 0 for a flexible array member.
        len: u32,
    },
    /// A struct. Its members: [`Btf::members`](super::Btf::members).
    Struct {
        /// Its tag.
        name: &'a str,
        /// Bytes.
        size: u32,
        /// How many members it has, an anonymous one counted as one.
        members: u16,
    },
    /// A union. Its members: [`Btf::members`](super::Btf::members).
    Union {
        /// Its tag.
        name: &'a str,
        /// Bytes.
        size: u32,
        /// How many members it has, an anonymous one counted as one.
        members: u16,
    },
    /// An enumeration. Its values: [`Btf::enumerators`](super::Btf::enumerators).
    Enum {
        /// Its tag.
        name: &'a str,
        /// Bytes.
        size: u32,
        /// Whether its values have a sign; kernels before 6.0 do not say, and then it is `false`.
        signed: bool,
    },
    /// An enumeration with values of 64 bits.
    Enum64 {
        /// Its tag.
        name: &'a str,
        /// Bytes.
        size: u32,
        /// Whether its values have a sign.
        signed: bool,
    },
    /// A struct or union that is declared only.
    Fwd {
        /// Its tag.
        name: &'a str,
        /// A union rather than a struct.
        is_union: bool,
    },
    /// A typedef.
    Typedef {
        /// The name that it defines.
        name: &'a str,
        /// What the name stands for.
        ty: TypeId,
    },
    /// `volatile`.
    Volatile(TypeId),
    /// `const`.
    Const(TypeId),
    /// `restrict`.
    Restrict(TypeId),
    /// An attribute of a type.
    TypeTag {
        /// The attribute: `user`, `rcu`, `percpu`.
        tag: &'a str,
        /// The type that carries it.
        ty: TypeId,
    },
    /// A function.
    Func {
        /// Its name.
        name: &'a str,
        /// Its prototype.
        proto: TypeId,
    },
    /// A prototype. Its parameters: [`Btf::params`](super::Btf::params).
    FuncProto {
        /// What it returns.
        ret: TypeId,
        /// How many parameters it has; a trailing `...` counts as one.
        params: u16,
    },
    /// A global variable.
    Var {
        /// Its name.
        name: &'a str,
        /// Its type.
        ty: TypeId,
    },
    /// A section of global variables.
    Datasec {
        /// The section's name, such as `.data..percpu`.
        name: &'a str,
        /// Bytes.
        size: u32,
    },
    /// A floating-point number.
    Float {
        /// Its name.
        name: &'a str,
        /// Bytes.
        size: u32,
    },
    /// An attribute of a declaration.
    DeclTag {
        /// The attribute.
        tag: &'a str,
        /// What is declared.
        ty: TypeId,
        /// The member or parameter that carries it, counted from 0; -1 for the whole.
        component: i32,
    },
}

impl Type<'_> {
    /// The type's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Type::Void => Kind::Void,
            Type::Int { .. } => Kind::Int,
            Type::Ptr(_) => Kind::Ptr,
            Type::Array { .. } => Kind::Array,
            Type::Struct { .. } => Kind::Struct,
            Type::Union { .. } => Kind::Union,
            Type::Enum { .. } => Kind::Enum,
            Type::Enum64 { .. } => Kind::Enum64,
            Type::Fwd { .. } => Kind::Fwd,
            Type::Typedef { .. } => Kind::Typedef,
            Type::Volatile(_) => Kind::Volatile,
            Type::Const(_) => Kind::Const,
            Type::Restrict(_) => Kind::Restrict,
            Type::TypeTag { .. } => Kind::TypeTag,
            Type::Func { .. } => Kind::Func,
            Type::FuncProto { .. } => Kind::FuncProto,
            Type::Var { .. } => Kind::Var,
            Type::Datasec { .. } => Kind::Datasec,
            Type::Float { .. } => Kind::Float,
            Type::DeclTag { .. } => Kind::DeclTag,
        }
    }
}

/// One parameter of a prototype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtoParam<'a> {
    /// Its name; empty where the prototype gives none, and for a trailing `...`.
    pub name: &'a str,
    /// Its type; `void` for a trailing `...`.
    pub ty: TypeId,
}

/// One value of an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enumerator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; one above `i64::MAX` is given as its two's complement.
    pub value: i64,
}
