//! A kernel out of a package of Debian, packed or unpacked: its boot image and its configuration.
//!
//! Must never write to the disk, nor unpack more of an archive than up to what is wanted: the modules behind it are most of it.

use super::image::{self, packing};
use super::{of_bytes, read};
use crate::{Config, Kernel, KernelError};
use object::read::archive::ArchiveFile;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest boot image and the longest configuration that are believed, in bytes.
const MOST_IMAGE: u64 = 512 << 20;
const MOST_CONFIG: u64 = 16 << 20;

/// How many entries of an archive are looked at.
const MOST_ENTRIES: usize = 100_000;

/// What the names of boot images and of unpacked kernels begin with.
const IMAGES: [&str; 2] = ["vmlinuz-", "vmlinux-"];

/// Whether it begins as a `.deb` does.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!<arch>\n")
}

/// The kernel of a `.deb`: an archive of `ar` that has one of `tar` in it.
pub(super) fn archive(file: &Path, bytes: &[u8]) -> Result<Kernel, KernelError> {
    let damaged = |why: String| KernelError::damaged(file, why);
    let outer = ArchiveFile::parse(bytes).map_err(|error| damaged(format!("the package cannot be read: {error}")))?;
    for member in outer.members() {
        let member = member.map_err(|error| damaged(format!("the package cannot be read: {error}")))?;
        if !member.name().starts_with(b"data.tar") {
            continue;
        }
        let data = member.data(bytes).map_err(|error| damaged(format!("the package is cut off: {error}")))?;
        let unpacked: Box<dyn Read> = match packing(data) {
            Some(packing) => image::reader(packing, data).map_err(|error| damaged(error.to_string()))?,
            None => Box::new(data),
        };
        return contents(file, unpacked);
    }
    Err(KernelError::not_a_kernel(file, "it is an archive without files of a package (data.tar)"))
}

/// The kernel among a package's files.
fn contents(file: &Path, tar: impl Read) -> Result<Kernel, KernelError> {
    let damaged = |error: std::io::Error| KernelError::damaged(file, format!("the package cannot be read: {error}"));
    let (mut image, mut config) = (None, None);
    let mut inner = tar::Archive::new(tar);
    for entry in inner.entries().map_err(damaged)?.take(MOST_ENTRIES) {
        let entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let in_boot = path.parent().is_some_and(|parent| parent.ends_with("boot"));
        if !in_boot && image.is_some() && config.is_some() {
            break;
        }
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // Fedora's kernels lie with their modules.
        if IMAGES.iter().any(|start| name.starts_with(start)) && in_boot || name == "vmlinuz" {
            image = Some((path, up_to(entry, MOST_IMAGE).map_err(damaged)?));
        } else if name.starts_with("config-") && in_boot {
            config = Some(up_to(entry, MOST_CONFIG).map_err(damaged)?);
        }
    }
    let Some((path, bytes)) = image else {
        let said = "the package has no kernel in it (boot/vmlinuz-*); one that only names others has none";
        return Err(KernelError::not_a_kernel(file, said));
    };
    let kernel = of_bytes(&PathBuf::from(format!("{}:{}", file.display(), path.display())), bytes)?;
    Ok(match config {
        Some(text) => kernel.with_config(Ok(Config::parse(String::from_utf8_lossy(&text).into_owned()))),
        None => kernel,
    })
}

/// All of an entry, unless it is too long.
fn up_to(entry: impl Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![];
    if entry.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("a file in it is of more than {most} bytes"),
        ));
    }
    Ok(bytes)
}

/// The kernel of an unpacked package, of a folder that holds a boot image, or of one that holds its types.
pub(super) fn folder(folder: &Path) -> Result<Kernel, KernelError> {
    let boot = folder.join("boot");
    let modules = ["lib/modules", "usr/lib/modules"].map(|at| folder.join(at));
    let mut places = vec![boot, folder.to_path_buf()];
    for release in modules.iter().filter_map(|at| std::fs::read_dir(at).ok()).flat_map(|entries| entries.flatten()) {
        places.push(release.path());
    }
    for place in places {
        let mut images = named(&place, |name| IMAGES.iter().any(|start| name.starts_with(start)) || name == "vmlinuz");
        // One kernel is meant; which, nobody could tell.
        if let [first, second, ..] = images.as_slice() {
            let said = format!("there are several kernels in it, {} and {}: name one", shown(first), shown(second));
            return Err(KernelError::not_a_kernel(folder, &said));
        }
        let Some(image) = images.pop() else { continue };
        let kernel = of_bytes(&image, read(&image)?)?;
        let config = image.file_name().map(|name| {
            let name = name.to_string_lossy();
            let release = name.split_once('-').map(|(_, release)| release.to_owned());
            release.map_or(place.join("config"), |release| place.join(format!("config-{release}")))
        });
        return Ok(match config.filter(|config| config.is_file()) {
            Some(config) => kernel.with_config(Config::read(&config)),
            None => kernel,
        });
    }
    if let Some(kernel) = super::pieces::folder(folder)? {
        return Ok(kernel);
    }
    let said = "there is no kernel in this folder (boot/vmlinuz-*, vmlinuz-*), nor the types of one (vmlinux.btf)";
    Err(KernelError::not_a_kernel(folder, said))
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files of a folder with a name that is accepted, sorted.
pub(super) fn named(folder: &Path, accept: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| accept(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
