//! The plugins that ship with systap, asked about the running kernel as systap asks them: in a confined process, from the built library.
//!
//! One file for all, which each package's tests are built of.

#![allow(missing_docs, reason = "a test")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that brings its own harness")]

use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use systap_kernel::Kernel;
use systap_plugin_host::{Answer, Digest, Fact, Host, Request, Value, gather, serve_if_child};

fn main() -> ExitCode {
    serve_if_child(std::env::args_os());
    let test = Trial::test("answers_about_the_running_kernel", || {
        answers();
        Ok(())
    });
    libtest_mimic::run(&Arguments::from_args(), vec![test]).exit_code()
}

fn answers() {
    let kernel = Kernel::running();
    if kernel.btf().is_err() {
        return eprintln!("skipped: this kernel shows no types");
    }
    let (library, asked): (&str, &[&str]) = match env!("CARGO_PKG_NAME") {
        "systap-tapset-vm" => ("libsystap_vm.so", &["vm_fault_reason", "___GFP_DMA_BIT"]),
        "systap-tapset-net" => ("libsystap_net.so", &["TCP_ESTABLISHED", "skb_drop_reason"]),
        _ => ("libsystap_sched.so", &[]),
    };
    let own = std::env::current_exe().unwrap();
    let places = [own.parent().unwrap().join(library), own.parent().unwrap().parent().unwrap().join(library)];
    let built: Option<PathBuf> = places.into_iter().find(|place| place.exists());
    let Some(library) = built else { return eprintln!("skipped: {library} is not built") };
    let facts: Vec<Fact> = asked.iter().map(|name| Fact::Enum((*name).to_owned())).collect();
    let request = Request {
        sha256: Digest::of(&std::fs::read(&library).unwrap()),
        library,
        abi: systap_plugin::ABI,
        units: vec![],
        facts: gather(&kernel, &facts).unwrap(),
    };
    let answer = Host::new().ask_twice(&request).unwrap().answer;
    let number = |name: &str| match answer.constants.iter().find(|one| one.name == name).map(|one| &one.value) {
        Some(Value::Long(value)) => Some(*value),
        other => panic!("{name} is {other:?}"),
    };
    match env!("CARGO_PKG_NAME") {
        "systap-tapset-vm" => {
            assert_eq!(number("VM_FAULT_MAJOR"), Some(4));
            // The same on all kernels since 5.0, as reports of memory that ran out show.
            assert_eq!(number("GFP_KERNEL"), Some(0xcc0));
            assert_eq!(row(&answer, "vm_fault_names", 4), "MAJOR");
            assert_eq!(row(&answer, "gfp_bit_names", 0x40), "IO");
        }
        "systap-tapset-net" => {
            // include/net/tcp_states.h, which /proc/net/tcp shows in hexadecimal digits.
            assert_eq!(number("TCP_LISTEN"), Some(10));
            assert_eq!(row(&answer, "tcp_state_names", 1), "ESTABLISHED");
        }
        _ => assert_eq!(row(&answer, "task_state_letters", 2), "D"),
    }
}

fn row(answer: &Answer, table: &str, key: i64) -> String {
    let table = answer.tables.iter().find(|one| one.name == table).unwrap();
    match table.rows.iter().find(|row| row.key == key).map(|row| &row.value) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("{key} is {other:?}"),
    }
}
