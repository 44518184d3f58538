//! BPF instructions by hand, and what the tests of this folder share besides.
//!
//! It must never grow into a code generator: tests of this layer must not depend on what is built on it.
#![allow(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::os::fd::AsRawFd;

use systap_sys::bpf::{Map, MapFlags, MapKind, MapSpec, Program, ProgramKind, ProgramSpec};
use systap_sys::privilege::Capabilities;

/// `struct bpf_insn` as a word.
pub(crate) fn insn(opcode: u8, dst: u8, src: u8, offset: i16, immediate: i32) -> u64 {
    let (offset, immediate) = (offset.cast_unsigned(), immediate.cast_unsigned());
    u64::from(opcode) | u64::from(src << 4 | dst) << 8 | u64::from(offset) << 16 | u64::from(immediate) << 32
}

/// dst = immediate
pub(crate) fn set(dst: u8, immediate: i32) -> u64 {
    insn(0xb7, dst, 0, 0, immediate)
}

/// dst = src
pub(crate) fn copy(dst: u8, src: u8) -> u64 {
    insn(0xbf, dst, src, 0, 0)
}

/// dst += immediate
pub(crate) fn add(dst: u8, immediate: i32) -> u64 {
    insn(0x07, dst, 0, 0, immediate)
}

/// dst = *(u64 *)(src + offset)
pub(crate) fn load(dst: u8, src: u8, offset: i16) -> u64 {
    insn(0x79, dst, src, offset, 0)
}

/// *(u64 *)(dst + offset) = src
pub(crate) fn store(dst: u8, offset: i16, src: u8) -> u64 {
    insn(0x7b, dst, src, offset, 0)
}

/// lock *(u64 *)(dst + offset) += src
pub(crate) fn atomic_add(dst: u8, offset: i16, src: u8) -> u64 {
    insn(0xdb, dst, src, offset, 0)
}

/// src = lock fetch_add(*(u64 *)(dst + offset), src)
pub(crate) fn atomic_fetch_add(dst: u8, offset: i16, src: u8) -> u64 {
    insn(0xdb, dst, src, offset, 1)
}

/// call helper
pub(crate) fn call(helper: i32) -> u64 {
    insn(0x85, 0, 0, 0, helper)
}

/// exit
pub(crate) fn exit() -> u64 {
    insn(0x95, 0, 0, 0, 0)
}

/// dst = the map itself
pub(crate) fn map(dst: u8, map: &Map) -> [u64; 2] {
    [insn(0x18, dst, 1, 0, map.as_raw_fd()), 0]
}

/// dst = the address of the first value of an array
pub(crate) fn map_value(dst: u8, map: &Map) -> [u64; 2] {
    [insn(0x18, dst, 2, 0, map.as_raw_fd()), 0]
}

/// Loads instructions, or fails with the verifier's log.
pub(crate) fn load_program(kind: ProgramKind, instructions: &[u64]) -> Program {
    let spec = ProgramSpec { kind, instructions, name: "systap_test", license: c"GPL", debug: None };
    Program::load(&spec).unwrap_or_else(|error| panic!("{error}\n{}", error.log))
}

/// A map without further choices.
pub(crate) fn plain_map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Map {
    let flags = MapFlags::default();
    Map::create(&MapSpec { kind, key_size, value_size, max_entries, flags, name: "systap_test" }).unwrap()
}

/// An array of one value of so many words, to be mapped.
pub(crate) fn shared_array(words: u32) -> Map {
    let flags = MapFlags { mmapable: true, ..Default::default() };
    let (kind, value_size) = (MapKind::Array, words * 8);
    Map::create(&MapSpec { kind, key_size: 4, value_size, max_entries: 1, flags, name: "systap_words" }).unwrap()
}

/// Whether this process may use BPF; says so if not.
pub(crate) fn may_trace() -> bool {
    let capabilities = Capabilities::effective().unwrap();
    let may = capabilities.allows_bpf() && capabilities.allows_perf_events();
    if !may {
        eprintln!("skipped: this process has neither CAP_BPF with CAP_PERFMON nor CAP_SYS_ADMIN");
    }
    may
}
