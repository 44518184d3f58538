//! That timers fire as often as they should, and that `begin`, `end` and `error` come in order.

mod systap;

use systap::{calls_line, can_trace, run, script};

/// The numbers of the only line.
fn numbers(text: &str) -> Vec<i64> {
    text.split_whitespace().map(|word| word.parse().expect("only numbers are printed")).collect()
}

#[test]
fn a_timer_fires_once_an_interval() {
    // How long the run took is measured in the script by the clock, so that a busy machine makes no difference to what
    // may be: a timer is never early, and what it misses it may leave out.
    let outcome = script(
        "global n, began
        probe begin { began = gettimeofday_ns() }
        probe timer.ms(10) { n++ }
        probe timer.ms(300) { exit() }
        probe end { printf(\"%d %d\\n\", n, (gettimeofday_ns() - began) / 1000000) }",
    );
    outcome.is_quiet();
    let [count, took] = numbers(&outcome.text())[..] else { panic!("{}", outcome.all()) };
    assert!(count >= 1 && count <= took / 10 + 1, "{}", outcome.all());
    assert!(took >= 300, "{}", outcome.all());
}

#[test]
fn timers_of_all_units_fire() {
    for (unit, interval) in [
        ("s", "1"),
        ("sec", "1"),
        ("ms", "20"),
        ("msec", "20"),
        ("us", "20000"),
        ("usec", "20000"),
        ("ns", "20000000"),
        ("nsec", "20000000"),
        ("hz", "50"),
        ("jiffies", "5"),
    ] {
        let outcome = script(&format!("probe timer.{unit}({interval}) {{ println(\"fired\") exit() }}"));
        outcome.prints("fired\n");
    }
}

#[test]
fn slow_and_fast_timers_keep_their_own_time() {
    let outcome = script(
        "global fast, slow
        probe timer.ms(5) { fast++ }
        probe timer.ms(50) { slow++; if (slow == 4) exit() }
        probe end { printf(\"%d %d\\n\", fast, slow) }",
    );
    outcome.is_quiet();
    let [fast, slow] = numbers(&outcome.text())[..] else { panic!("{}", outcome.all()) };
    assert_eq!(slow, 4);
    assert!((1..=1000).contains(&fast) && fast > slow, "{}", outcome.all());
}

#[test]
fn the_profile_looks_at_cpus_that_work() {
    if !can_trace() {
        return;
    }
    let text = "global all, busy
        probe timer.profile { all[cpu()]++; if (pid() == target()) busy++ }
        probe end {
          foreach (count = on in all) { sum += count; cpus++ }
          printf(\"%d %d %d\\n\", cpus, sum, busy)
        }";
    let outcome = run(["run", "-c", &calls_line("getppid 3000000"), "-e", text]);
    outcome.is_quiet();
    let [cpus, sum, busy] = numbers(&outcome.text())[..] else { panic!("{}", outcome.all()) };
    let online = std::thread::available_parallelism().expect("the number of CPUs is known").get() as i64;
    assert!((1..=online).contains(&cpus), "{}", outcome.all());
    // A program that works without a pause is found working; how often depends on what else there is to do.
    assert!(busy >= 1 && sum >= busy, "{}", outcome.all());
}

#[test]
fn beginnings_and_ends_come_in_order() {
    script(
        "probe end(7) { println(\"end 7\") }
        probe begin(5) { println(\"begin 5\") }
        probe end { println(\"end\") }
        probe begin(-3) { println(\"begin -3\") }
        probe begin { println(\"begin, first\") }
        probe begin { println(\"begin, second\") }
        probe begin(1) { println(\"begin 1\") }
        probe begin(9) { exit() }
        probe end(-9) { println(\"end -9\") }
        probe error { println(\"error\") }
        probe never { println(\"never\") }
        probe init { println(\"init\") }",
    )
    .prints("init\nbegin -3\nbegin, first\nbegin, second\nbegin 1\nbegin 5\nend -9\nend\nend 7\n");
}

#[test]
fn after_an_error_come_the_error_handlers_in_order() {
    let outcome = script(
        "probe begin { println(\"begin\") error(\"no more\") }
        probe begin(1) { println(\"begin 1\") }
        probe error(2) { println(\"error 2\") }
        probe error { println(\"error\") }
        probe end { println(\"end\") }",
    );
    outcome.exits(1).complains(&["no more"]);
    assert_eq!(outcome.text(), "begin\nerror\nerror 2\n", "{}", outcome.all());
}

#[test]
fn one_shot_runs_and_ends() {
    script("probe oneshot { println(\"once\") } probe end { println(\"end\") }").prints("once\nend\n");
}
