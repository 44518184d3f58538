//! What a guest starts from: busybox, the modules that reach this machine's files, and a script that goes there and runs the
//! command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::kernel::Kernel;
use super::{folder, quoted};

/// The modules that must be loaded before the root is there; what they depend on comes before them.
const MODULES: [&str; 4] = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/// A line on the console before the command's output.
pub(super) const BEGIN: &str = "systap-lab-begins";

/// A line on the console behind it, with the exit status.
pub(super) const END: &str = "systap-lab-ends";

/// Makes the archive; gives its path.
pub(crate) fn build(kernel: &Kernel, line: &str) -> Result<PathBuf, String> {
    let folder = folder()?;
    let tree = folder.join(format!("initramfs-{}-{}", kernel.release, std::process::id()));
    let archive = folder.join(format!("initramfs-{}-{}.cpio", kernel.release, std::process::id()));
    let made = fill(&tree, kernel, line).and_then(|()| pack(&tree, &archive));
    _ = std::fs::remove_dir_all(&tree);
    made.map(|()| archive)
}

fn fill(tree: &Path, kernel: &Kernel, line: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", tree.display());
    for name in ["bin", "dev", "proc", "sys", "host", "layer", "root", "modules"] {
        std::fs::create_dir_all(tree.join(name)).map_err(failed)?;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|path| Path::new(path).exists());
    let busybox = busybox.ok_or("there is no busybox (package busybox-static)")?;
    std::fs::copy(busybox, tree.join("bin/busybox")).map_err(failed)?;
    let mut loaded = vec![];
    for name in MODULES {
        add_module(tree, kernel, name, &mut loaded)?;
    }
    let here = std::env::current_dir().map_err(failed)?;
    std::fs::write(tree.join("init"), init(&loaded)).map_err(failed)?;
    std::fs::write(tree.join("command"), command(&here, kernel, line)).map_err(failed)?;
    for program in ["init", "command"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(tree.join(program), std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(())
}

/// Puts a module into the tree, after those that it depends on; one that is built in is nowhere and not needed.
fn add_module(tree: &Path, kernel: &Kernel, name: &str, loaded: &mut Vec<String>) -> Result<(), String> {
    let dependencies = kernel.modules.join("modules.dep");
    let text =
        std::fs::read_to_string(&dependencies).map_err(|error| format!("{}: {error}", dependencies.display()))?;
    for path in listed(&text, name) {
        let stem = module_name(&path);
        if loaded.contains(&stem) {
            continue;
        }
        let from = kernel.modules.join(&path);
        let to = tree.join("modules").join(format!("{stem}.ko"));
        let bytes = match from.extension().is_some_and(|end| end == "xz") {
            true => Command::new("xz").arg("-dc").arg(&from).output().map_err(|error| format!("xz: {error}"))?.stdout,
            false => std::fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?,
        };
        std::fs::write(&to, bytes).map_err(|error| format!("{}: {error}", to.display()))?;
        loaded.push(stem);
    }
    Ok(())
}

/// The module's file and those of its dependencies, the deepest first, by `modules.dep`.
fn listed(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|path| module_name(path) == name));
    let Some((path, dependencies)) = line.and_then(|line| line.split_once(':')) else { return vec![] };
    let mut paths: Vec<String> = dependencies.split_whitespace().rev().map(str::to_owned).collect();
    paths.push(path.to_owned());
    paths
}

/// `kernel/fs/9p/9p.ko.xz` is `9p`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

fn init(modules: &[String]) -> String {
    let load: String = modules.iter().map(|name| format!("busybox insmod /modules/{name}.ko\n")).collect();
    format!(
        "#!/bin/busybox sh
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
{load}busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host || busybox poweroff -f
busybox mount -t tmpfs layer /layer
busybox mkdir /layer/upper /layer/work
busybox mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /root
busybox cp /command /root/.systap-lab
for name in proc sys dev; do busybox mount --move /$name /root/$name; done
exec busybox switch_root /root /.systap-lab
"
    )
}

fn command(here: &Path, kernel: &Kernel, line: &str) -> String {
    let modules = quoted(&kernel.modules.display().to_string());
    let boot = kernel.image.parent().map(|folder| quoted(&folder.display().to_string())).unwrap_or_default();
    let here = quoted(&here.display().to_string());
    let path = quoted(&std::env::var("PATH").unwrap_or_default());
    let home = quoted(&std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned()));
    format!(
        "#!/bin/sh
# A guest's /tmp is its own, also if the workspace is somewhere in it.
mkdir -p /.systap-here
mount --bind {here} /.systap-here
mount -t tmpfs tmpfs /tmp
mkdir -p {here}
[ -e {here}/Cargo.toml ] || mount --bind /.systap-here {here}
umount /.systap-here
mount -t tmpfs tmpfs /dev/shm 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
ip link set lo up 2>/dev/null
# What the package would have installed.
mkdir -p /boot /lib/modules
cp {boot}/* /boot/
ln -sfn {modules} /lib/modules/{release}
export PATH={path} HOME={home} SYSTAP_LAB=1
cd {here}
# Lines as they are written, without a carriage return each.
stty -opost < /dev/console 2>/dev/null
echo {BEGIN}
sh -c {line}
status=$?
echo
echo {END} $status
sync
echo o > /proc/sysrq-trigger
sleep 60
",
        line = quoted(line),
        release = kernel.release,
    )
}

fn pack(tree: &Path, archive: &Path) -> Result<(), String> {
    let mut names = vec![".".to_owned()];
    list(tree, Path::new("."), &mut names);
    let file = std::fs::File::create(archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let mut cpio = Command::new("cpio")
        .args(["--quiet", "-o", "-H", "newc"])
        .current_dir(tree)
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .map_err(|error| format!("cpio: {error}"))?;
    if let Some(mut input) = cpio.stdin.take() {
        input.write_all(names.join("\n").as_bytes()).map_err(|error| format!("cpio: {error}"))?;
    }
    let status = cpio.wait().map_err(|error| format!("cpio: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cpio: {status}")) }
}

fn list(root: &Path, folder: &Path, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        names.push(path.to_string_lossy().into_owned());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(root, &path, names);
        }
    }
}
