//! `bpf(2)`: maps, programs, links, type information.
//!
//! It must never read or write ELF, nor know what a program means: instructions come in, descriptors go out.

mod attr;
mod btf;
mod entries;
mod instruction;
mod link;
mod map;
mod program;
mod stats;
mod words;

pub use btf::Btf;
pub use instruction::instruction;
pub use link::{Link, Places, attach_kernel_functions, attach_packets, attach_places, attach_raw_tracepoint};
pub use map::{Map, MapFlags, MapKind, MapSpec, UpdateMode};
pub use program::{
    DebugInfo, FunctionInfo, LineInfo, LoadError, Program, ProgramInfo, ProgramKind, ProgramSpec, program_exists,
};
pub use stats::enable_run_time_stats;
pub use words::SharedWords;

pub(crate) use link::attach_perf_event;

use crate::error::last_errno;

/// Commands of `bpf(2)` (`enum bpf_cmd` of include/uapi/linux/bpf.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgramLoad = 5,
    ProgramTestRun = 10,
    ProgramFdById = 13,
    ObjectInfo = 15,
    RawTracepointOpen = 17,
    BtfLoad = 18,
    MapLookupAndDelete = 21,
    MapFreeze = 22,
    MapLookupBatch = 24,
    MapLookupAndDeleteBatch = 25,
    LinkCreate = 28,
    EnableStats = 32,
}

/// Makes the system call. What it returns is a descriptor or 0; the error is an errno.
///
/// # Safety
/// `Attr` must be a `repr(C)` prefix of the kernel's `union bpf_attr` for this command, without implicit padding, and
/// every address in it must be valid for what the command reads and writes there.
unsafe fn call<Attr>(command: Command, attr: &mut Attr) -> Result<libc::c_long, i32> {
    let size = size_of::<Attr>();
    // SAFETY: the kernel reads `size` bytes of attr and writes within them; the addresses in it are the caller's
    // promise.
    let returned = unsafe { libc::syscall(libc::SYS_bpf, command as u32, std::ptr::from_mut(attr), size) };
    if returned < 0 { Err(last_errno()) } else { Ok(returned) }
}

/// A name as the kernel takes it: 15 bytes at most, of letters, digits, `_` and `.`; anything else becomes `_`.
fn object_name(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (byte, given) in bytes.iter_mut().take(15).zip(name.bytes()) {
        *byte = if given.is_ascii_alphanumeric() || given == b'.' { given } else { b'_' };
    }
    bytes
}

/// The address of a slice's first byte, in the form that attributes carry addresses.
fn address_of<T>(slice: &[T]) -> u64 {
    slice.as_ptr().expose_provenance() as u64
}

/// As [`address_of`], for what the kernel writes to.
fn address_of_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr().expose_provenance() as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_fit_the_kernels_alphabet_and_length() {
        assert_eq!(&super::object_name("reads"), b"reads\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&super::object_name("a b/c:ü.stp_and_more"), b"a_b_c___.stp_an\0");
    }
}
