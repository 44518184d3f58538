//! Loading artifacts made by hand, with instructions that this kernel's verifier judges.

use super::*;
use systap_bpf::artifact::{Counters, Relocation};
use systap_diagnostics::FileId;
use systap_ir::graph::Body;
use systap_ir::placed::{KernelHandler, Residence};
use systap_ir::program::{Element, Event, Global, GlobalShape, Missing, Type};
use systap_sys::privilege::Capabilities;

/// Whether programs can be loaded here; says so if not.
pub(crate) fn may_load() -> bool {
    let may = Capabilities::effective().is_ok_and(|own| own.allows_bpf() && own.allows_perf_events());
    if !may {
        eprintln!("skipped: loading programs needs CAP_BPF and CAP_PERFMON");
    }
    may
}

pub(crate) fn span(start: u32) -> Span {
    Span::new(FileId(0), start, start + 1)
}

/// An instruction: opcode, destination, source, offset, immediate.
pub(crate) fn insn(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> [u8; 8] {
    let registers = if cfg!(target_endian = "little") { destination | source << 4 } else { destination << 4 | source };
    let (offset, immediate) = (offset.to_ne_bytes(), immediate.to_ne_bytes());
    [code, registers, offset[0], offset[1], immediate[0], immediate[1], immediate[2], immediate[3]]
}

pub(crate) fn map(name: &str, role: MapRole, kind: MapKind, value_size: u32, entries: u32) -> MapPlan {
    let key_size = if kind == MapKind::Ring { 0 } else { 4 };
    MapPlan { name: name.into(), role, kind, key_size, value_size, entries, contents: None }
}

pub(crate) fn program(instructions: Vec<[u8; 8]>, relocations: Vec<Relocation>) -> ProgramPlan {
    ProgramPlan {
        name: "test".into(),
        attach: Attach::Tracepoint { name: "sys_enter".into(), btf_id: 0, typed: false },
        instructions,
        relocations,
        lines: vec![(0, span(10)), (1, span(20))],
        handlers: vec![0],
        instead: vec![],
    }
}

fn placed() -> Placed {
    let handler = KernelHandler {
        point: "syscall.any".into(),
        span: span(0),
        event: Event::Never,
        missing: Missing::Fails,
        body: Body::default(),
        text: vec![],
        loops: false,
    };
    let keys = vec![Type::Long];
    let shape = GlobalShape::Array { keys, element: Element::Value(Type::Long), capacity: 10, wrap: false };
    let global = Global { name: "reads".into(), span: span(0), shape, print_at_end: false, pointer: false };
    Placed { kernel: vec![handler], globals: vec![(global, Residence::User)], ..Placed::default() }
}

fn load_here(artifact: &Artifact) -> Result<Loaded, LoadError> {
    load(artifact, &placed(), &Kernel::running())
}

/// Reads a table and adds what it holds to a word and to a counter, through both kinds of relocation.
#[test]
fn programs_see_the_maps_that_relocations_name() {
    if !may_load() {
        return;
    }
    // A value's address can only be had of an array of one entry.
    let mut table = map("table", MapRole::Table, MapKind::Array, 8, 1);
    table.contents = Some(7i64.to_ne_bytes().to_vec());
    let words = map("words", MapRole::Words, MapKind::MappedArray, 80, 1);
    let counters = map("counters", MapRole::Counters, MapKind::PerCpuArray, 8, 3);
    let instructions = vec![
        // r6 = table[0]
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x79, 6, 1, 0, 0),
        // words[9] = r6
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x7b, 1, 6, 0, 0),
        // r0 = lookup(counters, 2)
        insn(0x62, 10, 0, -4, 2),
        insn(0xbf, 2, 10, 0, 0),
        insn(0x07, 2, 0, 0, -4),
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x85, 0, 0, 0, 1),
        insn(0x15, 0, 0, 1, 0),
        insn(0x7b, 0, 6, 0, 0),
        insn(0xb7, 0, 0, 0, 0),
        insn(0x95, 0, 0, 0, 0),
    ];
    let relocations = vec![
        Relocation { at: 0, map: 0, value_offset: Some(0) },
        Relocation { at: 3, map: 1, value_offset: Some(72) },
        Relocation { at: 9, map: 2, value_offset: None },
    ];
    let artifact = Artifact {
        entries: vec![],
        maps: vec![table, words, counters],
        programs: vec![program(instructions, relocations)],
        sites: vec![],
        counters: Counters { sites: 1, skipped: 1, hits: 1 },
        switches: None,
    };
    let loaded = load_here(&artifact).unwrap();
    loaded.programs[0].as_ref().unwrap().test_run(&[0; 16]).unwrap();
    assert_eq!(loaded.words.as_ref().unwrap().load(9), 7);
    let counts = crate::counters::Counts::read(&artifact, &loaded);
    assert_eq!((counts.lost, counts.skipped, counts.hits), (vec![0], vec![0], vec![7]));
    let frozen = loaded.maps[0].update(&0u32.to_ne_bytes(), &[0; 8], UpdateMode::Any);
    assert!(frozen.unwrap_err().is_permission(), "a table cannot be written any more");
    assert!(loaded.open_ring().unwrap().is_none());
}

#[test]
fn contents_fill_entry_after_entry_and_the_last_is_padded() {
    if !may_load() {
        return;
    }
    let mut table = map("table", MapRole::Table, MapKind::Array, 8, 3);
    table.contents = Some([&7i64.to_ne_bytes()[..], &[5, 0, 0]].concat());
    let loaded = load_here(&Artifact { maps: vec![table], ..Artifact::default() }).unwrap();
    let mut entries = vec![];
    loaded.maps[0].entries(&mut |_, value| entries.push(crate::slots::long_at(value, 0))).unwrap();
    assert_eq!(entries, [7, 5, 0]);
}

#[test]
fn a_refused_program_is_told_by_its_probe_and_its_place() {
    if !may_load() {
        return;
    }
    // Returns a register that was never written.
    let instructions = vec![insn(0xb7, 1, 0, 0, 0), insn(0xbf, 0, 3, 0, 0), insn(0x95, 0, 0, 0, 0)];
    let artifact = Artifact { programs: vec![program(instructions, vec![])], ..Artifact::default() };
    let error = load_here(&artifact).unwrap_err();
    insta::assert_snapshot!(error, @"the kernel's verifier refused the program for `syscall.any`: R3 !read_ok");
    assert!(error.is_internal());
    let LoadError::Verifier { span: at, log, .. } = error else { panic!("{error:?}") };
    assert_eq!(at, Some(span(20)));
    assert!(log.contains("R3 !read_ok"), "{log}");
}

#[test]
fn a_relocation_that_does_not_fit_is_an_error() {
    if !may_load() {
        return;
    }
    let words = || map("words", MapRole::Words, MapKind::MappedArray, 8, 10);
    let instructions = vec![insn(0xb7, 0, 0, 0, 0), insn(0x95, 0, 0, 0, 0)];
    for (at, map) in [(0, 0), (1, 0), (2, 0), (u32::MAX, 0), (0, 1)] {
        let relocation = Relocation { at, map, value_offset: None };
        let programs = vec![program(instructions.clone(), vec![relocation])];
        let artifact = Artifact { maps: vec![words()], programs, ..Artifact::default() };
        assert!(matches!(load_here(&artifact), Err(LoadError::Malformed(_))), "{at} {map}");
    }
}

#[test]
fn a_map_that_is_too_large_is_told_by_its_array() {
    if !may_load() {
        return;
    }
    let role = MapRole::Global(GlobalId(0));
    let large = MapPlan { key_size: 8, ..map("reads", role, MapKind::Hash, 8, u32::MAX) };
    let error = load_here(&Artifact { maps: vec![large], ..Artifact::default() }).unwrap_err();
    let LoadError::Map { map, entries, .. } = &error else { panic!("{error:?}") };
    assert_eq!((map.as_str(), *entries), ("array `reads`", u64::from(u32::MAX)));
    assert!(!error.remedies().is_empty() && !error.is_internal());
}

#[test]
fn what_is_loaded_goes_when_it_is_dropped() {
    if !may_load() {
        return;
    }
    let instructions = vec![insn(0xb7, 0, 0, 0, 0), insn(0x95, 0, 0, 0, 0)];
    let artifact = Artifact { programs: vec![program(instructions, vec![])], ..Artifact::default() };
    let loaded = load_here(&artifact).unwrap();
    let id = loaded.programs[0].as_ref().unwrap().info().unwrap().id;
    assert!(bpf::program_exists(id).unwrap());
    drop(loaded);
    let gone = || !bpf::program_exists(id).unwrap();
    let patience = std::time::Instant::now();
    while !gone() && patience.elapsed().as_secs() < 5 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(gone());
}
