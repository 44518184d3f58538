//! Whole runs with a kernel side made by hand: what programs record arrives, or is counted.

use super::tests::{Collected, Straight, command, long_global, plan};
use super::*;
use crate::load::tests::{insn, map, may_load, program, span};
use systap_bpf::artifact::{Counters, Field, MapKind, MapRole, ProgramPlan, Relocation, Site, SiteKind};
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::graph::{Body, Op};
use systap_ir::placed::{Continuation, KernelHandler, Residence};
use systap_ir::program::{BinaryOp, GlobalId, Missing, Type};
use systap_sys::process::Exit;

/// Number of getpgrp(2) on x86_64, which shells and C libraries do not call by themselves.
const GETPGRP: i32 = 111;

/// A program on `sys_enter` that counts the target's calls of getpgrp in word 8 and records each: site 0, one long.
/// Each 1000th goes to site 1, which continues on the user side.
pub(super) fn recording(ring_bytes: u32) -> Artifact {
    let instructions = vec![
        insn(0x79, 1, 1, 8, 0),
        insn(0x55, 1, 0, 36, GETPGRP),
        insn(0x85, 0, 0, 0, 14),
        insn(0x77, 0, 0, 0, 32),
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x79, 2, 1, 8, 0),
        insn(0x5d, 0, 2, 30, 0),
        // r7 = words[8]++
        insn(0xb7, 7, 0, 0, 1),
        insn(0xdb, 1, 7, 64, 1),
        // r8 = site
        insn(0xb7, 8, 0, 0, 0),
        insn(0xbf, 1, 7, 0, 0),
        insn(0x97, 1, 0, 0, 1000),
        insn(0x55, 1, 0, 1, 999),
        insn(0xb7, 8, 0, 0, 1),
        // reserve(ring, 16, 0)
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0xb7, 2, 0, 0, 16),
        insn(0xb7, 3, 0, 0, 0),
        insn(0x85, 0, 0, 0, 131),
        insn(0x15, 0, 0, 7, 0),
        insn(0x63, 0, 8, 0, 0),
        insn(0x62, 0, 0, 4, 0),
        insn(0x7b, 0, 7, 8, 0),
        insn(0xbf, 1, 0, 0, 0),
        insn(0xb7, 2, 0, 0, 1),
        insn(0x85, 0, 0, 0, 132),
        insn(0x05, 0, 0, 10, 0),
        // lost: counters[site]++
        insn(0x63, 10, 8, -4, 0),
        insn(0xbf, 2, 10, 0, 0),
        insn(0x07, 2, 0, 0, -4),
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x85, 0, 0, 0, 1),
        insn(0x15, 0, 0, 3, 0),
        insn(0x79, 1, 0, 0, 0),
        insn(0x07, 1, 0, 0, 1),
        insn(0x7b, 0, 1, 0, 0),
        insn(0xb7, 0, 0, 0, 0),
        insn(0x95, 0, 0, 0, 0),
    ];
    let relocations = vec![
        Relocation { at: 4, map: 0, value_offset: Some(0) },
        Relocation { at: 15, map: 1, value_offset: None },
        Relocation { at: 31, map: 2, value_offset: None },
    ];
    let line = Format {
        pieces: vec![Piece::Conversion(Conversion::plain(ConversionKind::Signed)), Piece::Text(b"\n".to_vec())],
    };
    let site = |kind| Site { kind, fields: vec![Field::Long], span: span(7), handler: 0 };
    Artifact {
        entries: vec![],
        maps: vec![
            map("words", MapRole::Words, MapKind::MappedArray, 128, 1),
            map("ring", MapRole::Ring, MapKind::Ring, 0, ring_bytes),
            map("counters", MapRole::Counters, MapKind::PerCpuArray, 8, 3),
        ],
        programs: vec![ProgramPlan { name: "recording".into(), ..program(instructions, relocations) }],
        sites: vec![site(SiteKind::Print(line)), site(SiteKind::Continue(0))],
        counters: Counters { sites: 2, skipped: 1, hits: 0 },
        switches: None,
    }
}

/// The rest of the script of [`recording`]: the continuation counts itself in global 2 and adds what it is given to
/// global 1.
pub(super) fn recorded() -> Placed {
    let mut rest = Straight::default();
    let number = rest.param(Type::Long);
    let one = rest.op(Type::Long, Op::Long(1));
    let next = rest.op(Type::Long, Op::Binary(BinaryOp::Add, number, one));
    rest.run(Op::Add(GlobalId(1), next));
    rest.run(Op::Add(GlobalId(2), one));
    let continuation = Continuation { handler: 0, reason: ("test".into(), span(0)), body: rest.done() };
    let handler = KernelHandler {
        point: "syscall.getpgrp".into(),
        span: span(0),
        event: Event::Never,
        missing: Missing::Fails,
        body: Body::default(),
        text: vec![],
        loops: false,
    };
    Placed {
        globals: vec![
            long_global("calls", Residence::Word(control::FIRST_FREE), true),
            long_global("thousands", Residence::User, true),
            long_global("continued", Residence::User, true),
        ],
        kernel: vec![handler],
        continuations: vec![continuation],
        ..Placed::default()
    }
}

fn run_calls(calls: u64, ring_bytes: u32) -> Option<(Report, Collected)> {
    if !may_load() {
        return None;
    }
    if !cfg!(target_arch = "x86_64") || !std::path::Path::new("/usr/bin/perl").exists() {
        eprintln!("skipped: needs x86_64 and perl");
        return None;
    }
    let (placed, artifact, kernel) = (recorded(), recording(ring_bytes), Kernel::running());
    let mut sink = Collected::default();
    let calls = command(&format!("exec perl -e 'syscall({GETPGRP}) for 1..{calls}'"));
    let plan = Plan { artifact: Some(&artifact), target: calls, ..plan(&placed, &kernel) };
    let report = run(&plan, &mut sink).unwrap();
    assert_eq!((report.end, report.target), (End::TargetEnded, Some(Exit::Code(0))));
    assert_eq!(sink.steps, ["loaded", "attached", "armed", "started", "detached"]);
    Some((report, sink))
}

#[test]
fn every_record_arrives_in_order_and_continuations_run() {
    let Some((report, sink)) = run_calls(10_000, 1 << 20) else { return };
    let expected: Vec<String> = (0..10_000).filter(|n| n % 1000 != 999).map(|n| n.to_string()).collect();
    let lines: Vec<&str> = sink.text().lines().collect();
    assert_eq!(lines[..expected.len()], expected);
    // 1000 + 2000 + … + 10000
    assert_eq!(lines[expected.len()..], ["calls=10000", "thousands=55000", "continued=10"]);
    assert_eq!((report.lost_records(), report.missed_hits(), report.lost), (0, 0, vec![]));
}

#[test]
fn what_is_lost_and_what_arrives_is_what_happened() {
    let Some((report, sink)) = run_calls(200_000, 4096) else { return };
    let lines: Vec<&str> = sink.text().lines().collect();
    let Some((printed, [calls, _, continued])) = lines.split_last_chunk() else { panic!("{lines:?}") };
    assert_eq!(*calls, "calls=200000", "the kernel side counted every call");
    let continued: u64 = continued.strip_prefix("continued=").unwrap().parse().unwrap();
    let printed = printed.len() as u64;
    assert!(report.lost_records() > 0, "a ring of 4096 bytes held {printed}");
    assert_eq!(printed + continued + report.lost_records(), 200_000);
    assert_eq!((report.malformed, report.abandoned), (0, 0));
    for loss in &report.lost {
        assert_eq!((loss.span, loss.point.as_str()), (span(7), "syscall.getpgrp"));
    }
}
