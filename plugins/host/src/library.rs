//! Opens a library, inside of the confined process: looks at the file first, then lets the system's loader at it, then asks.
//!
//! It must never be called in a process that traces, nor before that process is confined: a library's initialisers run when it is opened.

use std::path::Path;

use abi_stable::library::{LibraryError, lib_header_from_path};
use object::elf;
use object::read::elf::{FileHeader, SectionHeader, Sym};
use systap_plugin::{ABI_SYMBOL, PluginRef, Registrar};

use crate::{Facts, PluginError};

type Header = elf::FileHeader64<object::Endianness>;

/// What the file itself says, before any of it runs.
pub(crate) fn inspect(bytes: &[u8], wanted: u32) -> Result<(), PluginError> {
    let damaged = |error: object::Error| PluginError::NotALibrary(error.to_string());
    if bytes.get(..4) != Some(&elf::ELFMAG) {
        return Err(PluginError::NotALibrary("it is no ELF file".to_owned()));
    }
    let header = match bytes.get(4) {
        Some(&class) if class == elf::ELFCLASS64.0 => Header::parse(bytes).map_err(damaged)?,
        _ => return Err(foreign("a machine of 32 bits".to_owned())),
    };
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine(endian);
    if machine != MACHINE || header.is_little_endian() != cfg!(target_endian = "little") {
        return Err(foreign(machine_name(machine)));
    }
    if header.e_type(endian) != elf::ET_DYN {
        return Err(PluginError::NotALibrary("it is an ELF file of another kind".to_owned()));
    }
    // What the loader would map must be there: a page past the end of the file is SIGBUS.
    for segment in header.program_headers(endian, bytes).map_err(damaged)? {
        use object::read::elf::ProgramHeader;
        segment.data(endian, bytes).map_err(|()| PluginError::NotALibrary("it is cut short".to_owned()))?;
    }
    let found = abi_of(header, endian, bytes).map_err(damaged)?;
    match found {
        None => Err(PluginError::NoSymbol(ABI_SYMBOL.to_owned())),
        Some(found) if found != wanted => Err(PluginError::WrongAbi { found, wanted }),
        Some(_) => Ok(()),
    }
}

fn abi_of(header: &Header, endian: object::Endianness, bytes: &[u8]) -> object::read::Result<Option<u32>> {
    let sections = header.sections(endian, bytes)?;
    let symbols = sections.symbols(endian, bytes, elf::SHT_DYNSYM)?;
    for symbol in symbols.iter() {
        if symbol.name(endian, symbols.strings())? != ABI_SYMBOL.as_bytes() || symbol.st_size(endian) != 4 {
            continue;
        }
        let address = symbol.st_value(endian);
        for section in sections.iter() {
            let start = section.sh_addr(endian);
            let held = address.checked_sub(start).filter(|offset| *offset < section.sh_size(endian));
            if let Some(offset) = held.and_then(|offset| usize::try_from(offset).ok())
                && let Some(word) = section.data(endian, bytes)?.get(offset..).and_then(|rest| rest.first_chunk())
                && section.sh_flags(endian).contains(elf::SHF_ALLOC)
            {
                return Ok(Some(u32::from_ne_bytes(*word)));
            }
        }
    }
    Ok(None)
}

/// The machine that this program was built for.
const MACHINE: elf::Machine = if cfg!(target_arch = "x86_64") {
    elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    elf::EM_AARCH64
} else {
    elf::EM_RISCV
};

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86_64".to_owned(),
        elf::EM_AARCH64 => "aarch64".to_owned(),
        elf::EM_RISCV => "riscv64".to_owned(),
        other => format!("machine {} of ELF", other.0),
    }
}

fn foreign(found: String) -> PluginError {
    PluginError::WrongTarget { found, ours: std::env::consts::ARCH.to_owned() }
}

/// Opens it and asks it.
pub(crate) fn ask(path: &Path, facts: &Facts) -> Result<Registrar, PluginError> {
    // Not the loading functions of the root module: they remember one module for each type, whatever the path.
    let header = lib_header_from_path(path).map_err(of_library)?;
    let module = header.init_root_module::<PluginRef>().map_err(of_library)?;
    let mut registrar = Registrar::default();
    module.register()(&facts.to_kernel_facts(), &mut registrar);
    Ok(registrar)
}

fn of_library(error: LibraryError) -> PluginError {
    match &error {
        LibraryError::OpenError { err, .. } => PluginError::Load(err.to_string()),
        LibraryError::GetSymbolError { symbol, .. } => {
            let name = String::from_utf8_lossy(symbol);
            PluginError::NoSymbol(name.trim_end_matches('\0').to_owned())
        }
        other => {
            let text = other.to_string();
            PluginError::Layout(text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect())
        }
    }
}
