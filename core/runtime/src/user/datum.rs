//! A value of the language at run time. It must never hold anything but a long or a string.

use std::rc::Rc;

use systap_ir::program::{Constant, Type};

/// A string of the language: bytes, not necessarily UTF-8, cheap to clone.
pub type Text = Rc<[u8]>;

/// A value. Longs order numerically, strings bytewise; longs come before strings (one place never holds both).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    /// A number.
    Long(i64),
    /// A string.
    Text(Text),
}

impl Datum {
    /// A string of these bytes.
    pub fn text(bytes: &[u8]) -> Datum {
        Datum::Text(Rc::from(bytes))
    }

    /// What a variable of this type holds before anything is put into it: 0 or "".
    pub fn zero(ty: Type) -> Datum {
        match ty {
            Type::Long => Datum::Long(0),
            Type::Text => Datum::text(b""),
        }
    }

    /// The number; of a string, 0.
    pub fn long(&self) -> i64 {
        match self {
            Datum::Long(long) => *long,
            Datum::Text(_) => 0,
        }
    }

    /// The string's bytes; of a number, none.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Datum::Long(_) => &[],
            Datum::Text(text) => text,
        }
    }

    /// Its type.
    pub fn ty(&self) -> Type {
        match self {
            Datum::Long(_) => Type::Long,
            Datum::Text(_) => Type::Text,
        }
    }
}

impl From<i64> for Datum {
    fn from(long: i64) -> Datum {
        Datum::Long(long)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Datum {
        Datum::text(text.as_bytes())
    }
}

impl From<&Constant> for Datum {
    fn from(constant: &Constant) -> Datum {
        match constant {
            Constant::Long(long) => Datum::Long(*long),
            Constant::Text(bytes) => Datum::text(bytes),
        }
    }
}
