//! A kernel from files: a package of Debian, a boot image, a vmlinux, its types alone, or what `systap kernel save` wrote.
//!
//! Must never ask the running kernel for anything, nor look at a file that was not named or does not belong to what was named. Each
//! error names the file.

mod elf;
mod events;
mod image;
mod kallsyms;
mod package;
mod pieces;
mod raw;
#[cfg(test)]
mod tests;

use crate::btf::Bytes;
use crate::{Arch, Btf, BtfError, Config, Kernel, KernelError, Kind, Release, Symbols, facts};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest file that is read: a vmlinux with debug information has a gigabyte.
const LONGEST: u64 = 4 << 30;

/// Where distributions put the kernel of a release; `{}` stands for the release. Those with debug information come last: they are
/// large, and have no fact that the others lack.
const IMAGES: [&str; 7] = [
    "/boot/vmlinuz-{}",
    "/lib/modules/{}/vmlinuz",
    "/usr/lib/modules/{}/vmlinuz",
    "/boot/vmlinux-{}",
    "/usr/lib/debug/boot/vmlinux-{}",
    "/usr/lib/debug/lib/modules/{}/vmlinux",
    "/lib/modules/{}/build/vmlinux",
];

/// Where they put its configuration.
const CONFIGS: [&str; 4] =
    ["/boot/config-{}", "/lib/modules/{}/config", "/usr/lib/modules/{}/config", "/lib/modules/{}/build/.config"];

/// A kernel's image, unpacked.
#[derive(Debug)]
pub(crate) struct Image {
    bytes: Arc<Bytes>,
    layout: elf::Layout,
}

impl Kernel {
    /// A kernel from a file, a folder or, if there is neither and the name has no `/`, by its release.
    ///
    /// # Errors
    /// Where nothing is there, it is no kernel, or is damaged.
    pub fn open(what: &Path) -> Result<Kernel, KernelError> {
        if what.is_dir() {
            return package::folder(what);
        }
        let name = what.to_string_lossy();
        if !what.exists()
            && !name.contains('/')
            && let Ok(release) = Release::parse(&name)
        {
            return of_release(&release, Path::new("/"));
        }
        of_bytes(what, read(what)?)
    }
}

/// The kernel of a release under a root.
fn of_release(release: &Release, root: &Path) -> Result<Kernel, KernelError> {
    let place = |pattern: &str| root.join(pattern.trim_start_matches('/').replace("{}", release.as_str()));
    let places: Vec<PathBuf> = IMAGES.iter().map(|pattern| place(pattern)).collect();
    let Some(image) = places.iter().find(|path| path.is_file()) else {
        return Err(KernelError::NotInstalled { release: release.to_string(), places });
    };
    let kernel = of_bytes(image, read(image)?)?;
    match CONFIGS.iter().map(|pattern| place(pattern)).find(|path| path.is_file()) {
        Some(config) => Ok(kernel.with_config(Config::read(&config))),
        None => Ok(kernel),
    }
}

/// A file's bytes. It is read, not mapped: a file that somebody shortens meanwhile would end a process that has it mapped.
fn read(file: &Path) -> Result<Vec<u8>, KernelError> {
    let unreadable = |error| KernelError::unreadable(file, error);
    let metadata = std::fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KernelError::not_a_kernel(file, "it is no file of bytes"));
    }
    if metadata.len() > LONGEST {
        return Err(KernelError::not_a_kernel(file, "it is longer than any kernel"));
    }
    std::fs::read(file).map_err(unreadable)
}

/// A kernel of what a file holds, told by how it begins.
pub(crate) fn of_bytes(file: &Path, bytes: Vec<u8>) -> Result<Kernel, KernelError> {
    match of_known(file, bytes)? {
        Ok(kernel) => Ok(kernel),
        Err(bytes) => match image::unpack(&bytes, image::MOST) {
            // `vmlinux.zst`, `Image.gz`.
            Ok(std::borrow::Cow::Owned(bytes)) => {
                of_known(file, bytes)?.map_err(|bytes| KernelError::not_a_kernel(file, &what_is(&bytes)))
            }
            Ok(std::borrow::Cow::Borrowed(bytes)) => Err(KernelError::not_a_kernel(file, &what_is(bytes))),
            Err(why) => Err(KernelError::damaged(file, why)),
        },
    }
}

/// The same, without unpacking; the bytes back if they begin as nothing that is known.
fn of_known(file: &Path, bytes: Vec<u8>) -> Result<Result<Kernel, Vec<u8>>, KernelError> {
    Ok(Ok(if facts::is_facts(&bytes) {
        facts::open(file, bytes)?
    } else if package::is_archive(&bytes) {
        package::archive(file, &bytes)?
    } else if image::is_boot_image(&bytes) {
        boot_image(file, &bytes)?
    } else if let Some(arch) = raw::arch(&bytes) {
        raw_image(file, bytes, arch)?
    } else if let Some(packed) = raw::packed(&bytes) {
        let unpacked = image::unpack(packed, image::MOST).map_err(|why| KernelError::damaged(file, why))?.into_owned();
        match raw::arch(&unpacked) {
            Some(arch) => raw_image(file, unpacked, arch)?,
            None => return Ok(Err(unpacked)),
        }
    } else if elf::is_elf(&bytes) {
        vmlinux(file, bytes)?
    } else if matches!(bytes.as_slice(), [0x9f, 0xeb, ..] | [0xeb, 0x9f, ..]) {
        types_alone(file, bytes)?
    } else {
        return Ok(Err(bytes));
    }))
}

/// What bytes that are no kernel are, for the message.
fn what_is(bytes: &[u8]) -> String {
    let what = match bytes {
        [] => "it is empty",
        [b'#', b'!', ..] => "it is a script",
        _ => "it begins as none of them does",
    };
    format!("{what} (a boot image, a vmlinux, BTF, a package of Debian or a facts file was expected)")
}

fn boot_image(file: &Path, bytes: &[u8]) -> Result<Kernel, KernelError> {
    let damaged = |why: String| KernelError::damaged(file, why);
    let setup = image::setup(bytes).map_err(damaged)?;
    if image::packing(setup.payload).is_none() && !elf::is_elf(setup.payload) {
        let start: Vec<String> = setup.payload.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let said = format!("its kernel is packed in a way that is not known here (it begins with {})", start.join(" "));
        return Err(KernelError::not_a_kernel(file, &said));
    }
    let unpacked = image::unpack(setup.payload, image::MOST).map_err(damaged)?.into_owned();
    let release = setup.release.and_then(|text| Release::parse(text).ok());
    image_of(file, unpacked, release)
}

fn vmlinux(file: &Path, bytes: Vec<u8>) -> Result<Kernel, KernelError> {
    image_of(file, bytes, None)
}

/// A kernel of an image that is not packed and has no table of contents.
fn raw_image(file: &Path, bytes: Vec<u8>, arch: Arch) -> Result<Kernel, KernelError> {
    let release = elf::release(&bytes).and_then(|text| Release::parse(text).ok());
    let Some(release) = release else {
        return Err(KernelError::not_a_kernel(file, "it begins as a raw image does, and names no release of Linux"));
    };
    let layout = raw::layout(&bytes, arch);
    let image = Image { bytes: Arc::new(Bytes::Owned(bytes)), layout };
    Ok(Kernel::recorded(file.into(), arch, Ok(release), crate::source::Record::Image(image)))
}

/// A kernel of an unpacked image; `release` if something outside of it says it.
fn image_of(file: &Path, bytes: Vec<u8>, release: Option<Release>) -> Result<Kernel, KernelError> {
    if elf::is_of_32_bits(&bytes) {
        return Err(KernelError::not_a_kernel(file, "it is of 32 bits, and only kernels of 64 bits are traced"));
    }
    let layout = elf::layout(&bytes).map_err(|why| KernelError::damaged(file, why))?;
    let banner = || elf::release(&bytes).and_then(|text| Release::parse(text).ok());
    let release = release.or_else(banner);
    if release.is_none() && layout.btf.is_none() {
        return Err(KernelError::not_a_kernel(file, "it is an ELF file, and no Linux kernel: it names no release"));
    }
    let release = release.ok_or(KernelError::NotRecorded { fact: "release" });
    let image = Image { bytes: Arc::new(Bytes::Owned(bytes)), layout };
    let arch = image.layout.arch;
    Ok(Kernel::recorded(file.into(), arch, release, crate::source::Record::Image(image)))
}

/// A file of BTF and nothing else.
fn types_alone(file: &Path, bytes: Vec<u8>) -> Result<Kernel, KernelError> {
    let malformed = |source| KernelError::Btf { file: file.into(), source };
    let btf = Btf::from_bytes(bytes).map_err(malformed)?;
    let arch = arch_of(&btf).map_err(malformed)?;
    let release = Err(KernelError::NotRecorded { fact: "release" });
    Ok(Kernel::recorded(file.into(), arch, release, crate::source::Record::Given).with_btf(btf))
}

/// The architecture of a kernel's types: the functions of its system calls have it in their names.
fn arch_of(btf: &Btf) -> Result<Arch, BtfError> {
    let marks =
        [("__x64_sys_read", Arch::X86_64), ("__arm64_sys_read", Arch::Aarch64), ("__riscv_sys_read", Arch::Riscv64)];
    let found = btf.find_many(&marks.map(|(name, _)| (Kind::Func, name)))?;
    let known = marks.iter().zip(found).find(|(_, found)| found.is_some());
    Ok(known.map_or(Arch::Other, |((_, arch), _)| *arch))
}

impl Image {
    /// Its types.
    pub(crate) fn btf(&self, file: &Path) -> Result<Btf, KernelError> {
        let Some(range) = self.layout.btf.clone() else {
            return Err(KernelError::ImageWithoutBtf { file: file.into() });
        };
        let part = Bytes::Part { whole: Arc::clone(&self.bytes), range };
        Btf::from_bytes(part).map_err(|source| KernelError::Btf { file: file.into(), source })
    }

    /// Its configuration, if it has it inside.
    pub(crate) fn config(&self) -> Result<Config, KernelError> {
        elf::configuration(&self.bytes).map(Config::parse).ok_or(KernelError::NotRecorded { fact: "configuration" })
    }

    /// Its symbols: of its ELF table, else of its own.
    pub(crate) fn symbols(&self, file: &Path) -> Result<Symbols, KernelError> {
        let rows = if self.layout.has_symbols {
            elf::symbols(&self.bytes).map_err(|why| KernelError::damaged(file, why))?
        } else {
            kallsyms::symbols(&self.bytes).ok_or(KernelError::NotRecorded { fact: "symbols" })?
        };
        Symbols::from_rows(&rows).ok_or(KernelError::NotRecorded { fact: "symbols" })
    }

    /// The subsystems of its tracepoints.
    pub(crate) fn events(&self, btf: &Btf, symbols: &Symbols) -> Option<Vec<(String, String)>> {
        events::of(&self.layout, &self.bytes, btf, symbols)
    }
}
