//! The families of probe points: what each resolves to, what it offers, what it refuses. Patterns and aliases over all of them.

use super::{Ways, blob, check, findings, run_files, show};
use systap_diagnostics::Sources;
use systap_ir::program::{Event, Every};

/// The resolved points and their events; the script must be right.
fn events(script: &str) -> Vec<(String, Event)> {
    let mut sources = Sources::default();
    let empty_too = Ways { unoptimized: true, ..Ways::default() };
    let elaborated = run_files(&[script], &blob::kernel(), &mut sources, &[], empty_too);
    assert_eq!(findings(&elaborated, &sources), "", "{script}");
    elaborated.program.probes.into_iter().map(|probe| (probe.point, probe.event)).collect()
}

fn points(script: &str) -> Vec<String> {
    events(script).into_iter().map(|(point, _)| point).collect()
}

#[test]
fn counters_by_number_and_by_name() {
    let counter = |kind, config, every| Event::Counter { kind, config, every };
    let first = |script: &str| events(&format!("probe {script} {{ }}")).remove(0).1;
    // Numbers of include/uapi/linux/perf_event.h.
    assert_eq!(first("perf.hw.instructions"), counter(0, 1, Every::Count(1_000_000)));
    assert_eq!(first("perf.sw.page_faults_maj.sample(7)"), counter(1, 6, Every::Count(7)));
    assert_eq!(first("perf.hw_cache.dtlb.prefetch.miss.hz(99)"), counter(3, 0x1_0203, Every::Hertz(99)));
    assert_eq!(first("perf.type(4).config(0x1c2)"), counter(4, 0x1c2, Every::Count(1_000_000)));
    assert_eq!(points("probe perf.sw.* { }").len(), 9);
    // The ten, and each of one process.
    assert_eq!(points("probe perf.hw.** { }").len(), 20);
    // All 49 names, one of them misspelt in SystemTap.
    assert_eq!(points("probe perf.{hw,sw}.*, perf.hw_cache.*.*.* { }").len(), 49);
}

#[test]
fn functions_of_the_kernel() {
    let (point, event) = events("probe kernel.function(\"__traceiter_bare*\") { }").remove(0);
    assert_eq!(point, "kernel.function(\"__traceiter_bare_tp\")");
    assert!(matches!(event, Event::KernelFunction { ref name, returns: false, .. } if name == "__traceiter_bare_tp"));
    let (point, event) = events("probe kernel.function(\"__traceiter_bare_tp\").return.maxactive(3) { }").remove(0);
    assert_eq!(point, "kernel.function(\"__traceiter_bare_tp\").return.maxactive(3)");
    assert!(matches!(event, Event::KernelFunction { returns: true, .. }));
    check(
        "functions_of_the_kernel",
        &[
            "probe kernel.function(\"__traceiter_sched_switch\").call { println($prev->pid, $$parms) }",
            "probe kernel.function(\"__traceiter_sched_swich\") { }\nprobe kernel.function(\"nothing_*\") { }\nprobe kernel.function(\"a@b.c:12\") { }\nprobe kernel.function(\"\") { }\nprobe kernel.function(\"x@y.c:z\") { }",
            "probe kernel.function(\"__traceiter_bare_tp\").inline { }\nprobe kernel.function(\"__traceiter_bare_tp\").label(\"out\") { }\nprobe kernel.function(\"__traceiter_bare_tp\").return.maxactive(70000) { }\nprobe kernel.statement(\"*@a.c:3\") { }",
            "probe kernel.function(\"__traceiter_bare_tp@kernel/x.c\") { }",
            "probe kprobe.function(\"a*\") { }\nprobe kprobe.statement(1).absolute { }\nprobe kernel.function(\"__traceiter_bare_tp\") { println($none) }\nprobe kernel.lsm(\"none\") { }",
        ],
    );
}

#[test]
fn what_the_others_offer() {
    check(
        "what_the_others_offer",
        &[
            "probe procfs(\"a/b\").umask(0700).read.maxsize(100) { $value = \"seen \" . sprint(pid()) }\nprobe procfs.write { println($value) }",
            "probe input.char { println(char) }\nprobe input.line { println(line) }",
            "probe netfilter.pf(\"NFPROTO_IPV4\").hook(\"NF_INET_LOCAL_IN\").priority(\"-5\") { println($hooknum, $verdict) }",
            "probe java(\"App\").class(\"C\").method(\"m(int)\").return { println($arg1) }\nprobe python3.module(\"m\").function(\"f\").call { println(1) }",
            "probe process.syscall { println($syscall, $arg6) }\nprobe process(17).syscall.return { println($return) }",
            "probe procfs(\"/abs\").read { }\nprobe procfs(\"a/../b\").write { }\nprobe procfs.umask(01000).read { }\nprobe procfs.read.maxsize(0) { }\nprobe netfilter.hook(\"NF_INET_LOCAL\").pf(\"NFPROTO_IPV4\") { }\nprobe netfilter.hook(\"NF_ARP_IN\").pf(\"NFPROTO_IP\") { }\nprobe netfilter.hook(\"NF_ARP_IN\").pf(\"NFPROTO_ARP\").priority(\"high\") { }\nprobe input.word { }\nprobe java(\"x\").class(\"\").method(\"m\") { }",
            "probe process(\"no-such-program\").function(\"f\") { }\nprobe process(\"/etc/passwd\").mark(\"m\") { }\nprobe process.function(\"f\") { }\nprobe process(-1).begin { }\nprobe process(\"sh\").library(\"no-such.so\").function(\"f\") { }\nprobe process(\"sh\").thread { }",
            "probe perf.type(-1).config(0) { }\nprobe perf.sw.cpu_clock.sample(0) { }\nprobe perf.sw.cpu_clok { }\nprobe kernel.data(16).length(3).write { }\nprobe perf.type(1).config(1).counter(\"\") { }",
        ],
    );
}

#[test]
fn what_a_program_does_not_have() {
    for (point, code) in [
        ("function(\"no_such_function\")", "unknown-function"),
        ("function(\"no_such_*\")", "unknown-function"),
        ("statement(\"no_such_function\")", "unknown-function"),
        ("function(\"main@main.c:3\")", "needs-debug-information"),
        ("mark(\"none\")", "unknown-mark"),
        ("provider(\"p\").mark(\"none\")", "unknown-mark"),
        ("plt(\"no_such\")", "unknown-function"),
        ("statement(0)", "unused"),
        ("statement(0x7fffffffffff)", "probe-argument"),
    ] {
        let shown = show(&format!("probe process(\"sh\").{point} {{ next }}"));
        let expected = if code == "unused" { "probe process".into() } else { format!("error[{code}]") };
        assert!(shown.contains(&expected), "{point}: {shown}");
        if code != "unused" {
            assert_eq!(points(&format!("probe process(\"sh\").{point} ?, begin {{ }}")), ["begin"]);
        }
    }
}

#[test]
fn patterns_over_words() {
    assert_eq!(points("probe *.trace(\"bare_tp\") { }"), ["kernel.trace(\"bare_tp\")"]);
    assert_eq!(points("probe **.trace(\"bare_tp\") { }"), ["kernel.trace(\"bare_tp\")"]);
    assert_eq!(points("probe k*l.t*(\"bare_tp\") { }").len(), 2);
    // Five microseconds and five nanoseconds are shorter than a timer's interval can be.
    assert_eq!(points("probe timer.*s(5) { }").len(), 3);
    assert_eq!(points("probe sys**.return { }"), ["syscall_any.return", "syscall.*.return"]);
    // The word of what is in parentheses is the last.
    assert_eq!(points("probe perf**.access { }").len(), 15);
    assert_eq!(points("probe timer**(3) { }").len(), 7);
    // With the names of aliases, whole ones only.
    let aliases = "probe my.one = begin { }\nprobe my.two.three = end { }\nprobe my = error { }\n";
    assert_eq!(points(&format!("{aliases}probe my.* {{ }}")), ["begin"]);
    assert_eq!(points(&format!("{aliases}probe my** {{ }}")), ["begin", "end", "error"]);
    assert_eq!(points(&format!("{aliases}probe my.**ee {{ }}")), ["end"]);
    assert_eq!(points(&format!("{aliases}probe m* {{ }}")), ["error"]);
    check(
        "patterns_that_match_nothing",
        &[
            "probe kern*.trac(\"x\") { }\nprobe zz* { }\nprobe zz** { }\nprobe perf.sw.cpu_*(3) { }\nprobe zz* ?, begin { }",
            "probe *.trace(\"no_such_tracepoint\") { }",
        ],
    );
}

#[test]
fn names_of_aliases() {
    // The longest name that fits takes the rest.
    let script = "probe a = timer.s(1) { }\nprobe a.b = timer.ms(1) { }\nprobe a.b.randomize(1) { }";
    assert_eq!(points(script), ["timer.ms(1).randomize(1)"]);
    // Several names of one, several of one name.
    assert_eq!(points("probe a = b = begin { }\nprobe a, b { }"), ["begin", "begin"]);
    assert_eq!(points("probe a = begin { }\nprobe a = end { }\nprobe a { }"), ["begin", "end"]);
    assert!(show("probe a(1) = begin { }\nprobe a(7) { println(1) }").contains("error[alias-name]"));
    // An alias of the name of a family's point is there besides it.
    let named = points("probe syscall.read = begin { }\nprobe syscall.read { }");
    assert_eq!(named, ["syscall.read", "begin"]);
    // What nothing uses is not looked at.
    assert_eq!(points("probe wrong = no.such.point { $x = nothing() }\nprobe begin { }"), ["begin"]);
    // Suffixes go through aliases of aliases, and past braces.
    let script = "probe inner = syscall.{read,write} { }\nprobe outer = inner { }\nprobe outer.return { }";
    assert_eq!(points(script), ["syscall.read.return", "syscall.write.return"]);
    assert_eq!(points("probe {timer.{s(2),ms(2)},begin} { }").len(), 3);
}

#[test]
fn conditions_of_all_that_led_to_a_point() {
    let script = "global a, b, c\nprobe x = begin if (a) { }\nprobe y = x if (b) { }\nprobe y, timer.s(1) if (c) { a = b = c = 1 }";
    let shown = show(script);
    assert!(shown.contains("probe begin (begin 0) if ((b && a))"), "{shown}");
    assert!(shown.contains("probe timer.s(1) (timer 1000000000 ns) if (c)"), "{shown}");
    let script = "global a\nprobe process(12).begin if (a) { a = 0 }";
    let shown = show(script);
    assert!(shown.contains("unknown-tracepoint") || shown.contains("if (((pid() == 12) && a))"), "{shown}");
}
