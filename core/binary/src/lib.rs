//! The facts of programs and libraries on disk: which functions they have and where in the file, their statically
//! defined probes, their calls into libraries.
//!
//! It reads files when it is asked about them, and never runs or changes one. Files are hostile: whatever their bytes,
//! there is an answer or a [`BinaryError`]. Addresses here are those of the file's own headers; offsets are in the file,
//! which is what the kernel wants for a probe.

mod error;
mod mark;
mod operand;
mod plt;
mod search;

pub use error::BinaryError;
pub use mark::Mark;
pub use operand::{Operand, Operands, Place, parse as operands};
pub use plt::Stub;
pub use search::Programs;

use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A program or library.
#[derive(Debug)]
pub struct Binary {
    path: PathBuf,
    bytes: Vec<u8>,
    functions: OnceCell<Vec<Function>>,
    device: u64,
    inode: u64,
}

/// A function that has code in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, without the version of a library's.
    pub name: String,
    /// Where it begins, by the file's own headers.
    pub address: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// Others can link to it.
    pub exported: bool,
}

impl Binary {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is not an ELF file of this machine's size of words.
    pub fn open(path: &Path) -> Result<Binary, BinaryError> {
        use std::os::unix::fs::MetadataExt;
        let unreadable =
            |error: std::io::Error| BinaryError::Unreadable { path: path.into(), reason: error.to_string() };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        let binary = Binary {
            path: path.into(),
            bytes,
            functions: OnceCell::new(),
            device: metadata.dev(),
            inode: metadata.ino(),
        };
        binary.object()?;
        Ok(binary)
    }

    /// Where the file is, without links or `..`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The device that the file is on, as stat(2) has it.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// The number of the file's inode.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Its functions, by address; those of one address by name.
    ///
    /// # Errors
    /// Where the file is malformed.
    pub fn functions(&self) -> Result<&[Function], BinaryError> {
        if let Some(known) = self.functions.get() {
            return Ok(known);
        }
        let object = self.object()?;
        let mut by_place: BTreeMap<(u64, String), Function> = BTreeMap::new();
        for (symbol, dynamic) in
            object.symbols().map(|symbol| (symbol, false)).chain(object.dynamic_symbols().map(|symbol| (symbol, true)))
        {
            // An indirect function (STT_GNU_IFUNC) is code as well: what chooses among its versions.
            if symbol.kind() != SymbolKind::Text || !symbol.is_definition() {
                continue;
            }
            let Ok(name) = symbol.name() else { continue };
            let name = name.split('@').next().unwrap_or(name);
            let address = symbol.address();
            let Some(offset) = offset_of(&object, address).filter(|_| !name.is_empty()) else { continue };
            let exported = dynamic || symbol.is_global();
            let function = Function { name: name.to_string(), address, offset, exported };
            by_place.entry((address, name.to_string())).or_insert(function).exported |= exported;
        }
        Ok(self.functions.get_or_init(|| by_place.into_values().collect()))
    }

    /// Its statically defined probes (notes of `sys/sdt.h`), in the file's order.
    ///
    /// # Errors
    /// Where the file is malformed.
    pub fn marks(&self) -> Result<Vec<Mark>, BinaryError> {
        let object = self.object()?;
        let Some(notes) = object.section_by_name(".note.stapsdt") else { return Ok(vec![]) };
        let data = notes.data().map_err(|error| self.malformed(error))?;
        let base = object.section_by_name(".stapsdt.base").map(|section| section.address());
        Ok(mark::read(data, base, |address| offset_of(&object, address)))
    }

    /// The stubs by which it calls functions of libraries.
    ///
    /// # Errors
    /// Where the file is malformed.
    pub fn stubs(&self) -> Result<Vec<Stub>, BinaryError> {
        let object = self.object()?;
        Ok(plt::stubs(&object, |address| offset_of(&object, address)))
    }

    /// The address of a data symbol of the file.
    ///
    /// # Errors
    /// Where the file is malformed.
    pub fn variable(&self, name: &str) -> Result<Option<u64>, BinaryError> {
        let object = self.object()?;
        let found = object.symbols().chain(object.dynamic_symbols()).find(|symbol| symbol.name() == Ok(name));
        Ok(found.map(|symbol| symbol.address()))
    }

    /// Where in the file an address of its code is; `None` if it is in none of what is loaded.
    ///
    /// # Errors
    /// Where the file is malformed.
    pub fn offset(&self, address: u64) -> Result<Option<u64>, BinaryError> {
        Ok(offset_of(&self.object()?, address))
    }

    /// The identifier that the linker gave the file (the note of `.note.gnu.build-id`), if it has one.
    ///
    /// # Errors
    /// Where the file is malformed.
    pub fn build_id(&self) -> Result<Option<Vec<u8>>, BinaryError> {
        let object = self.object()?;
        let id = object.build_id().map_err(|error| self.malformed(error))?;
        Ok(id.map(<[u8]>::to_vec))
    }

    /// Whether the file has debug information that tells of source lines and variables.
    pub fn has_debug_information(&self) -> bool {
        self.object().is_ok_and(|object| object.section_by_name(".debug_info").is_some())
    }

    fn object(&self) -> Result<object::File<'_>, BinaryError> {
        let object = object::File::parse(&*self.bytes).map_err(|error| self.malformed(error))?;
        if !object.is_64() || !object.is_little_endian() {
            return Err(BinaryError::Foreign { path: self.path.clone() });
        }
        Ok(object)
    }

    fn malformed(&self, error: object::Error) -> BinaryError {
        BinaryError::Malformed { path: self.path.clone(), reason: error.to_string() }
    }
}

/// Where in the file an address is, by the segments that are loaded.
fn offset_of(object: &object::File<'_>, address: u64) -> Option<u64> {
    object.segments().find_map(|segment| {
        let (start, len) = segment.file_range();
        let into = address.checked_sub(segment.address()).filter(|into| *into < len)?;
        start.checked_add(into)
    })
}

#[cfg(test)]
mod tests;
