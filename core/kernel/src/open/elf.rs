//! A kernel as an ELF file (`vmlinux`): its types, its release, its configuration, and bytes by their addresses.
//!
//! Takes no offset of the file on trust. Must never be needed for a fact that a smaller file has.

use crate::Arch;
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::{Object, ObjectSection, ObjectSymbol, elf};
use std::ops::Range;

/// Where things are in a vmlinux. Ranges are of the file's bytes.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The architecture.
    pub(crate) arch: Arch,
    /// The section `.BTF`, if there is one.
    pub(crate) btf: Option<Range<usize>>,
    /// What is loaded: addresses in memory, and where their bytes begin in the file.
    pub(super) segments: Vec<(Range<u64>, usize)>,
    /// Whether it has a table of symbols.
    pub(crate) has_symbols: bool,
}

/// Whether it begins as ELF does.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&elf::ELFMAG)
}

/// Whether it is of a machine of 32 bits: the byte EI_CLASS of the identification is ELFCLASS32.
pub(super) fn is_of_32_bits(bytes: &[u8]) -> bool {
    is_elf(bytes) && bytes.get(4) == Some(&1)
}

type File<'a> = ElfFile<'a, elf::FileHeader64<object::Endianness>>;

fn parse(bytes: &[u8]) -> Result<File<'_>, String> {
    File::parse(bytes).map_err(|error| format!("this is no ELF file of 64 bits that can be read: {error}"))
}

/// Reads where things are; what is wrong, in words, if something is.
pub(crate) fn layout(bytes: &[u8]) -> Result<Layout, String> {
    // The byte EI_DATA of the identification; 2 is ELFDATA2MSB.
    if bytes.get(5) == Some(&2) {
        return Err("this kernel is for a machine of the other byte order".to_owned());
    }
    let file = parse(bytes)?;
    let endian = file.endian();
    let arch = match file.elf_header().e_machine(endian) {
        elf::EM_X86_64 => Arch::X86_64,
        elf::EM_AARCH64 => Arch::Aarch64,
        elf::EM_RISCV => Arch::Riscv64,
        _ => Arch::Other,
    };
    let btf = match file.section_by_name(".BTF") {
        None => None,
        Some(section) => {
            let range = section.file_range().and_then(|(start, len)| range_of(bytes, start, len));
            Some(range.ok_or("the section .BTF lies outside of the file")?)
        }
    };
    let mut segments = vec![];
    for header in file.elf_program_headers().iter().filter(|header| header.p_type(endian) == elf::PT_LOAD) {
        let (start, len) = (header.p_vaddr(endian), header.p_filesz(endian));
        if let (Some(range), Some(end)) = (range_of(bytes, header.p_offset(endian), len), start.checked_add(len)) {
            segments.push((start..end, range.start));
        }
    }
    let has_symbols = file.symbols().next().is_some();
    Ok(Layout { arch, btf, segments, has_symbols })
}

fn range_of(bytes: &[u8], start: u64, len: u64) -> Option<Range<usize>> {
    let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
    let end = start.checked_add(len)?;
    (end <= bytes.len()).then_some(start..end)
}

/// The file's own table of symbols, as rows of address, letter and name. The letters are those of `nm`, as far as they matter.
pub(crate) fn symbols(bytes: &[u8]) -> Result<Vec<(u64, u8, String)>, String> {
    let file = parse(bytes)?;
    let mut rows = vec![];
    for symbol in file.symbols() {
        let Ok(name) = symbol.name() else { continue };
        if name.is_empty()
            || name.contains(|c: char| c.is_whitespace())
            || !symbol.is_definition()
                && !matches!(
                    symbol.kind(),
                    object::SymbolKind::Data
                        | object::SymbolKind::Text
                        | object::SymbolKind::Label
                        | object::SymbolKind::Unknown
                )
        {
            continue;
        }
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        let letter = match section.as_ref().map(|section| section.kind()) {
            Some(object::SectionKind::Text) => b't',
            Some(object::SectionKind::ReadOnlyData | object::SectionKind::ReadOnlyString) => b'r',
            Some(object::SectionKind::UninitializedData) => b'b',
            Some(object::SectionKind::Data) => b'd',
            Some(_) => continue,
            None if symbol.is_undefined() => continue,
            None => b'a',
        };
        // Each CPU's own variables are at small numbers, which are no addresses.
        let percpu = section.is_some_and(|section| section.name() == Ok(".data..percpu"));
        let letter = if percpu { b'a' } else { letter };
        rows.push((
            symbol.address(),
            if symbol.is_global() { letter.to_ascii_uppercase() } else { letter },
            name.to_owned(),
        ));
    }
    rows.sort_by_key(|row| row.0);
    Ok(rows)
}

impl Layout {
    /// The bytes that are at an address, up to the end of what the file has there.
    pub(crate) fn at<'a>(&self, bytes: &'a [u8], address: u64) -> Option<&'a [u8]> {
        let (range, start) = self.segments.iter().find(|(range, _)| range.contains(&address))?;
        let from = start.checked_add(usize::try_from(address - range.start).ok()?)?;
        let to = start.checked_add(usize::try_from(range.end - range.start).ok()?)?;
        bytes.get(from..to)
    }

    /// The eight bytes at an address, as an address.
    pub(crate) fn pointer_at(&self, bytes: &[u8], address: u64) -> Option<u64> {
        self.at(bytes, address)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
    }

    /// The text at an address, up to a NUL, if it is short and plain.
    pub(crate) fn text_at<'a>(&self, bytes: &'a [u8], address: u64) -> Option<&'a str> {
        let rest = self.at(bytes, address)?;
        let end = rest.iter().take(128).position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
    }
}

/// The release in the banner that the kernel prints when it starts: `Linux version 6.1.0-18-amd64 (...`.
pub(crate) fn release(bytes: &[u8]) -> Option<&str> {
    const BANNER: &[u8] = b"Linux version ";
    let mut from = 0;
    while let Some(at) = find(bytes.get(from..)?, BANNER) {
        from += at + BANNER.len();
        let text = bytes.get(from..)?;
        let end = text.iter().take(128).position(|byte| *byte == b' ')?;
        if let Ok(text) = std::str::from_utf8(&text[..end])
            && text.starts_with(|c: char| c.is_ascii_digit())
        {
            return Some(text);
        }
    }
    None
}

/// The configuration that a kernel with CONFIG_IKCONFIG has inside: gzip between two marks.
pub(crate) fn configuration(bytes: &[u8]) -> Option<String> {
    let start = find(bytes, b"IKCFG_ST")? + 8;
    let rest = bytes.get(start..)?;
    let packed = &rest[..find(&rest[..rest.len().min(4 << 20)], b"IKCFG_ED")?];
    let text = super::image::unpack(packed, 16 << 20).ok()?;
    String::from_utf8(text.into_owned()).ok().filter(|text| text.contains("CONFIG_"))
}

/// Where `needle` first is.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}
