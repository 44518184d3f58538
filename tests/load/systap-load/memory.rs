//! Loads on the memory of the process: faults, mappings, the heap. All happen at `PLACE`, where nothing else of the process is.

#![expect(unsafe_code, reason = "it maps memory at chosen addresses and makes raw system calls")]

/// Where the loads map: far from what the loader and the allocator use.
const PLACE: usize = 0x6000_0000_0000;
const PAGE: usize = 4096;
const HUGE: usize = 2 << 20;

/// Runs the load of that name; none if there is none, false if the kernel refused it.
pub(crate) fn load(what: &str, count: usize) -> Option<bool> {
    Some(match what {
        // `count` faults that write.
        "touch" => map(count * PAGE).is_some_and(|at| each_page(at, count, write)),
        // `count` faults that read, which map the zero page, then as many that write, which copy it.
        "read-then-write" => {
            map(count * PAGE).is_some_and(|at| each_page(at, count, read) && each_page(at, count, write))
        }
        // A child that writes to `count` pages that it shares with its parent.
        "copy-on-write" => map(count * PAGE).is_some_and(|at| each_page(at, count, write) && in_child(at, count)),
        // `count` times a mapping of two pages and its end.
        "mappings" => (0..count).all(|_| map(2 * PAGE).is_some_and(|at| unmap(at, 2 * PAGE))),
        // The heap grows `count` times by three pages.
        "heap" => grow(count),
        // `count` huge pages, each by one write.
        "huge" => huge(count),
        _ => return None,
    })
}

fn map(length: usize) -> Option<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: maps where nothing is, and the kernel refuses if something is.
    let at = unsafe { libc::mmap(PLACE as *mut _, length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if at as usize != PLACE {
        return None;
    }
    // SAFETY: advice on memory that was mapped above. It is refused where there are no huge pages, which is as good.
    unsafe { libc::madvise(at, length, libc::MADV_NOHUGEPAGE) };
    Some(PLACE)
}

fn unmap(at: usize, length: usize) -> bool {
    // SAFETY: nothing refers to what `map` gave.
    unsafe { libc::munmap(at as *mut _, length) == 0 }
}

fn each_page(at: usize, count: usize, act: fn(*mut u8)) -> bool {
    (0..count).for_each(|page| act((at + page * PAGE) as *mut u8));
    true
}

fn write(at: *mut u8) {
    // SAFETY: `at` is in memory that `map` gave.
    unsafe { at.write_volatile(1) }
}

fn read(at: *mut u8) {
    // SAFETY: `at` is in memory that `map` gave.
    _ = unsafe { at.read_volatile() };
}

fn in_child(at: usize, count: usize) -> bool {
    // SAFETY: the child does nothing but write to its own memory, and ends.
    match unsafe { libc::fork() } {
        -1 => false,
        0 => {
            each_page(at, count, write);
            // SAFETY: ends the child without running what the parent registered.
            unsafe { libc::_exit(0) }
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` lives through the call.
            unsafe { libc::waitpid(child, &raw mut status, 0) == child && status == 0 }
        }
    }
}

fn grow(count: usize) -> bool {
    // SAFETY: asks for the end of the heap, which changes nothing.
    let end = unsafe { libc::syscall(libc::SYS_brk, 0) };
    (1..=count as i64).all(|step| {
        let wanted = end + step * 3 * PAGE as i64;
        // SAFETY: the heap grows; the allocator of the process sees that its end has moved, and goes on behind it.
        unsafe { libc::syscall(libc::SYS_brk, wanted) == wanted }
    })
}

fn huge(count: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: as in `map`.
    let at = unsafe { libc::mmap(PLACE as *mut _, count * HUGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if at as usize != PLACE {
        return false;
    }
    // SAFETY: advice on memory that was mapped above.
    unsafe { libc::madvise(at, count * HUGE, libc::MADV_HUGEPAGE) };
    (0..count).for_each(|page| write((PLACE + page * HUGE) as *mut u8));
    true
}
