//! The globals as the interpreter sees them, wherever they live. Implementations must never format, report or decide
//! what an error means: they say that there is no room, and the interpreter says where.

use systap_ir::program::GlobalId;
use thiserror::Error;

use super::aggregate::Aggregate;
use super::datum::Datum;

/// Why a global could not be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The array has as many entries as it may have, and does not wrap.
    #[error("the array is full")]
    Full,
    /// The kernel refused, with this error number (positive, as in `errno`).
    #[error("the kernel refused: error {0}")]
    Refused(i32),
}

/// What an entry of an array holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A number or a string.
    Value(Datum),
    /// An aggregate.
    Aggregate(Aggregate),
}

/// The globals. Which operation fits which global is settled when the program is typed; a store may take it for
/// granted, and answers what does not fit with [`StoreError::Refused`] of `EINVAL`.
pub trait Store {
    /// A handler begins: what it reads from now on is what it knows.
    fn start(&mut self) {}

    /// A scalar.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn get(&mut self, global: GlobalId) -> Result<Datum, StoreError>;

    /// Sets a scalar.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn set(&mut self, global: GlobalId, value: Datum) -> Result<(), StoreError>;

    /// Adds to a scalar, atomically where the kernel side can see it, wrapping; gives the new value.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn add(&mut self, global: GlobalId, by: i64) -> Result<i64, StoreError>;

    /// Empties an array or aggregate; sets a scalar to 0 or "".
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn clear(&mut self, global: GlobalId) -> Result<(), StoreError>;

    /// An element, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn element_get(&mut self, global: GlobalId, keys: &[Datum]) -> Result<Option<Datum>, StoreError>;

    /// Sets an element, making it if need be; where the array wraps and is full, the oldest entry goes.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Refused`]
    fn element_set(&mut self, global: GlobalId, keys: &[Datum], value: Datum) -> Result<(), StoreError>;

    /// Adds to an element, wrapping, making it from 0 if need be; gives the new value.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Refused`]
    fn element_add(&mut self, global: GlobalId, keys: &[Datum], by: i64) -> Result<i64, StoreError>;

    /// Removes an element, a value or an aggregate, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn element_delete(&mut self, global: GlobalId, keys: &[Datum]) -> Result<(), StoreError>;

    /// Is there such an element?
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn contains(&mut self, global: GlobalId, keys: &[Datum]) -> Result<bool, StoreError>;

    /// Puts a value into an aggregate; without keys, a scalar one.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Refused`]
    fn accumulate(&mut self, global: GlobalId, keys: &[Datum], value: i64) -> Result<(), StoreError>;

    /// An aggregate, merged over CPUs; without keys, a scalar one. `None`: no such element.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn aggregate(&mut self, global: GlobalId, keys: &[Datum]) -> Result<Option<Aggregate>, StoreError>;

    /// Every entry of an array as it is now: keys and what they lead to, in the array's own order.
    ///
    /// # Errors
    /// [`StoreError::Refused`]
    fn entries(&mut self, global: GlobalId) -> Result<Vec<(Vec<Datum>, Entry)>, StoreError>;
}
