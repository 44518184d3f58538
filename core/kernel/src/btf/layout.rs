//! What a type is underneath its typedefs and qualifiers, and how many bytes it takes.
//!
//! Must never follow references further than a C program can nest them: a damaged blob may hold rings.

use super::{Btf, BtfError, Type, TypeId};

/// How many typedefs, qualifiers and array dimensions may stand between a type and what it is in the end.
pub(super) const MOST_STEPS: usize = 64;

/// Bytes of a pointer. BTF does not say; every kernel with BTF that systap runs on has 64 bits.
const POINTER: u64 = 8;

impl Btf {
    /// The type behind typedefs, `const`, `volatile`, `restrict` and type tags.
    pub fn resolve(&self, id: TypeId) -> Result<TypeId, BtfError> {
        let mut at = id;
        for _ in 0..MOST_STEPS {
            match self.get(at)? {
                Type::Typedef { ty, .. }
                | Type::Volatile(ty)
                | Type::Const(ty)
                | Type::Restrict(ty)
                | Type::TypeTag { ty, .. } => at = ty,
                _ => return Ok(at),
            }
        }
        Err(BtfError::TooDeep(id))
    }

    /// The type behind typedefs and qualifiers, decoded, with its id.
    pub fn get_resolved(&self, id: TypeId) -> Result<(TypeId, Type<'_>), BtfError> {
        let id = self.resolve(id)?;
        Ok((id, self.get(id)?))
    }

    /// How many bytes a value of the type takes.
    pub fn size_of(&self, id: TypeId) -> Result<u64, BtfError> {
        let mut at = id;
        let mut times = 1u64;
        for _ in 0..MOST_STEPS {
            let (resolved, ty) = self.get_resolved(at)?;
            let one = match ty {
                Type::Int { size, .. }
                | Type::Struct { size, .. }
                | Type::Union { size, .. }
                | Type::Enum { size, .. }
                | Type::Enum64 { size, .. }
                | Type::Datasec { size, .. }
                | Type::Float { size, .. } => u64::from(size),
                Type::Ptr(_) => POINTER,
                Type::Array { element, len } => {
                    times = times.checked_mul(u64::from(len)).ok_or(BtfError::Size(id))?;
                    at = element;
                    continue;
                }
                Type::Var { ty, .. } => {
                    at = ty;
                    continue;
                }
                _ => return Err(BtfError::Unsized(resolved)),
            };
            return times.checked_mul(one).ok_or(BtfError::Size(id));
        }
        Err(BtfError::TooDeep(id))
    }
}
