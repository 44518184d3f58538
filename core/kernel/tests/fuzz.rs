//! Damaged facts in quantity: types, saved facts, symbols, images and releases. Whatever they say, reading them ends, in time, with
//! facts or with an error.
//!
//! `cargo xtask fuzz 1000000` runs many; a plain `cargo test` some. The generator's seed is fixed, so that what failed once fails
//! again: the message has the number of the input and of what it was made.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use systap_kernel::{Effort, Kernel, Kind, Release, TypeId};

/// How many inputs, unless the variable says.
const FEW: u64 = 400;
const ROUNDS: &str = "SYSTAP_FUZZ";

/// No input of this size takes a reader so long, not even without optimization.
const SLOW: Duration = Duration::from_secs(5);

/// Numbers that a length or an offset is damaged with.
const NUMBERS: [u32; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x00ff_ffff, 24, 0x0500_ffff];

/// xorshift64*: as good as damage needs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// A little kernel's types, as the kernel's own tools would write them: an int, a struct with a member, a pointer to it, a function.
fn types() -> Vec<u8> {
    let strings = b"\0int\0task_struct\0pid\0vfs_read\0task\0";
    let at = |text: &str| strings.windows(text.len()).position(|part| part == text.as_bytes()).unwrap() as u32;
    let info = |kind: u32, parts: u32| kind << 24 | parts;
    let types: Vec<u32> = [
        vec![at("int"), info(1, 0), 4, 0x0100_0020],
        vec![at("task_struct"), info(4, 1), 4, at("pid\0"), 1, 0],
        vec![0, info(2, 0), 2],
        vec![0, info(13, 1), 1, at("task\0"), 3],
        vec![at("vfs_read"), info(12, 0), 4],
    ]
    .concat();
    let len = 4 * types.len() as u32;
    let header = [0x0001_eb9f, 24, 0, len, len, strings.len() as u32];
    let words = header.iter().chain(&types).flat_map(|word| word.to_ne_bytes());
    words.chain(strings.iter().copied()).collect()
}

/// Inputs that nothing is wrong with.
fn good() -> Vec<(&'static str, Vec<u8>)> {
    let symbols = "ffffffff81000000 T _text\nffffffff81000010 t vfs_read\nffffffffc0000000 t f\t[m]\n";
    let events = vec![("sched".to_owned(), "sched_switch".to_owned())];
    let kernel = Kernel::from_parts(types(), Some(events), "6.1.0-18-amd64").with_symbols(symbols.into());
    let mut raw = vec![0; 56];
    raw.extend(b"ARM\x64\0\0\0\0Linux version 6.1.0-50-arm64 (x) #1\0");
    raw.extend(types());
    // How the tokens of an image's own table of symbols begin, without the megabytes around them.
    raw.extend(b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00");
    vec![
        ("types", types()),
        ("facts", kernel.save(Effort::Usual).unwrap().bytes),
        ("image", raw),
        ("symbols", symbols.into()),
        ("release", b"6.12.107+deb12-rt-amd64".to_vec()),
    ]
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            3 if bytes.len() > 8 => {
                let at = at.min(bytes.len() - 4) & !3;
                bytes[at..at + 4].copy_from_slice(&NUMBERS[random.below(NUMBERS.len())].to_le_bytes());
            }
            4 => bytes.insert(at, b" .-+\n\0\xff0"[random.below(8)]),
            5 if at + 16 < bytes.len() => {
                let piece = bytes[at..at + 16].to_vec();
                bytes.extend(piece);
            }
            _ => _ = (at < bytes.len()).then(|| bytes.remove(at)),
        }
    }
}

/// Asks for all that the bytes may tell.
fn ask(what: &str, bytes: Vec<u8>, file: &Path) {
    let kernel = match what {
        "release" => {
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(release) = Release::parse(&text) {
                assert_eq!(Release::parse(release.as_str()).unwrap(), release);
                assert!(!release.version().to_string().is_empty());
            }
            return;
        }
        "symbols" => Kernel::from_parts(types(), None, "6.1").with_symbols(bytes),
        _ => {
            std::fs::write(file, bytes).unwrap();
            let Ok(kernel) = Kernel::open(file) else { return };
            kernel
        }
    };
    if let Ok(btf) = kernel.btf() {
        _ = btf.find_many(&[(Kind::Struct, "task_struct"), (Kind::Func, "vfs_read")]);
        for id in 0..btf.type_count().unwrap_or_default().min(64) {
            let id = TypeId(id);
            _ = (btf.get(id), btf.members(id), btf.params(id), btf.enumerators(id), btf.member(id, "pid"));
            _ = btf.describe(id);
        }
    }
    if let Ok(symbols) = kernel.symbols() {
        _ = (symbols.iter().count(), symbols.by_name("vfs_read"));
    }
    _ = (kernel.release(), kernel.config(), kernel.event_count(), kernel.function_names(), kernel.tracepoint_names());
}

#[test]
fn damaged_facts_end_in_facts_or_an_error() {
    let rounds = std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok()).unwrap_or(FEW);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged");
    let good = good();
    for (what, bytes) in good.iter().filter(|(what, _)| ["facts", "types", "image"].contains(what)) {
        std::fs::write(&file, bytes).unwrap();
        let kernel = Kernel::open(&file).unwrap();
        assert!(kernel.btf().unwrap().find(Kind::Struct, "task_struct").unwrap().is_some(), "{what} is good");
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        let (what, bytes) = &good[random.below(good.len())];
        let mut bytes = bytes.clone();
        damage(&mut bytes, &mut random);
        let start = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| ask(what, bytes, &file)));
        assert!(ended.is_ok(), "input {round}, made of {what}");
        assert!(start.elapsed() < SLOW, "input {round}, made of {what}, took {:?}", start.elapsed());
    }
}
