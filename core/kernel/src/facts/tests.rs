//! Facts that are saved and read again, and files that are damaged or of a later systap.
//!
//! Must never compare a record with itself: what is read again is compared with the kernel that it was saved from.

use super::*;
use crate::TypeId;
use crate::btf::tests::builder::Builder;

fn small() -> Kernel {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    b.structure("task_struct", 4, &[("pid", int, 0, 0)]);
    let events = vec![("irq".to_owned(), "softirq_entry".to_owned()), ("sched".to_owned(), "sched_switch".to_owned())];
    let text = "0000000000000010 A percpu\nffffffff81000000 T _text\nffffffff81000000 t start\nffffffffc0000000 t of_it\t[module]\n";
    Kernel::from_parts(b.bytes(), Some(events), "6.1.0-18-amd64")
        .with_symbols(text.into())
        .with_config(Ok(Config::parse("CONFIG_HZ=250\n# CONFIG_X is not set\n".to_owned())))
}

fn reopened(bytes: &[u8]) -> Result<Kernel, KernelError> {
    open(Path::new("some.facts"), bytes.to_vec())
}

#[test]
fn what_was_saved_is_read_again() {
    let saved = small().save(Effort::Usual).unwrap();
    assert!(saved.missing.is_empty() && is_facts(&saved.bytes));
    let kernel = reopened(&saved.bytes).unwrap();
    assert!(!kernel.is_running());
    assert_eq!(kernel.release().unwrap(), small().release().unwrap());
    assert_eq!(kernel.arch(), Arch::HOST);
    assert_eq!(kernel.btf().unwrap().find(crate::Kind::Struct, "task_struct"), Ok(Some(TypeId(2))));
    assert_eq!(kernel.config().unwrap().value("CONFIG_HZ"), Some("250"));
    assert_eq!(kernel.config().unwrap().value("CONFIG_X"), None);
    let known = small();
    assert_eq!(
        kernel.symbols().unwrap().iter().collect::<Vec<_>>(),
        known.symbols().unwrap().iter().collect::<Vec<_>>()
    );
    assert_eq!(kernel.symbols().unwrap().by_name("of_it").unwrap().module, Some("module"));
    assert_eq!(kernel.events().unwrap().all().unwrap(), known.events().unwrap().all().unwrap());
    assert_eq!(kernel.save(Effort::Usual).unwrap().bytes, saved.bytes, "equal facts are equal files");
    assert_eq!(saved.hash(), small().save(Effort::Usual).unwrap().hash());
}

#[test]
fn what_is_not_known_is_not_saved() {
    let mut b = Builder::new();
    b.int("int", 4, 1);
    let saved = Kernel::from_parts(b.bytes(), None, "6.8").save(Effort::Usual).unwrap();
    assert_eq!(saved.missing.iter().map(|(fact, _)| *fact).collect::<Vec<_>>(), ["configuration", "symbols", "events"]);
    let kernel = reopened(&saved.bytes).unwrap();
    insta::assert_snapshot!(kernel.config().unwrap_err(), @"the record of this kernel has no configuration");
    insta::assert_snapshot!(kernel.symbols().unwrap_err(), @"the record of this kernel has no symbols");
    insta::assert_snapshot!(kernel.tracepoints(Some("sched"), "*").unwrap_err(), @"the record of this kernel has no list of trace events");
}

#[test]
fn a_later_format_is_an_error_that_says_so() {
    let mut bytes = small().save(Effort::Usual).unwrap().bytes;
    bytes[8] = 2;
    insta::assert_snapshot!(reopened(&bytes).unwrap_err(), @"some.facts has facts in format 2, and this systap reads up to format 1: update systap, or save them again");
}

/// A part that a later systap adds within the format is left out.
#[test]
fn an_unknown_part_is_left_out() {
    let saved = small().save(Effort::Usual).unwrap().bytes;
    let mut table = saved[HEADER..HEADER + 5 * ROW].to_vec();
    table[4 * ROW] = 99;
    let mut bytes = saved.clone();
    bytes[HEADER..HEADER + 5 * ROW].copy_from_slice(&table);
    bytes[16..HEADER].copy_from_slice(&Sha256::digest(&table));
    let kernel = reopened(&bytes).unwrap();
    assert!(kernel.btf().is_ok() && kernel.events().is_err());
}

/// Each fact of a damaged file is the one that was saved, or an error that names the file; never another fact.
#[test]
fn every_damage_is_noticed() {
    let saved = small().save(Effort::Usual).unwrap().bytes;
    let known = small();
    let check = |bytes: &[u8], at: usize| {
        let named = |error: KernelError| assert!(error.to_string().contains("some.facts"), "{at}: {error}");
        let kernel = match reopened(bytes) {
            Ok(kernel) => kernel,
            Err(error) => return named(error),
        };
        assert_eq!(kernel.release().unwrap(), known.release().unwrap(), "{at}");
        match kernel.btf() {
            Ok(btf) => assert_eq!(btf.blob(), known.btf().unwrap().blob(), "{at}"),
            Err(error) => named(error),
        }
        match kernel.symbols() {
            Ok(symbols) => assert_eq!(symbols.len(), 4, "{at}"),
            Err(error) => named(error),
        }
        match kernel.config() {
            Ok(config) => assert_eq!(config.value("CONFIG_HZ"), Some("250")),
            Err(error) => named(error),
        }
        match kernel.events() {
            Ok(events) => assert_eq!(events.all().unwrap().len(), 2),
            Err(error) => named(error),
        }
    };
    for at in MAGIC.len()..saved.len() {
        for bit in [1, 0x80] {
            let mut bytes = saved.clone();
            bytes[at] ^= bit;
            check(&bytes, at);
        }
        check(&saved[..at], at);
    }
}

#[test]
fn columns_of_symbols_that_lie_are_refused() {
    let packed = symbols::pack(small().symbols().unwrap());
    let file = Path::new("some.facts");
    assert!(symbols::unpack(&packed, file).is_ok());
    for at in 0..packed.len() {
        assert!(symbols::unpack(&packed[..at], file).is_err(), "{at}");
        for byte in [0, 1, b'\t', b'\n', b' ', 0x7f, 0xff] {
            let mut damaged = packed.clone();
            damaged[at] = byte;
            if let Ok(symbols) = symbols::unpack(&damaged, file) {
                symbols.iter().for_each(|symbol| _ = symbols.resolve(symbol.address));
            }
        }
    }
    assert!(symbols::unpack(&[0xff; 40], file).is_err());
}

/// The running kernel's facts by both roads.
#[test]
fn the_running_kernels_facts() {
    let running = Kernel::running();
    let Ok(btf) = running.btf() else { return eprintln!("skipped: this kernel shows no types") };
    let kernel = reopened(&running.save(Effort::Usual).unwrap().bytes).unwrap();
    assert_eq!(kernel.release().unwrap(), running.release().unwrap());
    assert!(kernel.btf().unwrap().blob() == btf.blob());
    assert_eq!(kernel.tracepoints(None, "*").unwrap(), running.tracepoints(None, "*").unwrap());
    if running.events().is_ok() {
        assert_eq!(kernel.tracepoints(Some("sched"), "*").unwrap(), running.tracepoints(Some("sched"), "*").unwrap());
    }
    if let (Ok(symbols), Ok(saved)) = (running.symbols(), kernel.symbols()) {
        assert!(symbols.iter().eq(saved.iter()), "the symbols differ");
        assert_eq!(kernel.functions("vfs_*").unwrap(), running.functions("vfs_*").unwrap());
    }
    if let (Ok(config), Ok(saved)) = (running.config(), kernel.config()) {
        assert!(config.set().eq(saved.set()));
    }
}
