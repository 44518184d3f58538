//! Kernels out of Debian's packages: found by their series, fetched, unpacked and kept. Installs none of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;

/// A kernel that has been unpacked.
pub(crate) struct Kernel {
    /// As `uname -r` says it.
    pub(crate) release: String,
    /// What boots.
    pub(crate) image: PathBuf,
    /// Its modules.
    pub(crate) modules: PathBuf,
}

/// The newest kernel of a series that the machine's package lists have; the one that is there already, if it is.
pub(crate) fn fetch(series: &str) -> Result<Kernel, String> {
    let folder = folder()?.join(series);
    if let Some(kernel) = unpacked(&folder) {
        return Ok(kernel);
    }
    // A fresh machine's lists of packages are empty.
    let package = newest(series)
        .or_else(|_| output(Command::new("apt-get").args(["update", "--quiet"])).and_then(|_| newest(series)))?;
    println!("lab: fetching {package}");
    let fresh = folder.with_extension("new");
    _ = std::fs::remove_dir_all(&fresh);
    std::fs::create_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    // What apt says of its sandbox is of no use here; what it cannot do is said by the missing file.
    output(Command::new("apt-get").args(["download", "--quiet", &package]).current_dir(&fresh))?;
    let files = std::fs::read_dir(&fresh).map_err(|error| error.to_string())?;
    let archive =
        files.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "deb"));
    let archive = archive.ok_or_else(|| format!("apt-get did not fetch {package}"))?;
    output(Command::new("dpkg").arg("-x").arg(&archive).arg(&fresh))?;
    std::fs::remove_file(&archive).map_err(|error| error.to_string())?;
    let kernel = unpacked(&fresh).ok_or_else(|| format!("{package} has no kernel in it"))?;
    // An installed package would have had this made: which module needs which.
    let base = kernel.modules.ancestors().nth(3).unwrap_or(&fresh);
    let depmod = if Path::new("/sbin/depmod").exists() { "/sbin/depmod" } else { "depmod" };
    output(Command::new(depmod).arg("-b").arg(base).arg(&kernel.release))?;
    _ = std::fs::remove_dir_all(&folder);
    std::fs::rename(&fresh, &folder).map_err(|error| error.to_string())?;
    unpacked(&folder).ok_or_else(|| format!("{package} has no kernel in it"))
}

fn unpacked(folder: &Path) -> Option<Kernel> {
    let image = std::fs::read_dir(folder.join("boot"))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-")))?;
    let release = image.file_name()?.to_string_lossy().strip_prefix("vmlinuz-")?.to_owned();
    let root = if folder.join("usr/lib/modules").exists() { "usr/lib/modules" } else { "lib/modules" };
    let modules = folder.join(root).join(&release);
    Some(Kernel { release, image, modules })
}

/// The package of the newest full kernel (not the cloud's, which lacks 9p; not the real-time one, not the unsigned one).
fn newest(series: &str) -> Result<String, String> {
    let pattern = format!("^linux-image-{}\\.[0-9].*-amd64$", series.replace('.', "\\."));
    let found = output(Command::new("apt-cache").args(["search", "--names-only", &pattern]))?;
    let names = found.lines().filter_map(|line| line.split(' ').next());
    let plain = |name: &&str| !["cloud", "rt", "unsigned", "dbg"].iter().any(|other| name.contains(other));
    let newest = names.filter(plain).max_by_key(|name| numbers(name));
    newest.map(str::to_owned).ok_or_else(|| {
        format!("no package of a {series} kernel is known to apt; a Debian source that has one would help")
    })
}

/// The numbers of a name, which order its versions.
pub(crate) fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let line = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{line}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_order_by_their_numbers() {
        assert!(numbers("linux-image-6.1.0-9-amd64") < numbers("linux-image-6.1.0-56-amd64"));
        assert!(numbers("linux-image-6.12.9+deb12-amd64") < numbers("linux-image-6.12.117+deb12-amd64"));
    }
}
