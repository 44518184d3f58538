//! What each stage makes of two small scripts, as `check --print` shows it: a change of any of them is seen here.
//!
//! The scripts depend on no fact of the running kernel but the numbers of system calls.

mod systap;

use snapbox::{IntoData, assert_data_eq, file, str};
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
  if (uid() == 0) { text = ctime(0) . execname(); println(strlen(text), text) }
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
      (= text (. (call ctime 0) (call execname)))
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
        text = (ctime(0) . execname())
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
b0: # 1
    v0 = pid
    v1 = most
    v2 = v0 != v1
    if v2 b2 else b1
b1:
    jump b3
b2: # 1
    v3:s = execname
    v4 = 1
    n[v3] += v4
    jump b3
b3:
    return

handler end (end 0)
b0: # 1
    v1 = 2
    v2 = iterate n, by Value(Count) descending, at most v1
    jump b1
b1: # 1
    v5 = advance v2
    if v5 b3 else b2
b2:
    return
b3: # 1
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
b0: # 2
    v1 = 1
    calls += v1
    v4 = uid
    v5 = 0
    v6 = v4 == v5
    if v6 b2 else b1
b1:
    jump b3
b2: # 2
    v9:s = ctime(v5)
    v10:s = execname
    v11:s = v9 . v10
    v12 = strlen(v11)
    print "%d%s\n" v12, v11
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
b0: # 1
    v0 = pid
    v1 = most
    v2 = v0 != v1
    if v2 b2 else b1
b1:
    jump b3
b2: # 1
    v3:s = execname
    v4 = 1
    n[v3] += v4
    jump b3
b3:
    return

user side: end (end 0)
b0: # 1
    v1 = 2
    v2 = iterate n, by Value(Count) descending, at most v1
    jump b1
b1: # 1
    v5 = advance v2
    if v5 b3 else b2
b2:
    return
b3: # 1
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
b0: # 2
    v1 = 1
    calls += v1
    v4 = uid
    v5 = 0
    v6 = v4 == v5
    if v6 b2 else b1
b1:
    return
b2: # 2
    v10:s = execname
    defer to 0 (v10)

user side: continuation 0 of syscall.getpgrp, for `ctime`
b0(v10:s):
    v5 = 0
    v9:s = ctime(v5)
    v11:s = v9 . v10
    v12 = strlen(v11)
    print "%d%s\n" v12, v11
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
    assert_data_eq!(shows("bpf", BOTH_SIDES), file!["stages/bpf_of_both_sides.txt"].raw());
}

#[test]
fn bpf_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("bpf", DIVIDED), file!["stages/bpf_of_divided.txt"].raw());
}

#[test]
fn check_says_where_handlers_run() {
    if !can_trace() {
        return;
    }
    run(["check", "-v", "-e", BOTH_SIDES]).prints("syscall.getpgrp: in the kernel\nend: on the user side\n");
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
