//! That tracepoints tell the truth: events of processes whose numbers, names and ends are known from elsewhere.

mod systap;

use std::path::Path;

use systap::{can_trace, run, script};

/// Runs a script over a shell script, which writes what it knows about itself to the file `told`.
struct Story {
    /// What the shell wrote, line by line.
    told: Vec<String>,
    /// What systap printed, line by line.
    seen: Vec<String>,
    /// For the message of a failed assertion.
    all: String,
}

#[track_caller]
fn story(work: &str, text: &str) -> Story {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file can be written");
    write("work.sh", &format!("cd {}\n{work}", folder.path().display()));
    write("told", "");
    let line = format!("exec sh {}", folder.path().join("work.sh").display());
    let outcome = run(["run", "-c", &line, "-e", text]);
    outcome.is_quiet();
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    let told = std::fs::read_to_string(folder.path().join("told")).expect("the file is there");
    Story { told: lines(told), seen: lines(outcome.text()), all: outcome.all() }
}

#[test]
fn a_fork_names_parent_and_child() {
    if !can_trace() {
        return;
    }
    let forks = "probe kernel.trace(\"sched:sched_process_fork\") {
          if ($parent->pid == target()) printf(\"%d %d %s\\n\", $parent->pid, $child->pid, kernel_string($child->comm))
        }";
    let Story { told, seen, all } =
        story("echo $$ >told\n/bin/true & echo $! >>told\nwait\n/bin/true & echo $! >>told\nwait\n", forks);
    assert_eq!(told.len(), 3, "{told:?}");
    // A child has the name of what it was forked from, until it becomes another program.
    let expected: Vec<_> = told[1..].iter().map(|child| format!("{} {child} sh", told[0])).collect();
    assert_eq!(seen, expected, "{all}");
}

#[test]
fn an_exec_names_the_file_and_an_exit_the_status() {
    if !can_trace() {
        return;
    }
    let text = "probe kernel.trace(\"sched:sched_process_exec\") {
          if ($p->real_parent->pid == target())
            printf(\"exec %d %s %s\\n\", $p->pid, kernel_string($p->comm), kernel_string($bprm->filename))
        }
        probe kernel.trace(\"sched:sched_process_exit\") {
          if ($p->real_parent->pid == target())
            printf(\"exit %d status %d signal %d\\n\", $p->pid, ($p->exit_code >> 8) & 0xff, $p->exit_code & 0x7f)
        }";
    let work = "\
/bin/sh -c 'exit 7' & echo $! >>told
wait
/bin/sh -c 'kill -TERM $$' & echo $! >>told
wait
/bin/cat /dev/null & echo $! >>told
wait
";
    let Story { told, seen, all } = story(work, text);
    let [first, second, third] = told.as_slice() else { panic!("{told:?}") };
    let expected = [
        format!("exec {first} sh /bin/sh"),
        format!("exit {first} status 7 signal 0"),
        format!("exec {second} sh /bin/sh"),
        format!("exit {second} status 0 signal 15"),
        format!("exec {third} cat /bin/cat"),
        format!("exit {third} status 0 signal 0"),
    ];
    assert_eq!(seen, expected, "{all}");
}

#[test]
fn switches_are_as_many_as_the_kernel_counts_for_the_task() {
    if !can_trace() {
        return;
    }
    // The kernel counts a switch just before it tells of it; what it counts before exec and after exit is left out.
    let text = "global n, kernel, on
        probe kernel.trace(\"sched:sched_process_exec\") {
          if ($p->pid == target() && !on) { on = 1; kernel = $p->nvcsw + $p->nivcsw }
        }
        probe kernel.trace(\"sched:sched_switch\") { if (on && $prev->pid == target()) n++ }
        probe kernel.trace(\"sched:sched_process_exit\") {
          if ($p->pid == target()) { on = 0; kernel = $p->nvcsw + $p->nivcsw - kernel }
        }
        probe end { printf(\"%d %d\\n\", n, kernel) }";
    let Story { seen, all, .. } = story("for i in 1 2 3 4 5 6 7 8; do sleep 0.01; done\n", text);
    let (counted, kernel) = seen[0].split_once(' ').expect("two numbers");
    assert_eq!(counted, kernel, "{all}");
    assert!(counted.parse::<u64>().expect("a number") >= 8, "it waits eight times\n{all}");
}

#[test]
fn a_switch_names_both_tasks() {
    if !can_trace() {
        return;
    }
    let text = "global out, back
        probe kernel.trace(\"sched:sched_switch\") {
          if ($prev->tgid == target()) out[kernel_string($prev->comm), $prev_state != 0]++
          if ($next->tgid == target()) back[kernel_string($next->comm)]++
          if ($prev == $next || $prev->pid == $next->pid && $prev->pid != 0) wrong++
          if (task_pid($prev) != $prev->tgid || task_execname($next) != kernel_string($next->comm)) wrong++
        }
        global wrong
        probe end {
          printf(\"%d %d %d\\n\", out[\"sleep\", 1] > 0, back[\"sleep\"] > 0, wrong)
        }";
    let Story { seen, all, .. } = story("exec sleep 0.05\n", text);
    assert_eq!(seen, ["1 1 0"], "{all}");
}

#[test]
fn all_variables_of_a_tracepoint_are_told_at_once() {
    if !can_trace() {
        return;
    }
    let outcome = script(
        "probe kernel.trace(\"sched:sched_switch\") { printf(\"%s\\nprev=%p next=%p\\n\", $$vars, $prev, $next) exit() }",
    );
    outcome.is_quiet();
    let text = outcome.text();
    let [all, two] = text.lines().take(2).collect::<Vec<_>>()[..] else { panic!("{}", outcome.all()) };
    for part in two.split(' ') {
        assert!(part.contains("=0xff") && all.split(' ').any(|word| word == part), "{part}\n{}", outcome.all());
    }
    assert!(all.split(' ').any(|word| word.starts_with("prev_state=")), "{}", outcome.all());
}

#[test]
fn a_pattern_stands_for_every_tracepoint_that_matches() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe kernel.trace(\"sched:sched_process_*\") { if (pid() == target()) n[$$name]++ }
        probe end { printf(\"%d %d %d\\n\", n[\"sched_process_fork\"], n[\"sched_process_exec\"], n[\"sched_process_exit\"]) }";
    // systap's shell becomes one that forks three times, then it becomes `true`, then it ends.
    let Story { seen, all, .. } = story("/bin/true & wait\n/bin/true & wait\n/bin/true & wait\nexec /bin/true\n", text);
    assert_eq!(seen, ["3 3 1"], "{all}");
}

#[test]
fn one_tracepoint_may_have_several_handlers_in_order_of_the_script() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe kernel.trace(\"sched:sched_process_exit\") { if (pid() == target()) printf(\"%d first\\n\", n++) }
        probe kernel.trace(\"sched:sched_process_exit\") { if (pid() == target()) printf(\"%d second\\n\", n++) }
        probe kernel.trace(\"sched_process_exit\") { if (pid() == target()) printf(\"%d third\\n\", n++) }";
    let Story { seen, all, .. } = story("exec /bin/true\n", text);
    assert_eq!(seen, ["0 first", "1 second", "2 third"], "{all}");
}

#[test]
fn the_name_of_a_process_is_the_one_that_proc_tells() {
    if !can_trace() {
        return;
    }
    // 15 bytes of a name are all that the kernel keeps; spaces and brackets are part of it.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let odd = folder.path().join("a (b) c-and-much-more");
    std::fs::copy("/bin/true", &odd).expect("a program can be copied");
    assert!(Path::new(&odd).exists());
    let text = "probe kernel.trace(\"sched:sched_process_exit\") {
          if (pid() == target()) printf(\"%s|%s|%d\\n\", execname(), task_execname(task_current()), strlen(execname()))
        }";
    let line = format!("exec '{}'", odd.display());
    run(["run", "-c", &line, "-e", text]).prints("a (b) c-and-muc|a (b) c-and-muc|15\n");
}
