//! The running kernel's BTF, against what other sources say of the same kernel.
//!
//! Must never name an offset that a configuration can change.

use super::*;
use std::path::Path;

const FILE: &str = "/sys/kernel/btf/vmlinux";

fn running() -> Option<Btf> {
    match MappedFile::open(Path::new(FILE)) {
        Ok(file) => Some(Btf::from_bytes(file).unwrap()),
        Err(error) => {
            eprintln!("skipped: {FILE}: {error}");
            None
        }
    }
}

/// A blob with the first types of the running kernel's, up to that many bytes, and all its strings.
pub(super) fn first_types(most: usize) -> Option<Vec<u8>> {
    let btf = running()?;
    let types = btf.type_section();
    let mut end = 0;
    let mut id = 1;
    while let Ok(record) = btf.index().unwrap().record(types, TypeId(id)) {
        if end + record.len() > most {
            break;
        }
        end += record.len();
        id += 1;
    }
    let strings = &btf.string_section()[..64 * 1024];
    let mut bytes = btf.bytes[..24].to_vec();
    for (at, number) in [(4, 24), (8, 0), (12, end), (16, end), (20, strings.len() + 1)] {
        bytes[at..at + 4].copy_from_slice(&(number as u32).to_ne_bytes());
    }
    bytes.extend(&types[..end]);
    bytes.extend(strings);
    bytes.push(0);
    Some(bytes)
}

#[test]
fn every_type_can_be_read() {
    let Some(btf) = running() else { return };
    let count = btf.type_count().unwrap();
    assert!(count > 10_000, "{count}");
    for id in (0..count).map(TypeId) {
        let ty = btf.get(id).unwrap();
        // A tag of a declaration is no type that C could spell.
        if !matches!(ty, Type::DeclTag { .. }) {
            assert!(!btf.describe(id).contains('?'), "{id:?} {ty:?} {}", btf.describe(id));
        }
        btf.resolve(id).unwrap();
        if let Type::Struct { size, members, .. } | Type::Union { size, members, .. } = ty {
            let all = btf.members(id).unwrap();
            assert_eq!(all.len(), usize::from(members));
            for member in all {
                let bits = match member.bitfield_bits {
                    0 => btf.size_of(member.ty).unwrap() * 8,
                    bits => u64::from(bits),
                };
                assert!(u64::from(member.bit_offset) + bits <= u64::from(size) * 8, "{id:?} {member:?}");
            }
        }
    }
}

/// Facts that are ABI or have not changed for as long as there has been BTF.
#[test]
fn facts_that_hold_on_every_kernel() {
    let Some(btf) = running() else { return };
    let find = |kind, name| btf.find(kind, name).unwrap().unwrap_or_else(|| panic!("{name}"));
    let task = find(Kind::Struct, "task_struct");
    let comm = btf.member(task, "comm").unwrap().unwrap();
    assert_eq!((btf.describe(comm.ty).as_str(), comm.bitfield_bits), ("char [16]", 0));
    let pid = btf.member(task, "pid").unwrap().unwrap();
    let tgid = btf.member(task, "tgid").unwrap().unwrap();
    assert_eq!(btf.describe(pid.ty), "pid_t");
    assert_eq!(tgid.bit_offset - pid.bit_offset, 32);
    assert_eq!(btf.describe(btf.member(task, "mm").unwrap().unwrap().ty), "struct mm_struct *");
    let execve = btf.member(task, "in_execve").unwrap().unwrap();
    assert_eq!(execve.bitfield_bits, 1);
    assert_eq!(btf.size_of(find(Kind::Typedef, "u64")), Ok(8));
    assert_eq!(btf.size_of(find(Kind::Struct, "list_head")), Ok(16));
    let vfs_read = btf.params(find(Kind::Func, "vfs_read")).unwrap();
    let vfs_read: Vec<_> = vfs_read.iter().map(|param| (param.name, btf.describe(param.ty))).collect();
    let expected = [("file", "struct file *"), ("buf", "char *"), ("count", "size_t"), ("pos", "loff_t *")];
    assert_eq!(vfs_read, expected.map(|(name, ty)| (name, ty.to_string())));
    if cfg!(target_arch = "x86_64") {
        // struct pt_regs is in the ABI of ptrace: fifteen registers of eight bytes come before orig_ax and ip.
        let regs = find(Kind::Struct, "pt_regs");
        let offset = |name| btf.member(regs, name).unwrap().unwrap().bit_offset / 8;
        assert_eq!(["r15", "di", "orig_ax", "ip", "sp"].map(offset), [0, 112, 120, 128, 152]);
        assert_eq!(btf.size_of(regs), Ok(168));
    }
}

/// The C compiler's own view of a struct that is in the user ABI, whatever the kernel.
#[test]
fn abi_structs_match_libc() {
    let Some(btf) = running() else { return };
    let stat = btf.find(Kind::Struct, "__kernel_timespec").unwrap().unwrap();
    assert_eq!(btf.size_of(stat), Ok(16));
    assert_eq!(btf.member(stat, "tv_nsec").unwrap().unwrap().bit_offset, 64);
    let sockaddr = btf.find(Kind::Struct, "sockaddr_in").unwrap().unwrap();
    let offset = |name| btf.member(sockaddr, name).unwrap().unwrap().bit_offset / 8;
    assert_eq!(["sin_family", "sin_port", "sin_addr"].map(offset), [0, 2, 4]);
}

/// A second way through the same bytes, written apart: count the records by kind.
#[test]
fn names_agree_with_a_plain_walk() {
    let Some(btf) = running() else { return };
    let count = btf.type_count().unwrap();
    let mut functions = 0;
    let mut first = None;
    for id in (1..count).map(TypeId) {
        if let Type::Func { name, .. } = btf.get(id).unwrap() {
            functions += 1;
            if name == "tcp_sendmsg" && first.is_none() {
                first = Some(id);
            }
        }
    }
    assert_eq!(btf.names(Kind::Func).unwrap().count(), functions);
    assert_eq!(btf.find(Kind::Func, "tcp_sendmsg").unwrap(), first);
}
