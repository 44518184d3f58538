//! Loads that take a place of their own: control groups with limits, a file system in memory, huge pages, priorities that are lent, a child
//! that is traced.
//!
//! What a machine does not let it make ends it with status 77, which a test takes for a reason to be skipped. What it makes goes with it.

#![expect(unsafe_code, reason = "file systems, futexes, priorities and ptrace are asked for by raw system calls")]

use std::ffi::CString;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Runs the load of that name; none if there is none, false if the kernel refused it.
pub(crate) fn load(what: &str, count: usize) -> Option<bool> {
    Some(match what {
        // A child in a group of 16 MiB touches `count` MiB, which ends it.
        "memory-limit" => {
            let group = Group::new(&["memory"], &[("memory.max", "16777216")]);
            _ = group.set("memory.swap.max", "0");
            group.child(|| touch(count << 20)) == Some(libc::SIGKILL)
        }
        // A child in a group reads files of `count` MiB, and what it has read of them is taken back.
        "memory-reclaim" => {
            let group = Group::new(&["memory"], &[]);
            let read = group.child(|| read_files(count << 20)) == Some(0);
            read && group.set("memory.reclaim", "1048576").is_ok_or_busy()
        }
        // A child in a group that may run for 2 of 100 ms runs for `count` ms of its own time.
        "cpu-limit" => {
            let group = Group::new(&["cpu"], &[("cpu.max", "2000 100000")]);
            group.child(|| spin(Duration::from_millis(count as u64))) == Some(0)
        }
        // A group of that weight.
        "cpu-weight" => Group::new(&["cpu"], &[]).set("cpu.weight", &count.to_string()).is_ok(),
        // A child moves into a group and back `count` times.
        "group-moves" => {
            let group = Group::new(&[], &[]);
            group.child(|| (0..count).for_each(|_| group.move_in_and_out())) == Some(0)
        }
        // A file of `count` pages in a file system in memory, written and removed.
        "file-pages" => file_pages(count),
        // `count` times 2 MiB of small pages, each made one huge page.
        "collapse" => (0..count).all(|_| collapse()),
        // A thread of low priority has a lock that one of high priority waits for, `count` times.
        "inherit" => (0..count).all(|_| inherit()),
        // `count` arrays of BPF of 4000 bytes on NUMA node 0, gone at once.
        "maps-on-node" => (0..count).all(|_| map_on_node()),
        // A child is stopped and traced, `count` times.
        "trace" => (0..count).all(|_| trace()),
        _ => return None,
    })
}

/// Ends this program, since the machine does not let it do what it is for.
fn cannot(what: &str) -> ! {
    let error = Error::last_os_error();
    drop(std::io::Write::write_all(&mut std::io::stderr(), format!("{what}: {error}\n").as_bytes()));
    std::process::exit(77)
}

/// A mount in a namespace of this process alone.
fn mount(kind: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("systap-load-{}", std::process::id()));
    if std::fs::create_dir_all(&place).is_err() {
        cannot("a folder");
    }
    let (kind_text, at) = (CString::new(kind), CString::new(place.display().to_string()));
    let (Ok(kind_text), Ok(at)) = (kind_text, at) else { cannot("a name") };
    // SAFETY: changes this process's view of file systems alone; all texts live through the calls.
    let mounted = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                std::ptr::null(),
                libc::MS_REC | libc::MS_PRIVATE,
                std::ptr::null(),
            ) == 0
            && libc::mount(kind_text.as_ptr(), at.as_ptr(), kind_text.as_ptr(), 0, std::ptr::null()) == 0
    };
    if mounted { place } else { cannot(kind) }
}

/// A control group, which goes when this is dropped.
struct Group {
    root: PathBuf,
    place: PathBuf,
}

/// Whether a file of a group was written, or said that there is no more to be had.
trait OrBusy {
    fn is_ok_or_busy(&self) -> bool;
}

impl OrBusy for std::io::Result<()> {
    fn is_ok_or_busy(&self) -> bool {
        match self {
            Ok(()) => true,
            Err(error) => error.raw_os_error() == Some(libc::EAGAIN),
        }
    }
}

impl Group {
    fn new(controllers: &[&str], settings: &[(&str, &str)]) -> Group {
        let root = mount("cgroup2");
        for controller in controllers {
            if std::fs::write(root.join("cgroup.subtree_control"), format!("+{controller}")).is_err() {
                cannot(controller);
            }
        }
        let place = root.join(format!("systap-load-{}", std::process::id()));
        let group = Group { root, place };
        if std::fs::create_dir(&group.place).is_err()
            || settings.iter().any(|(name, text)| group.set(name, text).is_err())
        {
            cannot("a group");
        }
        group
    }

    fn set(&self, name: &str, text: &str) -> std::io::Result<()> {
        std::fs::write(self.place.join(name), text)
    }

    fn move_in_and_out(&self) {
        _ = self.set("cgroup.procs", "0");
        _ = std::fs::write(self.root.join("cgroup.procs"), "0");
    }

    /// Runs a child in the group; gives its exit status or the signal that ended it.
    fn child(&self, work: impl Fn()) -> Option<libc::c_int> {
        // SAFETY: the child runs on with a copy of everything; there is no other thread.
        match unsafe { libc::fork() } {
            -1 => None,
            0 => {
                let status = match self.set("cgroup.procs", "0") {
                    Ok(()) => {
                        work();
                        0
                    }
                    Err(_) => 1,
                };
                // SAFETY: ends the child without running what the parent registered.
                unsafe { libc::_exit(status) }
            }
            child => {
                let mut status = 0;
                // SAFETY: `status` lives through the call.
                unsafe { libc::waitpid(child, &raw mut status, 0) };
                Some(if libc::WIFSIGNALED(status) { libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) })
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A child that has just ended may be counted still.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.place).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn touch(bytes: usize) {
    let mut all = vec![0u8; bytes];
    all.chunks_mut(4096).for_each(|page| page[0] = 1);
    std::hint::black_box(&all);
}

/// Reads files of the machine until so many bytes were read.
fn read_files(bytes: usize) {
    let mut left = bytes;
    let mut open = vec![PathBuf::from("/usr/share"), PathBuf::from("/usr/lib")];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if left == 0 {
                return;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => left = left.saturating_sub(read(&entry.path())),
                _ => {}
            }
        }
    }
}

fn read(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |bytes| bytes.len())
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn file_pages(count: usize) -> bool {
    let file = mount("ramfs").join("file");
    std::fs::write(&file, vec![1u8; 4096 * count]).is_ok() && std::fs::remove_file(&file).is_ok()
}

/// Memory that begins where a huge page may, of small pages since it has grown by one after the other; made one by this process alone,
/// for `khugepaged` only looks where somebody has asked it to.
fn collapse() -> bool {
    const HUGE: usize = 2 << 20;
    const PAGE: usize = 4096;
    const MADV_COLLAPSE: libc::c_int = 25;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: asks for fresh memory, uses it within its bounds, and gives it back.
    unsafe {
        let all = libc::mmap(std::ptr::null_mut(), 2 * HUGE, libc::PROT_NONE, flags, -1, 0);
        if all == libc::MAP_FAILED {
            return false;
        }
        let at = all.byte_add(all.align_offset(HUGE));
        for page in 0..HUGE / PAGE {
            let place = at.byte_add(PAGE * page);
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            if libc::mmap(place, PAGE, protection, flags | libc::MAP_FIXED, -1, 0) == libc::MAP_FAILED {
                return false;
            }
            place.cast::<u8>().write_volatile(1);
        }
        let made = libc::madvise(at, HUGE, MADV_COLLAPSE) == 0;
        if !made {
            cannot("a huge page");
        }
        libc::munmap(all, 2 * HUGE);
        made
    }
}

/// Makes this thread one of that real-time priority.
fn real_time(priority: libc::c_int) -> bool {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: the parameter lives through the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) == 0 }
}

fn inherit() -> bool {
    use std::sync::atomic::{AtomicU32, Ordering};
    static LOCK: AtomicU32 = AtomicU32::new(0);
    let futex = |operation: libc::c_int| {
        // SAFETY: the lock is static; without a timeout.
        unsafe { libc::syscall(libc::SYS_futex, LOCK.as_ptr(), operation, 0, std::ptr::null::<libc::timespec>()) == 0 }
    };
    let low = std::thread::spawn(move || {
        if !real_time(1) {
            cannot("a real-time priority");
        }
        // SAFETY: asks for nothing but a number.
        LOCK.store(unsafe { libc::gettid() }.cast_unsigned(), Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        futex(libc::FUTEX_UNLOCK_PI)
    });
    std::thread::sleep(Duration::from_millis(20));
    let high = std::thread::spawn(move || real_time(10) && futex(libc::FUTEX_LOCK_PI) && futex(libc::FUTEX_UNLOCK_PI));
    let done = low.join().unwrap_or(false) & high.join().unwrap_or(false);
    LOCK.store(0, Ordering::SeqCst);
    done
}

fn map_on_node() -> bool {
    // The beginning of `union bpf_attr` for BPF_MAP_CREATE (0): BPF_MAP_TYPE_ARRAY, sizes of key and value, entries, BPF_F_NUMA_NODE, no
    // inner map, the node.
    let attributes: [u32; 7] = [2, 4, 4000, 1, 4, 0, 0];
    // SAFETY: the attributes live through the call and are as long as is said; the descriptor is this function's own.
    unsafe {
        let made = libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), size_of_val(&attributes));
        if made < 0 {
            cannot("a map");
        }
        libc::close(made as libc::c_int) == 0
    }
}

fn trace() -> bool {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the child waits until it is ended; the status lives through the call.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            loop {
                libc::pause();
            }
        }
        let mut status = 0;
        if child < 0 || libc::ptrace(libc::PTRACE_ATTACH, child, nothing, nothing) != 0 {
            cannot("ptrace");
        }
        libc::waitpid(child, &raw mut status, 0);
        let seen = libc::ptrace(libc::PTRACE_DETACH, child, nothing, nothing) == 0;
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &raw mut status, 0);
        seen
    }
}
