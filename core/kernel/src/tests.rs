//! One kernel as a whole: the running one against other sources, and a recorded one.
//!
//! Must never change the machine: a tracefs of its own is seen by nobody else.

use crate::btf::tests::builder::Builder;
use crate::*;
use std::os::fd::AsFd;
use std::process::Command;
use systap_sys::mount::{detached_tracefs, path_of};

/// A kernel with two tracepoints, one of which tracefs does not list.
fn recorded(events: Option<&[(&str, &str)]>) -> Kernel {
    let mut b = Builder::new();
    let void_ptr = b.ptr(TypeId::VOID);
    let int = b.int("int", 4, 1);
    let bool = b.int("_Bool", 1, 4);
    let task = b.structure("task_struct", 4, &[("pid", int, 0, 0)]);
    let task_ptr = b.ptr(task);
    let switch = b.proto(TypeId::VOID, &[("", void_ptr), ("", bool), ("", task_ptr)]);
    let switch_ptr = b.ptr(switch);
    b.typedef("btf_trace_sched_switch", switch_ptr);
    let named = b.proto(int, &[("__data", void_ptr), ("preempt", bool), ("prev", task_ptr)]);
    b.func("__bpf_trace_sched_switch", switch);
    b.func("__traceiter_sched_switch", named);
    let hidden = b.proto(TypeId::VOID, &[("", void_ptr), ("", int)]);
    let hidden_ptr = b.ptr(hidden);
    b.typedef("btf_trace_hidden_tp", hidden_ptr);
    b.typedef("btf_trace_no_function", int);
    let events = events.map(|events| events.iter().map(|(of, name)| (of.to_string(), name.to_string())).collect());
    Kernel::from_parts(b.bytes(), events, "6.1.0-18-amd64")
}

fn show(kernel: &Kernel, tracepoint: &Tracepoint) -> String {
    let btf = kernel.btf().unwrap();
    let params: Vec<_> =
        tracepoint.params.iter().map(|param| format!("{}: {}", param.name, btf.describe(param.ty))).collect();
    format!("{}({})", tracepoint.name, params.join(", "))
}

#[test]
fn a_recorded_kernel() {
    let kernel = recorded(Some(&[("sched", "sched_switch"), ("sched", "gone")]));
    assert!(!kernel.is_running());
    assert_eq!(kernel.release().unwrap().as_str(), "6.1.0-18-amd64");
    assert_eq!(kernel.version().unwrap().to_string(), "6.1.0");
    let switch = kernel.tracepoint(None, "sched_switch").unwrap().unwrap();
    assert_eq!(show(&kernel, &switch), "sched_switch(preempt: _Bool, prev: struct task_struct *)");
    assert_eq!(kernel.btf().unwrap().find(Kind::Typedef, "btf_trace_sched_switch"), Ok(Some(TypeId(8))));
    assert_eq!(switch.btf_typedef_id, 8);
    let hidden = kernel.tracepoint(None, "hidden_tp").unwrap().unwrap();
    assert_eq!(show(&kernel, &hidden), "hidden_tp(arg1: int)");
    assert_eq!(kernel.tracepoint(None, "no_function").unwrap(), None);
    assert_eq!(kernel.tracepoint(None, "sched_switc").unwrap(), None);
    assert_eq!(kernel.tracepoint(Some("sched"), "sched_switch").unwrap().as_ref(), Some(&switch));
    assert_eq!(kernel.tracepoint(Some("irq"), "sched_switch").unwrap(), None);
    assert_eq!(kernel.tracepoint(Some("sched"), "gone").unwrap(), None);
    assert_eq!(kernel.tracepoint_names().unwrap(), ["hidden_tp", "sched_switch"]);
    assert_eq!(kernel.tracepoints(None, "*").unwrap(), [hidden.clone(), switch.clone()]);
    assert_eq!(kernel.tracepoints(None, "*_tp").unwrap(), std::slice::from_ref(&hidden));
    assert_eq!(kernel.tracepoints(Some("sch*"), "*").unwrap(), std::slice::from_ref(&switch));
    assert_eq!(kernel.tracepoints(Some("irq"), "*").unwrap(), []);
    let named = kernel.tracepoints_named(&["absent", "sched_switch", "hidden_tp"]).unwrap();
    assert_eq!(named, [None, Some(switch), Some(hidden)]);
}

#[test]
fn what_was_not_recorded_is_an_error() {
    let kernel = recorded(None);
    assert!(kernel.tracepoint(None, "sched_switch").unwrap().is_some());
    let message = |error: KernelError| error.to_string();
    insta::assert_snapshot!(message(kernel.tracepoint(Some("sched"), "sched_switch").unwrap_err()), @"the record of this kernel has no list of trace events");
    insta::assert_snapshot!(message(kernel.symbols().unwrap_err()), @"the record of this kernel has no symbols");
    let damaged = Kernel::from_parts(b"not BTF at all, but long enough".to_vec(), None, "none");
    insta::assert_snapshot!(message(damaged.btf().unwrap_err()), @"the types of this kernel (recorded BTF) are malformed: this is not BTF: it begins with 0x6f6e instead of 0xeb9f");
    assert!(damaged.tracepoint(None, "x").is_err() && damaged.tracepoints(None, "*").is_err());
    assert!(damaged.version().is_err());
}

#[test]
fn errors_name_the_file() {
    let missing = KernelError::NoBtf { file: source::BTF_FILE.into() };
    insta::assert_snapshot!(missing, @"this kernel describes no types: /sys/kernel/btf/vmlinux does not exist (it was built without CONFIG_DEBUG_INFO_BTF)");
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    insta::assert_snapshot!(KernelError::unreadable(Path::new(source::BTF_FILE), denied), @"cannot read /sys/kernel/btf/vmlinux: permission denied");
}

#[test]
fn symbols_can_be_recorded() {
    let kernel = recorded(None).with_symbols(b"ffffffff81000000 T _text\n".to_vec());
    assert_eq!(kernel.symbols().unwrap().resolve(0xffff_ffff_8100_0004).unwrap().name, "_text");
}

#[test]
fn kernels_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Kernel>();
}

#[test]
fn the_running_kernels_release() {
    let uname = Command::new("uname").arg("-rm").output().unwrap();
    let uname = String::from_utf8(uname.stdout).unwrap();
    let kernel = Kernel::running();
    assert_eq!(format!("{} {}", kernel.release().unwrap(), kernel.arch()), uname.trim());
    assert!(kernel.version().unwrap().major >= 4);
}

fn with_btf() -> Option<Kernel> {
    let kernel = Kernel::running();
    match kernel.btf() {
        Ok(_) => Some(kernel),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

#[test]
fn the_running_kernels_tracepoints() {
    let Some(kernel) = with_btf() else { return };
    let all = kernel.tracepoints(None, "*").unwrap();
    let names: Vec<&str> = all.iter().map(|tracepoint| tracepoint.name.as_str()).collect();
    assert_eq!(names, kernel.tracepoint_names().unwrap());
    assert!(names.is_sorted());
    // The prototypes in include/trace/events, which are ABI enough that many tools rely on them.
    let shown = |name| show(&kernel, &kernel.tracepoint(None, name).unwrap().unwrap());
    assert_eq!(shown("sys_enter"), "sys_enter(regs: struct pt_regs *, id: long int)");
    assert_eq!(shown("sys_exit"), "sys_exit(regs: struct pt_regs *, ret: long int)");
    assert_eq!(
        shown("sched_process_exec"),
        "sched_process_exec(p: struct task_struct *, old_pid: pid_t, bprm: struct linux_binprm *)"
    );
    // One by one and all at once must agree.
    for tracepoint in all.iter().step_by(97) {
        assert_eq!(kernel.tracepoint(None, &tracepoint.name).unwrap().as_ref(), Some(tracepoint));
    }
    let unnamed = all.iter().filter(|tracepoint| tracepoint.params.iter().any(|param| param.name == "arg1")).count();
    assert!(unnamed * 10 < all.len(), "{unnamed} tracepoints have no names for their parameters");
}

/// tracefs knows the same tracepoints by another road.
#[test]
fn tracefs_lists_the_same_tracepoints() {
    let Some(kernel) = with_btf() else { return };
    let mount = match detached_tracefs() {
        Ok(mount) => mount,
        Err(error) => return eprintln!("skipped: tracefs: {error}"),
    };
    let listed = std::fs::read_to_string(path_of(mount.as_fd()).join("available_events")).unwrap();
    let mut subsystems = std::collections::BTreeMap::new();
    for (subsystem, event) in listed.lines().filter_map(|line| line.split_once(':')) {
        subsystems.entry(subsystem).or_insert_with(Vec::new).push(event);
    }
    let names = kernel.tracepoint_names().unwrap();
    for (subsystem, mut events) in subsystems {
        // Events that are not tracepoints: one for each system call, and those that ftrace makes for itself.
        if matches!(subsystem, "syscalls" | "ftrace") {
            continue;
        }
        // Tracepoints of modules are in the modules' own BTF.
        events.retain(|event| names.contains(event));
        events.sort_unstable();
        let found = kernel.tracepoints(Some(subsystem), "*").unwrap();
        assert_eq!(found.iter().map(|of| of.name.as_str()).collect::<Vec<_>>(), events, "{subsystem}");
    }
    assert!(kernel.tracepoint(Some("sched"), "sched_switch").unwrap().is_some());
    assert!(kernel.tracepoint(Some("irq"), "sched_switch").unwrap().is_none());
    assert!(kernel.tracepoint(Some("irq/../sched"), "sched_switch").unwrap().is_none());
    assert!(kernel.tracepoint(Some(""), "sched_switch").unwrap().is_none());
}

#[test]
fn the_running_kernels_symbols() {
    let kernel = Kernel::running();
    let symbols = match kernel.symbols() {
        Ok(symbols) => symbols,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let grep = Command::new("grep").args(["-cE", "", source::SYMBOLS_FILE]).output().unwrap();
    let lines: usize = String::from_utf8(grep.stdout).unwrap().trim().parse().unwrap();
    // The kernel makes and drops symbols for BPF programs all the time.
    assert!(symbols.len().abs_diff(lines) < 100, "{} {lines}", symbols.len());
    for name in ["vfs_read", "schedule", "_etext"] {
        let grep =
            Command::new("grep").args(["-E", &format!(" [tTdDrR] {name}$"), source::SYMBOLS_FILE]).output().unwrap();
        let line = String::from_utf8(grep.stdout).unwrap();
        let address = u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap();
        let symbol = symbols.by_name(name).unwrap();
        assert_eq!((symbol.address, symbol.module), (address, None), "{name}");
    }
    let vfs_read = symbols.by_name("vfs_read").unwrap().address;
    let resolved = symbols.resolve(vfs_read + 5).unwrap();
    assert_eq!((resolved.name, resolved.offset, resolved.module), ("vfs_read", 5, None));
    assert!(resolved.size > 64 && resolved.size < 8192, "{}", resolved.size);
    assert!(symbols.by_name("no_such_symbol").is_none());
}
