//! The shelf: facts files of Debian's kernels, of every flavour and machine that the package registry has, to check scripts and
//! tapsets against without booting any. `cargo xtask shelf [SERIES]...`.
//!
//! What is on the shelf stays there; what is missing is fetched, saved and deleted again. Must never change what apt knows of other
//! machines' packages: their lists are kept apart, in the shelf's own folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::lab::{SERIES, numbers, output};

/// The machines, as Debian calls them.
const MACHINES: [&str; 4] = ["amd64", "arm64", "i386", "ppc64el"];

/// Of the amd64 flavours that many releases of a series, from the first to the last; of other machines the last.
const RELEASES: usize = 4;

/// The kernels whose facts tests keep, cut down to the names that tests/shelf/names.txt has.
const KEPT: [&str; 5] =
    ["6.1.0-47-amd64", "6.1.0-50-arm64", "6.1.0-56-cloud-amd64", "6.12.100+deb12-amd64", "6.12.117+deb12-rt-amd64"];

/// Fills the shelf; `--keep` makes the files of tests/shelf anew out of it.
pub(crate) fn shelf(args: &[String]) -> Outcome {
    if args == ["--keep"] {
        return keep();
    }
    let series: Vec<&str> = match args {
        [] => SERIES.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    let folder = folder()?;
    let systap = built()?;
    let apt = Apt::new(&folder)?;
    save(&systap, None, &folder.join("running.facts"))?;
    let (mut there, mut left_out) = (1, vec![]);
    for series in series {
        for package in apt.kernels(series)? {
            let file = folder.join(format!("{}.facts", package.name.trim_start_matches("linux-image-")));
            let known = file.with_extension("none");
            if let Ok(why) = std::fs::read_to_string(&known) {
                left_out.push(why);
                continue;
            }
            if !file.is_file() {
                let archive = apt.download(&package)?;
                let saved = save(&systap, Some(&archive), &file);
                _ = std::fs::remove_file(&archive);
                if let Err(why) = saved {
                    // The package's name is in the sentence; where it was unpacked is of no interest.
                    let why = format!("{}: {}", package.name, why.rsplit(": ").next().unwrap_or(&why));
                    std::fs::write(&known, &why).map_err(|error| format!("{}: {error}", known.display()))?;
                    left_out.push(why);
                    continue;
                }
            }
            there += 1;
        }
    }
    for why in left_out {
        println!("left out: {why}");
    }
    println!("shelf: {there} kernels in {}", folder.display());
    Ok(())
}

/// Cuts down what tests keep.
fn keep() -> Outcome {
    let (folder, systap) = (folder()?, built()?);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/shelf");
    let names = kept.join("names.txt");
    let names = std::fs::read_to_string(&names).map_err(|error| format!("{}: {error}", names.display()))?;
    for release in KEPT {
        let file = format!("{release}.facts");
        let mut command = Command::new(&systap);
        command.args(["kernel", "save", "--small", "--kernel"]).arg(folder.join(&file)).arg(kept.join(&file));
        command.args(names.lines().flat_map(|name| ["--only", name]));
        print!("{}", output(&mut command)?);
    }
    Ok(())
}

/// Where the shelf is; made if it is not there.
fn folder() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/shelf");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))
}

/// The program, built.
fn built() -> Result<PathBuf, String> {
    crate::run("cargo", &["build", "--quiet", "--bin", "systap"], &[])?;
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/systap"))
}

/// Saves a kernel's facts; of the running one, if none is named.
fn save(systap: &Path, kernel: Option<&Path>, file: &Path) -> Outcome {
    let mut command = Command::new(systap);
    command.args(["kernel", "save", "--small"]).arg(file);
    if let Some(kernel) = kernel {
        command.arg("--kernel").arg(kernel);
    }
    output(&mut command).map(|said| print!("{said}"))
}

/// A package of a kernel.
#[derive(Debug, Clone)]
struct Package {
    name: String,
    machine: &'static str,
}

/// apt: as it is on this machine for packages of this machine, with lists of its own for those of others.
struct Apt {
    folder: PathBuf,
    /// This machine.
    own: String,
}

impl Apt {
    /// With lists as they are today. A list that cannot be fetched is left as it was: what it lacks is not on the shelf.
    fn new(shelf: &Path) -> Result<Apt, String> {
        let own = output(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned();
        let apt = Apt { folder: shelf.join("apt"), own };
        for within in ["lists/partial", "cache"] {
            let made = apt.folder.join(within);
            std::fs::create_dir_all(&made).map_err(|error| format!("{}: {error}", made.display()))?;
        }
        for (whose, mut command) in [("this machine", Command::new("apt-get")), ("others", apt.for_others("apt-get"))] {
            if let Err(why) = output(command.args(["update", "--quiet"])) {
                let why = why.lines().last().unwrap_or_default();
                println!("shelf: not every list of packages for {whose} could be fetched: {why}");
            }
        }
        Ok(apt)
    }

    fn command(&self, program: &str, machine: &str) -> Command {
        if machine == self.own { Command::new(program) } else { self.for_others(program) }
    }

    fn for_others(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for machine in MACHINES {
            command.arg("-o").arg(format!("APT::Architectures::={machine}"));
        }
        for (option, within) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
            command.arg("-o").arg(format!("{option}={}", self.folder.join(within).display()));
        }
        // As another user it could not write to the folder.
        command.arg("-o").arg("APT::Sandbox::User=root");
        command
    }

    /// The kernels of a series that go on the shelf.
    fn kernels(&self, series: &str) -> Result<Vec<Package>, String> {
        let mut chosen = vec![];
        for machine in MACHINES {
            let pattern = format!("^linux-image-{}\\.[0-9]", series.replace('.', "\\."));
            let names = output(self.command("apt-cache", machine).args(["search", "--names-only", &pattern]))?;
            let names: Vec<&str> = names.lines().filter_map(|line| line.split(' ').next()).collect();
            let of_machine = names.into_iter().filter(|name| is_kernel_of(name, machine));
            let mut flavours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            of_machine.for_each(|name| flavours.entry(flavour(name)).or_default().push(name));
            for mut names in flavours.into_values() {
                names.sort_by_key(|name| numbers(name));
                let most = if machine == "amd64" { RELEASES } else { 1 };
                let package = |name: &str| Package { name: name.to_owned(), machine };
                chosen.extend(spread(&names, most).into_iter().map(package));
            }
        }
        Ok(chosen)
    }

    /// Fetches a package; where it is.
    fn download(&self, package: &Package) -> Result<PathBuf, String> {
        let folder = self.folder.join("package");
        _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let wanted = format!("{}:{}", package.name, package.machine);
        output(self.command("apt-get", package.machine).args(["download", "--quiet", &wanted]).current_dir(&folder))?;
        let mut files = std::fs::read_dir(&folder).map_err(|error| error.to_string())?.flatten();
        files.next().map(|entry| entry.path()).ok_or_else(|| format!("apt-get did not fetch {wanted}"))
    }
}

/// Whether a package's name is that of a kernel for that machine, and not of its debug information or of its unsigned twin.
fn is_kernel_of(name: &str, machine: &str) -> bool {
    let endings: &[&str] = match machine {
        "i386" => &["-686-pae"],
        "ppc64el" => &["-powerpc64le"],
        "arm64" => &["-arm64"],
        _ => &["-amd64"],
    };
    endings.iter().any(|ending| name.ends_with(ending))
}

/// What follows the release in a name: `cloud-amd64`. Every word of the release begins with a digit.
fn flavour(name: &str) -> &str {
    let rest = name.trim_start_matches("linux-image-");
    let words = rest.split_inclusive('-');
    let release: usize = words.take_while(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::len).sum();
    &rest[release..]
}

/// That many of a list, the first and the last among them, evenly spread.
fn spread<'a>(names: &[&'a str], most: usize) -> Vec<&'a str> {
    let Some(last) = names.len().checked_sub(1) else { return vec![] };
    if most == 1 || last == 0 {
        return vec![names[last]];
    }
    let count = most.min(names.len());
    (0..count).map(|nth| names[nth * last / (count - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_by_machine_and_flavour() {
        assert!(is_kernel_of("linux-image-6.1.0-50-686-pae", "i386"));
        assert!(!is_kernel_of("linux-image-6.1.0-50-amd64-unsigned", "amd64"));
        assert!(!is_kernel_of("linux-image-6.1.0-50-amd64-dbg", "amd64"));
        assert_eq!(flavour("linux-image-6.1.0-50-amd64"), "amd64");
        assert_eq!(flavour("linux-image-6.12.107+deb12-cloud-amd64"), "cloud-amd64");
        assert_eq!(flavour("linux-image-6.1.0-50-rt-686-pae"), "rt-686-pae");
        assert_eq!(flavour("linux-image-6.1.0-50-686-pae"), "pae");
    }

    #[test]
    fn the_first_and_the_last_are_among_them() {
        assert_eq!(spread(&["a", "b", "c", "d", "e", "f", "g"], 4), ["a", "c", "e", "g"]);
        assert_eq!(spread(&["a", "b"], 4), ["a", "b"]);
        assert_eq!(spread(&["a", "b", "c"], 1), ["c"]);
        assert!(spread(&[], 4).is_empty());
    }
}
