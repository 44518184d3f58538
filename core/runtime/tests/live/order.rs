//! What comes before what, and what ends a run.

use std::time::{Duration, Instant};

use systap_runtime::{End, Step, Target};

use crate::harness::{Script, calls, can_trace};

#[test]
fn begin_comes_before_attachment_and_end_after_the_last_record() {
    if !can_trace() {
        return;
    }
    let text = r#"
        probe end(2) { println("end 2") }
        probe begin { println("begin") }
        probe begin(-1) { println("begin -1") }
        probe syscall.getpgrp { if (pid() == target()) println("call") }
        probe end { println("end") }
    "#;
    let (report, said) = Script::with(text, calls(3)).run();
    assert_eq!(said.text(), "begin -1\nbegin\ncall\ncall\ncall\nend\nend 2\n");
    assert_eq!(report.end, End::TargetEnded);
    let steps: Vec<(usize, &str)> = said
        .steps
        .iter()
        .map(|(written, step)| {
            let name = match step {
                Step::Loaded { .. } => "loaded",
                Step::ByKprobe { .. } => "by a kprobe",
                Step::Attached { .. } => "attached",
                Step::Armed { .. } => "armed",
                Step::Started { .. } => "started",
                Step::Signalled(_) => "signalled",
                Step::Detached { .. } => "detached",
            };
            (*written, name)
        })
        .collect();
    let begun = "begin -1\nbegin\n".len();
    assert_eq!(steps[..4], [(0, "loaded"), (begun, "attached"), (begun, "armed"), (begun, "started")]);
    assert_eq!(steps[4].1, "detached");
}

#[test]
fn a_begin_that_exits_attaches_nothing() {
    if !can_trace() {
        return;
    }
    let text = r#"
        probe begin { println("begin") exit() }
        probe syscall.* { println("never") }
        probe end { println("end") }
    "#;
    let (report, said) = Script::new(text).run();
    assert_eq!((said.text(), report.end), ("begin\nend\n", End::Exit));
    assert!(!said.steps.iter().any(|(_, step)| matches!(step, Step::Attached { .. })));
}

#[test]
fn no_privilege_is_needed_where_nothing_runs_in_the_kernel() {
    let (report, said) = Script::new("probe begin { println(\"hi\") exit() }").run();
    assert_eq!((said.text(), report.end), ("hi\n", End::Exit));
    assert!(said.steps.is_empty() && report.programs.is_empty());
}

#[test]
fn without_an_exit_a_run_waits_for_its_time() {
    let script = Script { time_limit: Some(Duration::from_millis(200)), ..Script::new("probe begin { println(1) }") };
    let begun = Instant::now();
    let (report, said) = script.run();
    assert!((Duration::from_millis(200)..Duration::from_secs(2)).contains(&begun.elapsed()));
    assert_eq!((said.text(), report.end), ("1\n", End::TimeLimit));
}

#[test]
fn the_rest_of_a_handler_runs_on_the_user_side_in_order() {
    if !can_trace() {
        return;
    }
    // Sorting is not for the kernel: what comes after it runs when the record arrives.
    let text = r#"
        global seen
        probe syscall.getpgrp {
            if (pid() != target()) next
            seen["c"]++
            seen["b"] = 5
            seen["a"] = 2
            foreach (k in seen- limit 2) printf("%s ", k)
            printf("%s\n", execname())
        }
        probe end { println("end") }
    "#;
    let (report, said) = Script::with(text, calls(2)).run();
    assert_eq!(said.text(), "b a perl\nb a perl\nend\n");
    assert_eq!(report.lost_records(), 0);
}

#[test]
fn a_process_that_is_watched_ends_the_run() {
    let mut child = std::process::Command::new("sleep").arg("0.2").spawn().unwrap();
    let text = "probe begin { println(target()) } probe end { println(\"end\") }";
    let (report, said) = Script::with(text, Target::Process(child.id())).run();
    child.wait().unwrap();
    assert_eq!((said.text().to_owned(), report.end), (format!("{}\nend\n", child.id()), End::TargetEnded));
}
