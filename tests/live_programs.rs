//! That probes on programs tell the truth: functions, returns, static probes and the lives of a program whose doings are known
//! because it is written here.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod systap;

use std::path::PathBuf;
use std::process::Command;

use systap::{can_trace, run};

/// A program that calls `twice` five times, with a static probe at each, then `fact` of 4, which calls itself, and prints 30. What `sys/sdt.h` would make of the probe is
/// written out.
const PROGRAM: &str = r#"
#include <stdio.h>
__attribute__((noinline)) int twice(int x) { __asm__ volatile(""); return 2 * x; }
__attribute__((noinline)) long fact(long n) {
    long below = n < 2 ? 1 : fact(n - 1);
    __asm__ volatile("" ::: "memory");
    return n * below;
}
#define MARK(name, a, b) __asm__ volatile( \
    "990: nop\n.pushsection .note.stapsdt,\"?\",\"note\"\n.balign 4\n" \
    ".4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n" \
    "993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte 0\n" \
    ".asciz \"shop\"\n.asciz \"" name "\"\n.asciz \"-4@%0 8@%1 4@$-7 -2@%2\"\n994: .balign 4\n.popsection\n" \
    ".ifndef _.stapsdt.base\n.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
    ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n" \
    ".popsection\n.endif\n" :: "r"(a), "r"((long)b), "m"(small))
volatile short small = -3;
int main(void) {
    int sum = 0;
    for (int i = 1; i <= 5; i++) {
        sum += twice(i);
        MARK("tick", -i, i * 10000000000);
    }
    printf("%d\n", sum);
    return fact(4) != 24;
}
"#;

/// The program, built in a folder that goes when it is dropped.
struct Built {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// Builds the program; `None` if tracing is not possible here or there is no compiler.
fn build() -> Option<Built> {
    build_from(PROGRAM)
}

/// Builds a program of that text, likewise.
fn build_from(text: &str) -> Option<Built> {
    if !can_trace() {
        return None;
    }
    if cfg!(not(target_arch = "x86_64")) || !std::path::Path::new("/sys/bus/event_source/devices/uprobe").exists() {
        eprintln!("skipped: probes on programs are known for x86-64 kernels with uprobes");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (source, path) = (folder.path().join("shop.c"), folder.path().join("shop"));
    std::fs::write(&source, text).expect("a file can be written");
    match Command::new("cc").args(["-O1", "-Wl,--build-id", "-o"]).arg(&path).arg(&source).status() {
        Ok(status) if status.success() => Some(Built { _folder: folder, path }),
        other => {
            eprintln!("skipped: no C compiler builds the program: {other:?}");
            None
        }
    }
}

impl Built {
    /// What a script prints over a run of the program, which prints 30 itself.
    fn lines(&self, text: &str) -> Vec<String> {
        let path = self.path.to_str().expect("its path is text");
        let outcome = run(["run", "-c", path, "-e", &text.replace("SHOP", path)]);
        outcome.is_quiet();
        outcome.text().lines().filter(|line| *line != "30").map(str::to_owned).collect()
    }
}

#[test]
fn functions_and_their_returns() {
    let Some(built) = build() else { return };
    let script = "global n
        probe process(\"SHOP\").function(\"twice\") { n++ println(\"in \", n, \" \", pid() == target()) }
        probe process(\"SHOP\").function(\"tw*\").return { println(\"out \", $return) }
        probe process.function(\"twice\").call if (n > 3) { println(\"fourth or fifth\") }";
    let mut expected = vec![];
    for call in 1..=5 {
        expected.push(format!("in {call} 1"));
        if call > 3 {
            expected.push("fourth or fifth".to_string());
        }
        expected.push(format!("out {}", 2 * call));
    }
    assert_eq!(built.lines(script), expected);
}

#[test]
fn the_file_behind_an_address_while_the_program_lives() {
    let lasting = PROGRAM.replace("#include <stdio.h>", "#include <stdio.h>\n#include <unistd.h>");
    let Some(built) = build_from(&lasting.replace("printf(", "usleep(300000); printf(")) else { return };
    let said = |program: &str, option: &str, line: &dyn Fn(&str) -> Option<String>| {
        let output = Command::new(program).arg(option).arg(&built.path).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().find_map(line)
    };
    let id = said("readelf", "-n", &|line| Some(line.trim().strip_prefix("Build ID: ")?.to_owned()));
    let address = said("nm", "-P", &|line| Some(line.strip_prefix("twice T ")?.split(' ').next()?.to_owned()));
    let (Some(id), Some(address)) = (id, address) else { return eprintln!("skipped: there are no binutils") };
    let address = u64::from_str_radix(&address, 16).expect("nm prints hexadecimal");
    let script = "probe process(\"SHOP\").function(\"twice\") {
            printf(\"%s %x %s %s\\n\", umodbuildid(uaddr()), umodaddr(uaddr()), probe_type(), returnstr(1))
            printf(\"%d %d\\n\", uarch_bytes(), probing_32bit_app())
        }
        probe process(\"SHOP\").function(\"twice\").return { println(probe_type(), \" \", returnstr(2)) exit() }";
    let lines = built.lines(script);
    let expected = [format!("{id} {address:x} uprobe N/A"), "8 0".to_owned(), "uretprobe 0x2".to_owned()];
    assert_eq!(lines, expected);
}

#[test]
fn values_from_the_entry_of_a_function_that_calls_itself() {
    let Some(built) = build() else { return };
    let script = "global n
        probe process(\"SHOP\").function(\"fact\").return { println(@entry(n++), \" \", @entry(execname()), \" \", $return) }";
    assert_eq!(built.lines(script), ["3 shop 1", "2 shop 2", "1 shop 6", "0 shop 24"]);
}

#[test]
fn static_probes_and_their_arguments() {
    let Some(built) = build() else { return };
    let script = "probe process(\"SHOP\").provider(\"shop\").mark(\"t*\") {
            println($$provider, \" \", $$name, \" \", $arg1, \" \", $arg2, \" \", $arg3, \" \", @defined($arg5))
        }";
    let expected: Vec<String> = (1..=5_i64).map(|i| format!("shop tick {} {} -7 0", -i, i * 10_000_000_000)).collect();
    assert_eq!(built.lines(script), expected);
}

#[test]
fn a_program_begins_calls_and_ends() {
    let Some(built) = build() else { return };
    let script = "global calls, returns
        probe process(\"SHOP\").begin { println(\"begin \", execname(), \" \", pid() == target()) }
        probe process(\"SHOP\").syscall { if ($syscall == 1) calls[$arg1, $arg3]++ }
        probe process(\"SHOP\").syscall.return { if ($syscall == 1) returns[$return]++ }
        probe process(\"/bin/true\").begin, process(1).syscall if (calls[9, 9]) { println(\"never\") }
        probe process.end { foreach ([fd, size] in calls) println(\"wrote \", fd, \" \", size, \" \", returns[size]) }";
    let seen = built.lines(script);
    // write(1, \"30\\n\", 3), call number 1.
    assert_eq!(seen.first().map(String::as_str), Some("begin shop 1"), "{seen:?}");
    assert_eq!(seen.get(1).map(String::as_str), Some("wrote 1 3 1"), "{seen:?}");
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[test]
fn calls_of_libraries() {
    let Some(built) = build() else { return };
    let script = "probe process(\"SHOP\").plt(\"pr*\") { println(\"plt \", $$name) }
        probe process(\"SHOP\").library(\"libc.so.6\").function(\"printf\") { println(\"in\") }
        probe process(\"SHOP\").library(\"libc.so.6\").function(\"printf\").return { println(\"out \", $return) }";
    assert_eq!(built.lines(script), ["plt printf", "in", "out 3"]);
}

#[test]
fn counters_count() {
    if !can_trace() {
        return;
    }
    let outcome = run([
        "run",
        "-T",
        "1",
        "-e",
        "global ticks, switches
         probe perf.sw.cpu_clock.hz(100) { ticks++ }
         probe perf.type(1).config(3).sample(1) { switches++ }
         probe end { println(ticks > 30, \" \", switches > 2) }",
    ]);
    outcome.prints("1 1\n");
}

#[test]
fn counters_are_read_within_a_program() {
    let Some(built) = build() else { return };
    // The clock has gone on since main() where it is the same CPU's, and has begun on any.
    let script = "global at
        probe perf.sw.cpu_clock.process(\"SHOP\").counter(\"ns\") { }
        probe perf.type(1).config(2).counter(\"faults\") { }
        probe process(\"SHOP\").function(\"main\") { at[cpu()] = @perf(\"ns\") }
        probe process(\"SHOP\").function(\"twice\") { println(@perf(\"ns\") > at[cpu()], \" \", @perf(\"faults\") >= 0) }";
    assert_eq!(built.lines(script), ["1 1"; 5]);
}

#[test]
fn registers_by_their_numbers_in_dwarf() {
    let Some(built) = build() else { return };
    // The first argument is in DWARF's register 5, what is returned in 0, the place in 16, the stack in 7.
    let script = "probe process(\"SHOP\").function(\"twice\") {
            println(@uregister(5), \" \", @uregister(16) == uaddr(), \" \", @uderef(8, @uregister(7)) > 4096)
        }
        probe process(\"SHOP\").function(\"twice\").return { println(@uregister(0)) }";
    let path = built.path.to_str().expect("its path is text");
    let outcome = run(["run", "-g", "-c", path, "-e", &script.replace("SHOP", path)]);
    outcome.is_quiet();
    let seen: Vec<String> = outcome.text().lines().filter(|line| *line != "30").map(str::to_owned).collect();
    let expected: Vec<String> = (1..=5).flat_map(|call| [format!("{call} 1 1"), format!("{}", 2 * call)]).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_the_kernel_lacks_is_said_with_a_status() {
    if !can_trace() {
        return;
    }
    if std::path::Path::new("/sys/bus/event_source/devices/kprobe").exists() {
        return eprintln!("skipped: this kernel has kprobes");
    }
    let outcome = run(["run", "-T", "1", "-e", "probe kprobe.function(\"vfs_read\") { exit() }"]);
    outcome.exits(3).complains(&["this kernel has no kprobes", "kprobe.function(\"vfs_read\")"]);
}

#[test]
fn what_is_not_run_yet_resolves() {
    let text = "probe java(\"shop\").class(\"Shop\").method(\"sell(int)\") { println($arg1) }";
    run(["check", "--until", "resolve", "-e", text]).is_quiet();
    run(["check", "-e", text]).exits(1).complains(&["error[not-run-yet]", "methods of Java"]);
    let metrics = "global by, calls
         probe init { json_set_prefix(\"p\") json_add_string_metric(\"s\", \"\") json_add_array(\"list\", \"\") }
         probe begin { by[1, \"x\"] = 3 calls[2] = 3 }
         probe json_data {
           @json_output_data_start
           if (calls[2]) @json_output_string_value(\"s\", \"y\")
           @json_output_array_numeric_value(\"list\", \"0\", \"m\", calls[2])
           @json_output_data_end
         }
         probe prometheus {
           @prometheus_dump_array2(by, \"calls\", \"pid\", \"name\")
           @prometheus_dump_array1_map(calls, \"calls\", \"error\", sprint, errno_str)
           @prometheus_dump_array1_map_unquoted(calls, \"calls\", \"error\", sprint, errno_str)
         }";
    run(["check", "--until", "resolve", "-e", metrics]).is_quiet();
}

/// What a program that is changed under its feet has, in C.
const CHANGED: &str = r#"
#include <signal.h>
#include <stdio.h>
struct { char c; short s; int i; long l; void *p; char t[16]; char u[8]; } x = {-1, -1, -1, -1, 0, "old", "abcdefg"};
static volatile int got;
static void note(int signal) { got = signal; }
__attribute__((noinline)) int change(void *at) { __asm__ volatile("" :: "r"(at) : "memory"); return 7; }
int main(void) {
  signal(SIGUSR1, note);
  change(&x);
  printf("%d %d %d %ld %p %s %s %d\n", x.c, x.s, x.i, x.l, x.p, x.t, x.u, got);
}
"#;

#[test]
fn a_program_is_sent_a_signal() {
    let Some(built) = build_from(CHANGED) else { return };
    let script = "probe process(\"SHOP\").function(\"change\") { raise(10) }
        probe end { try { raise(9) } catch (said) { println(said) } }";
    let path = built.path.to_str().expect("its path is text");
    run(["run", "-g", "-c", path, "-e", &script.replace("SHOP", path)])
        .prints("-1 -1 -1 -1 (nil) old abcdefg 10\nno task is at hand to send signal 9 to\n");
}

#[test]
fn the_memory_of_a_program_is_changed() {
    let Some(built) = build_from(CHANGED) else { return };
    let script = "global failed
        probe process(\"SHOP\").function(\"change\") {
            at = pointer_arg(1)
            set_user_char(at, 0x141)
            set_user_short(at + 2, 0x10102)
            set_user_int(at + 4, 0x1fffffffe)
            set_user_long(at + 8, 1 << 40)
            set_user_pointer(at + 16, 0xabc)
            set_user_string(at + 24, \"new\")
            set_user_string_n(at + 40, 3, execname() . \"rest\")
            set_user_string_n(at + 44, 0, \"nothing\")
            try { set_user_int(16, 1) } catch { failed++ }
            try { set_user_string(16, \"x\") } catch { failed++ }
        }
        probe end { println(failed) }";
    let path = built.path.to_str().expect("its path is text");
    let outcome = run(["run", "-g", "-c", path, "-e", &script.replace("SHOP", path)]);
    if outcome.complaints().contains("does not let BPF write to programs' memory") {
        outcome.exits(3).complains(&["a kernel without lockdown, and without a security module against it, does"]);
        eprintln!("skipped: this kernel lets no program write to memory");
        return;
    }
    outcome.prints("65 258 -2 1099511627776 0xabc new shodefg 0\n2\n");
}
