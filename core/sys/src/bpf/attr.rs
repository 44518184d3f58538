//! The attribute structures of `bpf(2)`, as far as they are used: prefixes of `union bpf_attr` and of the structures
//! that it points to (include/uapi/linux/bpf.h).
//!
//! It must never have implicit padding or a field out of place: the kernel refuses what it does not know with E2BIG
//! when it is not zero. Every structure starts as all zeroes, and assertions below pin the offsets that could drift.

use std::mem::offset_of;

#[repr(C)]
#[derive(Default)]
pub(super) struct MapCreate {
    pub(super) map_type: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) map_flags: u32,
    pub(super) inner_map_fd: u32,
    pub(super) numa_node: u32,
    pub(super) map_name: [u8; 16],
}

/// For lookup, update, delete and next key; `value` is the next key's address for the last.
#[repr(C)]
#[derive(Default)]
pub(super) struct MapElement {
    pub(super) map_fd: u32,
    pub(super) padding: u32,
    pub(super) key: u64,
    pub(super) value: u64,
    pub(super) flags: u64,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct MapBatch {
    pub(super) in_batch: u64,
    pub(super) out_batch: u64,
    pub(super) keys: u64,
    pub(super) values: u64,
    pub(super) count: u32,
    pub(super) map_fd: u32,
    pub(super) elem_flags: u64,
    pub(super) flags: u64,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct MapFreeze {
    pub(super) map_fd: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct ProgramLoad {
    pub(super) prog_type: u32,
    pub(super) insn_cnt: u32,
    pub(super) insns: u64,
    pub(super) license: u64,
    pub(super) log_level: u32,
    pub(super) log_size: u32,
    pub(super) log_buf: u64,
    pub(super) kern_version: u32,
    pub(super) prog_flags: u32,
    pub(super) prog_name: [u8; 16],
    pub(super) prog_ifindex: u32,
    pub(super) expected_attach_type: u32,
    pub(super) prog_btf_fd: u32,
    pub(super) func_info_rec_size: u32,
    pub(super) func_info: u64,
    pub(super) func_info_cnt: u32,
    pub(super) line_info_rec_size: u32,
    pub(super) line_info: u64,
    pub(super) line_info_cnt: u32,
    pub(super) attach_btf_id: u32,
    pub(super) attach_prog_fd: u32,
    pub(super) padding: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct TestRun {
    pub(super) prog_fd: u32,
    pub(super) retval: u32,
    pub(super) data_size_in: u32,
    pub(super) data_size_out: u32,
    pub(super) data_in: u64,
    pub(super) data_out: u64,
    pub(super) repeat: u32,
    pub(super) duration: u32,
    pub(super) ctx_size_in: u32,
    pub(super) ctx_size_out: u32,
    pub(super) ctx_in: u64,
    pub(super) ctx_out: u64,
    pub(super) flags: u32,
    pub(super) cpu: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct ById {
    pub(super) id: u32,
    pub(super) next_id: u32,
    pub(super) open_flags: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct ObjectInfo {
    pub(super) bpf_fd: u32,
    pub(super) info_len: u32,
    pub(super) info: u64,
}

/// What `ObjectInfo` points to for a program: `struct bpf_prog_info` up to `verified_insns`.
#[repr(C)]
#[derive(Default)]
pub(super) struct ProgramInfo {
    pub(super) prog_type: u32,
    pub(super) id: u32,
    pub(super) tag: [u8; 8],
    pub(super) jited_prog_len: u32,
    pub(super) xlated_prog_len: u32,
    pub(super) jited_prog_insns: u64,
    pub(super) xlated_prog_insns: u64,
    pub(super) load_time: u64,
    pub(super) created_by_uid: u32,
    pub(super) nr_map_ids: u32,
    pub(super) map_ids: u64,
    pub(super) name: [u8; 16],
    pub(super) ifindex: u32,
    pub(super) gpl_compatible: u32,
    pub(super) netns_dev: u64,
    pub(super) netns_ino: u64,
    pub(super) nr_jited_ksyms: u32,
    pub(super) nr_jited_func_lens: u32,
    pub(super) jited_ksyms: u64,
    pub(super) jited_func_lens: u64,
    pub(super) btf_id: u32,
    pub(super) func_info_rec_size: u32,
    pub(super) func_info: u64,
    pub(super) nr_func_info: u32,
    pub(super) nr_line_info: u32,
    pub(super) line_info: u64,
    pub(super) jited_line_info: u64,
    pub(super) nr_jited_line_info: u32,
    pub(super) line_info_rec_size: u32,
    pub(super) jited_line_info_rec_size: u32,
    pub(super) nr_prog_tags: u32,
    pub(super) prog_tags: u64,
    pub(super) run_time_ns: u64,
    pub(super) run_cnt: u64,
    pub(super) recursion_misses: u64,
    pub(super) verified_insns: u32,
    pub(super) attach_btf_obj_id: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct RawTracepointOpen {
    pub(super) name: u64,
    pub(super) prog_fd: u32,
    pub(super) padding: u32,
}

/// `union bpf_attr` for a link to a perf event.
#[repr(C)]
#[derive(Default)]
pub(super) struct PerfLinkCreate {
    pub(super) prog_fd: u32,
    pub(super) target_fd: u32,
    pub(super) attach_type: u32,
    pub(super) flags: u32,
    pub(super) bpf_cookie: u64,
}

/// `union bpf_attr` for a link to many kernel functions.
#[repr(C)]
#[derive(Default)]
pub(super) struct FunctionsLinkCreate {
    pub(super) prog_fd: u32,
    pub(super) target_fd: u32,
    pub(super) attach_type: u32,
    pub(super) link_flags: u32,
    pub(super) flags: u32,
    pub(super) count: u32,
    pub(super) symbols: u64,
    pub(super) addresses: u64,
    pub(super) cookies: u64,
}

/// `union bpf_attr` for a link to a hook of netfilter.
#[repr(C)]
#[derive(Default)]
pub(super) struct PacketsLinkCreate {
    pub(super) prog_fd: u32,
    pub(super) target_fd: u32,
    pub(super) attach_type: u32,
    pub(super) link_flags: u32,
    pub(super) family: u32,
    pub(super) hook: u32,
    pub(super) priority: i32,
    pub(super) flags: u32,
}

/// `union bpf_attr` for a link to many places of a file.
#[repr(C)]
#[derive(Default)]
pub(super) struct PlacesLinkCreate {
    pub(super) prog_fd: u32,
    pub(super) target_fd: u32,
    pub(super) attach_type: u32,
    pub(super) link_flags: u32,
    pub(super) path: u64,
    pub(super) offsets: u64,
    pub(super) semaphores: u64,
    pub(super) cookies: u64,
    pub(super) count: u32,
    pub(super) flags: u32,
    pub(super) pid: u32,
    pub(super) padding: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct BtfLoad {
    pub(super) btf: u64,
    pub(super) btf_log_buf: u64,
    pub(super) btf_size: u32,
    pub(super) btf_log_size: u32,
    pub(super) btf_log_level: u32,
    pub(super) padding: u32,
}

#[repr(C)]
#[derive(Default)]
pub(super) struct EnableStats {
    pub(super) kind: u32,
}

const _: () = {
    assert!(size_of::<MapCreate>() == 44);
    assert!(size_of::<MapElement>() == 32);
    assert!(size_of::<MapBatch>() == 56);
    assert!(size_of::<ProgramLoad>() == 120);
    assert!(offset_of!(ProgramLoad, log_buf) == 32);
    assert!(offset_of!(ProgramLoad, expected_attach_type) == 68);
    assert!(offset_of!(ProgramLoad, line_info) == 96);
    assert!(offset_of!(ProgramLoad, attach_prog_fd) == 112);
    assert!(size_of::<TestRun>() == 72);
    assert!(offset_of!(TestRun, ctx_in) == 48);
    assert!(size_of::<ObjectInfo>() == 16);
    assert!(offset_of!(ProgramInfo, name) == 64);
    assert!(offset_of!(ProgramInfo, run_time_ns) == 192);
    assert!(offset_of!(ProgramInfo, verified_insns) == 216);
    assert!(size_of::<ProgramInfo>() == 224);
    assert!(size_of::<RawTracepointOpen>() == 16);
    assert!(offset_of!(PerfLinkCreate, bpf_cookie) == 16);
    assert!(offset_of!(FunctionsLinkCreate, symbols) == 24);
    assert!(size_of::<FunctionsLinkCreate>() == 48);
    assert!(offset_of!(PacketsLinkCreate, family) == 16);
    assert!(size_of::<PacketsLinkCreate>() == 32);
    assert!(offset_of!(PlacesLinkCreate, count) == 48);
    assert!(size_of::<PlacesLinkCreate>() == 64);
    assert!(size_of::<BtfLoad>() == 32);
};
