//! What each stage makes of two small scripts, as `check --print` shows it: a change of any of them is seen here.
//!
//! The scripts depend on no fact of the running kernel but the numbers of system calls.

mod systap;

use snapbox::{IntoData, assert_data_eq, str};
use systap::{can_trace, run};

/// A handler of each side, an array that both touch, and a loop.
const BOTH_SIDES: &str = "global n, most = 3
probe syscall.getpgrp { if (pid() != most) n[execname()]++ }
probe end {
  foreach (name in n- limit 2)
    printf(\"%-8s %d\\n\", name, n[name])
}
";

/// A handler that is divided.
const DIVIDED: &str = "global calls
probe syscall.getpgrp {
  calls++
  if (uid() == 0) { text = \"of \" . execname(); println(strlen(text), text) }
}
";

fn shows(form: &str, text: &str) -> String {
    let outcome = run(["check", "--print", form, "-e", text]);
    outcome.is_quiet();
    if form == "bpf" { without_offsets(&outcome.text()) } else { outcome.text() }
}

/// Bytecode without what differs from kernel to kernel: offsets of 256 and more are of members of the kernel's structures.
fn without_offsets(bytecode: &str) -> String {
    let mut pieces = bytecode.split(" +");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let offset = piece.split_once(')').filter(|(offset, _)| offset.parse().is_ok_and(|offset: u32| offset >= 256));
        text += &offset.map_or(format!(" +{piece}"), |(_, rest)| format!(" +member){rest}"));
    }
    text
}

#[test]
fn ast_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("ast", BOTH_SIDES),
        str![[r#"
global @1 n
global @1 most = 3
probe @2
  point syscall.getpgrp
  body
    if (!= (call pid) most)
      (_++ n[(call execname)])
probe @3
  point end
  body
    foreach [name] in n by value falling limit 2
      (call printf "%-8s %d\n" name n[name])

"#]]
        .raw()
    );
}

#[test]
fn ast_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("ast", DIVIDED),
        str![[r#"
global @1 calls
probe @2
  point syscall.getpgrp
  body
    (_++ calls)
    if (== (call uid) 0)
      (= text (. "of " (call execname)))
      (call println (call strlen text) text)

"#]]
        .raw()
    );
}

#[test]
fn program_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("program", BOTH_SIDES),
        str![[r#"
global most = 3
global n[string]: long, at most 2048
probe syscall.getpgrp (syscall entry 111) {
    if ((pid() != most)) {
        n[execname()]++
    }
}
probe end (end 0) {
    local name: string
    foreach ([name] in n by @count- limit 2) {
        printf("%-8s %d\n", name, n[name])
    }
}

"#]]
        .raw()
    );
}

#[test]
fn program_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("program", DIVIDED),
        str![[r#"
global calls = 0, printed at the end
probe syscall.getpgrp (syscall entry 111) {
    local text: string
    calls++
    if ((uid() == 0)) {
        text = ("of " . execname())
        printf("%d%s\n", strlen(text), text)
    }
}

"#]]
        .raw()
    );
}

#[test]
fn ir_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("ir", BOTH_SIDES),
        str![[r#"
global most = 3
global n[string]: long, at most 2048

handler syscall.getpgrp (syscall entry 111)
b0:
    v0 = pid
    v1 = most
    v2 = v0 != v1
    if v2 b2 else b1
b1:
    jump b3
b2:
    v3:s = execname
    v4 = 1
    n[v3] += v4
    jump b3
b3:
    return

handler end (end 0)
b0:
    v1 = 2
    v2 = iterate n, by Value(Count) descending, at most v1
    jump b1
b1:
    v5 = advance v2
    if v5 b3 else b2
b2:
    return
b3:
    v6:s = key 0 at v2
    v7 = n[v6]
    print "%-8s %d\n" v6, v7
    jump b1

"#]]
        .raw()
    );
}

#[test]
fn ir_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("ir", DIVIDED),
        str![[r#"
global calls = 0, printed at the end

handler syscall.getpgrp (syscall entry 111)
b0:
    v1 = 1
    calls += v1
    v4 = uid
    v5 = 0
    v6 = v4 == v5
    if v6 b2 else b1
b1:
    jump b3
b2:
    v8:s = "of "
    v9:s = execname
    v10:s = v8 . v9
    v11 = strlen(v10)
    print "%d%s\n" v11, v10
    jump b3
b3:
    return

"#]]
        .raw()
    );
}

#[test]
fn placed_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("placed", BOTH_SIDES),
        str![[r#"
global most = 3; lives in word 8
global n[string]: long, at most 2048; lives in a table for each CPU: [string 16] to long 8

kernel: syscall.getpgrp (syscall entry 111)
b0:
    v0 = pid
    v1 = most
    v2 = v0 != v1
    if v2 b2 else b1
b1:
    jump b3
b2:
    v3:s = execname
    v4 = 1
    n[v3] += v4
    jump b3
b3:
    return

user side: end (end 0)
b0:
    v1 = 2
    v2 = iterate n, by Value(Count) descending, at most v1
    jump b1
b1:
    v5 = advance v2
    if v5 b3 else b2
b2:
    return
b3:
    v6:s = key 0 at v2
    v7 = n[v6]
    print "%-8s %d\n" v6, v7
    jump b1

"#]]
        .raw()
    );
}

#[test]
fn placed_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("placed", DIVIDED),
        str![[r#"
global calls = 0, printed at the end; lives in word 8

kernel: syscall.getpgrp (syscall entry 111)
b0:
    v1 = 1
    calls += v1
    v4 = uid
    v5 = 0
    v6 = v4 == v5
    if v6 b2 else b1
b1:
    return
b2:
    v9:s = execname
    defer to 0 (v9)

user side: continuation 0 of syscall.getpgrp, for joining strings
b0(v9:s):
    v8:s = "of "
    v10:s = v8 . v9
    v11 = strlen(v10)
    print "%d%s\n" v11, v10
    return

"#]]
        .raw()
    );
}

#[test]
fn bpf_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("bpf", BOTH_SIDES),
        str![[r#"
map 0 words: words, MappedArray, key 4, value 72, entries 1
map 1 n: global 1, PerCpuHash, key 16, value 8, entries 2048
map 2 records: ring, Ring, key 0, value 0, entries 65536
map 3 counters: counters, PerCpuArray, key 4, value 8, entries 2
program sys_enter: tracepoint sys_enter, typed, handlers [0], 121 instructions
  ; 0:25..40
     0: r1 = *(u64 *)(r1 +8)
     1: w1 = w1
     2: if r1 != 111 goto 32
     3: call get_current_pid_tgid
     4: r2 = &words[0]+0
     6: r1 = *(u64 *)(r2 +0)
     7: if r1 != 0 goto 32
     8: r6 = r0
     9: r6 >>= 32
    10: r1 = *(u64 *)(r2 +16)
    11: if r6 == r1 goto 32
    12: call get_current_task_btf
    13: r1 = *(u32 *)(r0 +16)
    14: if r1 & 2 goto 32
  ; 0:56..60
    15: r1 = &words[0]+64
    17: r1 = *(u64 *)(r1 +0)
  ; 0:43..77
    18: if r6 == r1 goto 32
  ; 0:64..74
    19: r1 = *(u64 *)(r0 +member)
    20: *(u64 *)(r10 -32) = r1
    21: r1 = *(u64 *)(r0 +member)
    22: *(u64 *)(r10 -24) = r1
  ; 0:62..77
    23: r1 = map n
    25: r2 = r10
    26: r2 += -32
    27: call map_lookup_elem
    28: if r0 == 0 goto 43
    29: r1 = *(u64 *)(r0 +0)
    30: r1 += 1
    31: *(u64 *)(r0 +0) = r1
  ; 0:25..40
    32: r0 = 0
    33: exit
  ; 0:62..77
    34: r7 = 0
    35: goto 64
    36: r7 = 1
    37: r8 = r0
    38: goto 92
    39: if r0 == -17 goto 54
    40: if r0 == -7 goto 34
    41: r0 = -r0
    42: goto 36
    43: *(u64 *)(r10 -8) = 1
    44: r1 = map n
    46: r2 = r10
    47: r2 += -32
    48: r3 = r10
    49: r3 += -8
    50: r4 = 1
    51: call map_update_elem
    52: if r0 != 0 goto 39
    53: goto 32
    54: r1 = map n
    56: r2 = r10
    57: r2 += -32
    58: call map_lookup_elem
    59: if r0 == 0 goto 32
    60: r1 = *(u64 *)(r0 +0)
    61: r1 += 1
    62: *(u64 *)(r0 +0) = r1
    63: goto 32
  ; 0:25..40
    64: call get_smp_processor_id
    65: r6 = r0
    66: r1 = map records
    68: r2 = 8
    69: r3 = 0
    70: call ringbuf_reserve
    71: if r0 == 0 goto 78
    72: *(u32 *)(r0 +0) = r7
    73: *(u32 *)(r0 +4) = r6
    74: r1 = r0
    75: r2 = 2
    76: call ringbuf_submit
    77: goto 88
    78: *(u32 *)(r10 -16) = r7
    79: r1 = map counters
    81: r2 = r10
    82: r2 += -16
    83: call map_lookup_elem
    84: if r0 == 0 goto 88
    85: r1 = *(u64 *)(r0 +0)
    86: r1 += 1
    87: *(u64 *)(r0 +0) = r1
    88: r1 = &words[0]+0
    90: *(u64 *)(r1 +0) = 1
    91: goto 32
    92: call get_smp_processor_id
    93: r6 = r0
    94: r1 = map records
    96: r2 = 16
    97: r3 = 0
    98: call ringbuf_reserve
    99: if r0 == 0 goto 107
   100: *(u32 *)(r0 +0) = r7
   101: *(u32 *)(r0 +4) = r6
   102: *(u64 *)(r0 +8) = r8
   103: r1 = r0
   104: r2 = 2
   105: call ringbuf_submit
   106: goto 117
   107: *(u32 *)(r10 -16) = r7
   108: r1 = map counters
   110: r2 = r10
   111: r2 += -16
   112: call map_lookup_elem
   113: if r0 == 0 goto 117
   114: r1 = *(u64 *)(r0 +0)
   115: r1 += 1
   116: *(u64 *)(r0 +0) = r1
   117: r1 = &words[0]+0
   119: *(u64 *)(r1 +0) = 1
   120: goto 32
site 0: handler 0, error ArrayFull(GlobalId(1)) () at 0:62..77
site 1: handler 0, error ArrayRefused(GlobalId(1)) (long) at 0:62..77
counters: 2 sites, 0 skipped, 0 hits

"#]]
        .raw()
    );
}

#[test]
fn bpf_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(
        shows("bpf", DIVIDED),
        str![[r#"
map 0 words: words, MappedArray, key 4, value 72, entries 1
map 1 records: ring, Ring, key 0, value 0, entries 4194304
map 2 counters: counters, PerCpuArray, key 4, value 8, entries 1
program sys_enter: tracepoint sys_enter, typed, handlers [0], 54 instructions
  ; 0:19..34
     0: r1 = *(u64 *)(r1 +8)
     1: w1 = w1
     2: if r1 != 111 goto 41
     3: call get_current_pid_tgid
     4: r1 = &words[0]+0
     6: r0 >>= 32
     7: r1 = *(u64 *)(r1 +16)
     8: if r0 == r1 goto 41
     9: call get_current_task_btf
    10: r6 = r0
    11: r1 = *(u32 *)(r6 +16)
    12: if r1 & 2 goto 41
  ; 0:39..46
    13: r2 = 1
    14: r1 = &words[0]+64
    16: lock *(u64 *)(r1 +0) += r2
  ; 0:53..58
    17: call get_current_uid_gid
    18: w1 = w0
  ; 0:49..123
    19: if r1 != 0 goto 41
  ; 0:82..92
    20: r1 = *(u64 *)(r6 +member)
    21: *(u64 *)(r10 -24) = r1
    22: r1 = *(u64 *)(r6 +member)
    23: *(u64 *)(r10 -16) = r1
  ; 0:94..121
    24: call get_smp_processor_id
    25: r6 = r0
    26: r1 = map records
    28: r2 = 24
    29: r3 = 0
    30: call ringbuf_reserve
    31: if r0 == 0 goto 43
    32: *(u32 *)(r0 +0) = 0
    33: *(u32 *)(r0 +4) = r6
    34: r1 = *(u64 *)(r10 -24)
    35: *(u64 *)(r0 +8) = r1
    36: r1 = *(u64 *)(r10 -16)
    37: *(u64 *)(r0 +16) = r1
    38: r1 = r0
    39: r2 = 1
    40: call ringbuf_submit
  ; 0:19..34
    41: r0 = 0
    42: exit
  ; 0:94..121
    43: *(u32 *)(r10 -8) = 0
    44: r1 = map counters
    46: r2 = r10
    47: r2 += -8
    48: call map_lookup_elem
    49: if r0 == 0 goto 41
    50: r1 = *(u64 *)(r0 +0)
    51: r1 += 1
    52: *(u64 *)(r0 +0) = r1
    53: goto 41
site 0: handler 0, continue 0 (text 16) at 0:94..121
counters: 1 sites, 0 skipped, 0 hits

"#]]
        .raw()
    );
}

#[test]
fn check_says_where_handlers_run() {
    if !can_trace() {
        return;
    }
    for (text, expected) in [(BOTH_SIDES, "syscall.getpgrp: in the kernel\nend: on the user side\n")] {
        run(["check", "-v", "-e", text]).prints(expected);
    }
    let outcome = run(["check", "-v", "-e", DIVIDED]);
    outcome.is_quiet();
    let text = outcome.text();
    assert!(text.starts_with("syscall.getpgrp: in the kernel\n    from <command line>:4:"), "{text}");
    assert!(text.contains(" on the user side, when the record arrives: "), "{text}");
}

#[test]
fn check_goes_no_further_than_asked() {
    let unknown = "probe begin { println(no_such_function()) }";
    run(["check", "--until", "parse", "-e", unknown]).prints("");
    run(["check", "--until", "resolve", "-e", unknown]).exits(1).complains(&["no_such_function"]);
    run(["check", "-e", unknown]).exits(1).complains(&["no_such_function"]);
    run(["check", "-e", "probe begin { exit() }"]).prints("");
}

#[test]
fn the_examples_pass() {
    if !can_trace() {
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples = 0;
    for entry in std::fs::read_dir(folder).expect("there are examples") {
        let path = entry.expect("a folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "stp") {
            run(["check".as_ref(), path.as_os_str()]).prints("");
            examples += 1;
        }
    }
    assert!(examples > 0);
}
