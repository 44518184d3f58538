//! A program that makes a known number of system calls, for tests to count: `calls NAME COUNT [THREADS]`.
//!
//! It calls the kernel directly, so that no library adds calls of its own between the first and the last; what the start and end
//! of a process add are other calls than these.

#![expect(unsafe_code, reason = "it makes raw system calls")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |index: usize| args.get(index).and_then(|text| text.parse::<u64>().ok());
    let (Some(name), Some(count)) = (args.get(1), number(2)) else { return ExitCode::from(2) };
    let Some(call) = call_named(name) else { return ExitCode::from(2) };
    let threads: Vec<_> =
        (0..number(3).unwrap_or(1)).map(|_| std::thread::spawn(move || (0..count).for_each(|_| call()))).collect();
    let failed = threads.into_iter().fold(false, |failed, thread| failed | thread.join().is_err());
    ExitCode::from(u8::from(failed))
}

/// One call that does no harm and that neither the loader nor the standard library makes by itself.
fn call_named(name: &str) -> Option<fn()> {
    Some(match name {
        // SAFETY: takes nothing and cannot fail.
        "getppid" => || _ = unsafe { libc::syscall(libc::SYS_getppid) },
        // SAFETY: takes nothing and cannot fail.
        "getpgrp" => || _ = unsafe { libc::syscall(libc::SYS_getpgrp) },
        // SAFETY: the path is a string that ends in NUL; the call fails and changes nothing.
        "chdir-nowhere" => || _ = unsafe { libc::syscall(libc::SYS_chdir, c"/no/such/place".as_ptr()) },
        // SAFETY: there is no such descriptor, so that nothing is written to the address.
        "read-bad" => || _ = unsafe { libc::syscall(libc::SYS_read, -7, 0x1000, 5) },
        "map-far" => map_far,
        // SAFETY: the path is null, which the kernel answers with EFAULT.
        "chdir-null" => || _ = unsafe { libc::syscall(libc::SYS_chdir, std::ptr::null::<u8>()) },
        // SAFETY: there is no such descriptor, so the call fails and changes nothing.
        "fchdir-bad" => || _ = unsafe { libc::syscall(libc::SYS_fchdir, -7) },
        // SAFETY: the handler does nothing; each raise makes one `rt_sigreturn`.
        "raise" => || unsafe {
            libc::signal(libc::SIGUSR1, nothing as *const () as libc::sighandler_t);
            libc::raise(libc::SIGUSR1);
        },
        // The program's own file, which is in the file system that the tests were built in.
        "open-self" => || drop(std::fs::File::open("/proc/self/exe")),
        // SAFETY: gives up the processor, nothing else.
        "sched_yield" => || _ = unsafe { libc::syscall(libc::SYS_sched_yield) },
        _ => return None,
    })
}

/// Maps a page of a file at an offset that nobody else has in mind, page 12345, and gives it back.
fn map_far() {
    const PAGE: usize = 4096;
    let Ok(file) = std::fs::File::open("/proc/self/exe") else { return };
    // SAFETY: a new mapping at an address of the kernel's choice, which nobody reads.
    unsafe {
        let (kind, file) = (libc::MAP_PRIVATE, std::os::fd::AsRawFd::as_raw_fd(&file));
        let page = libc::mmap(std::ptr::null_mut(), PAGE, libc::PROT_READ, kind, file, 12_345 * PAGE as i64);
        if page != libc::MAP_FAILED {
            libc::munmap(page, PAGE);
        }
    }
}

extern "C" fn nothing(_signal: libc::c_int) {}
