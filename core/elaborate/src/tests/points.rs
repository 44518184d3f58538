//! Probe points: each family, aliases, what does not exist.

use super::{Ways, blob, check, findings, run_files, show};
use systap_diagnostics::Sources;
use systap_ir::program::{Event, SyscallSet};

/// The resolved points and their events.
fn events(script: &str) -> Vec<(String, Event)> {
    let mut sources = Sources::default();
    let empty_too = Ways { unoptimized: true, ..Ways::default() };
    let elaborated = run_files(&[script], &blob::kernel(), &mut sources, &[], empty_too);
    assert_eq!(findings(&elaborated, &sources), "");
    elaborated.program.probes.into_iter().map(|probe| (probe.point, probe.event)).collect()
}

#[test]
fn begin_and_its_like() {
    let script = "probe begin, begin(-5), end(3), error, never, init { }\nprobe oneshot { println(1) }";
    let named = |name: &str, event| (name.to_string(), event);
    assert_eq!(
        events(script),
        [
            named("begin", Event::Begin(0)),
            named("begin(-5)", Event::Begin(-5)),
            named("end(3)", Event::End(3)),
            named("error", Event::Error(0)),
            named("never", Event::Never),
            named("init", Event::Begin(i64::MIN)),
            named("oneshot", Event::Begin(0)),
        ]
    );
    assert!(show("probe oneshot { println(1) }").contains("exit()"));
}

#[test]
fn timers() {
    let period = |script: &str| match events(&format!("probe {script} {{ }}")).remove(0).1 {
        Event::Timer { period, randomize } => (period, randomize),
        other => panic!("{other:?}"),
    };
    assert_eq!(period("timer.s(2)"), (2_000_000_000, 0));
    assert_eq!(period("timer.msec(5).randomize(1)"), (5_000_000, 1_000_000));
    assert_eq!(period("timer.us(700)"), (700_000, 0));
    assert_eq!(period("timer.nsec(900000).randomize(0)"), (900_000, 0));
    assert_eq!(period("timer.hz(4)"), (250_000_000, 0));
    for (point, at) in [
        ("us(99)", "1:16"),
        ("ns(99999)", "1:16"),
        ("s(86401)", "1:15"),
        ("hz(10001)", "1:16"),
        ("jiffies(1000001)", "1:21"),
        ("ms(1).randomize(2)", "1:29"),
        ("ms(5).randomize(-1)", "1:29"),
    ] {
        let shown = show(&format!("probe timer.{point} {{ println(1) }}"));
        assert!(shown.contains(&format!("t:{at} ")) && shown.contains("error[probe-argument]"), "{shown}");
    }
    // The tests' kernel ticks 250 times a second.
    assert_eq!(period("timer.jiffies(3)"), (12_000_000, 0));
    assert_eq!(events("probe timer.profile { }")[0].1, Event::Profile { hz: 250 });
    assert_eq!(events("probe timer.profile.freq.hz(99) { }")[0].1, Event::Profile { hz: 99 });
}

#[test]
fn system_calls() {
    let set = |script: &str| {
        events(script)
            .into_iter()
            .map(|(point, event)| match event {
                Event::SyscallEntry(set) | Event::SyscallReturn(set) => (point, set),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let one = |point: &str, number| (point.to_string(), SyscallSet::Numbers(vec![number]));
    // Numbers of x86_64's ABI: read 0, write 1, fstat 5 (the kernel's newfstat), openat 257.
    assert_eq!(
        set("probe syscall.openat, nd_syscall.read.return { }"),
        [one("syscall.openat", 257), one("nd_syscall.read.return", 0)]
    );
    assert_eq!(set("probe syscall.newfstat { }"), [one("syscall.fstat", 5)]);
    assert_eq!(set("probe syscall.* { println(name) }"), [("syscall.*".into(), SyscallSet::All)]);
    assert_eq!(set("probe syscall_any.return { println(retstr) }"), [("syscall_any.return".into(), SyscallSet::All)]);
    assert_eq!(
        set("probe syscall.{read,write} { println(argstr) }"),
        [one("syscall.read", 0), one("syscall.write", 1)]
    );
    // pread64 17, preadv 295, preadv2 327; arguments make a probe for each.
    let all = SyscallSet::Numbers(vec![17, 295, 327]);
    assert_eq!(set("probe syscall.pread* { }"), [("syscall.pread*".into(), all)]);
    assert_eq!(
        set("probe syscall.pread* { println(fd) }"),
        [one("syscall.pread64", 17), one("syscall.preadv", 295), one("syscall.preadv2", 327)]
    );
}

#[test]
fn what_a_system_call_offers() {
    check(
        "what_a_system_call_offers",
        &[
            "probe syscall.openat { println(name, filename, flags, mode, dfd, argstr) println($filename, filename_unquoted, filename_uaddr) }",
            "probe syscall.write.return { println(name, retval, retstr, $return, $fd, fd, $$parms) }",
            "probe syscall.read* { println(name, syscall_nr) }\nprobe syscall.*.return { println(retstr) }",
            // Changed by the handler: a local that begins with it.
            "probe syscall.close { fd += 1 println(fd) }",
            // In a handler of many calls, a name that it gives a value to is its own.
            "probe syscall.* { fd = pid() println(fd) }",
            "probe syscall.{close,read} { println(@defined($count) ? $count : -1) if (@defined($buf)) println(buf) }",
            "probe syscall.close { println(filename, $count, retval) println(argst) }\nprobe syscall.close.return { println(argstr) }",
            "probe syscall.{close,read} { println(buf) }",
        ],
    );
}

#[test]
fn points_that_do_not_exist() {
    check(
        "points_that_do_not_exist",
        &[
            "probe begn { }\nprobe timer.secs(1) { }\nprobe timer.s { }\nprobe timer.s(0) { }\nprobe timer.s(1).random(2) { }\nprobe begin.x { }\nprobe timer { }",
            "probe syscall.opnat { }\nprobe syscall.zzz* { }\nprobe syscall.open.returns { }\nprobe syscall { }\nprobe syscall.open(1) { }",
            "probe kernel.trace(\"sched_swich\") { }\nprobe kernel.trace(\"irq:sched_switch\") { }\nprobe kernel.trace(\"none_*\") { }\nprobe kernel.trace(1) { }\nprobe kernel.trace { }",
            "probe kernel.function(\"vfs_read\") { }\nprobe process(\"a\").function(\"b\") { }\nprobe kernel.trac(\"x\") { }\nprobe kernel { }",
            "probe nothing.here ?, timer.zz(1) ? { }",
            "global x",
            "probe begin(\"a\"), never(1), timer.s(\"x\"), timer.profile.freq { }",
        ],
    );
}

#[test]
fn optional_and_sufficient() {
    let points = |script: &str| events(script).into_iter().map(|(point, _)| point).collect::<Vec<_>>();
    assert_eq!(points("probe nothing.here ?, begin { }"), ["begin"]);
    assert_eq!(points("probe nothing.here !, begin !, end { }"), ["begin"]);
    assert_eq!(
        points("probe a { }\nprobe a = kernel.trace(\"no_such\") !, kernel.trace(\"bare_tp\") !, end { }"),
        ["kernel.trace(\"bare_tp\")"]
    );
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut script: String = (0..30).map(|n| format!("probe a{n} = a{}, a{} {{ }}\n", n + 1, n + 1)).collect();
    script += "probe a30 = begin { }\nprobe a0 { }";
    let shown = show(&script);
    assert!(shown.contains("error[too-many-points]"), "{}", &shown[..shown.len().min(500)]);
}

#[test]
fn nested_questions_end() {
    let script = format!("probe begin {{ x = {}1{} println(x) }}", "@defined($a[".repeat(60), "]) && 1".repeat(60));
    assert!(show(&script).contains("x = "), "{}", show(&script));
}

#[test]
fn aliases() {
    check(
        "aliases",
        &[
            "probe my.open = syscall.openat { path = filename }\nprobe my.open { println(path, pn(), pp()) }",
            // The innermost alias begins, the outermost ends first.
            "probe inner = begin { x = 1 }\nprobe outer = inner { y = x }\nprobe late += outer { println(\"last\") }\nprobe late { println(y) }",
            "probe both = begin { println(\"before\") }, { println(\"after\") }\nprobe both { println(\"handler\") }",
            // What follows the alias follows what it stands for; conditions are joined.
            "global on, off\nprobe a = syscall.read if (on) { }\nprobe a.return if (!off) { println(retval) }\nprobe begin { on = 1 off = 0 }",
            "probe x.one = begin { }\nprobe x.two = end { }\nprobe x.* { println(pp()) }",
            "probe a = b { }\nprobe b = a { }\nprobe a { }",
            "probe a = no.such { }\nprobe a { }\nprobe b = kernel.trace(\"none\") ? { }\nprobe b { }",
            "probe begin if (x) { }\nprobe end if (pid()) { }\nglobal s\nprobe error if (s) { s = \"text\" }",
        ],
    );
}
