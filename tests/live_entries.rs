//! That `@entry` gives what was true when a call was entered: compared with what the calling program knows.

mod systap;

use systap::{can_trace, run};

#[test]
fn a_return_knows_what_the_entry_knew() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("made here");
    let shown = path.display().to_string();
    // A name that is not in memory yet when a call is entered reads as empty.
    let text = "probe syscall.openat.return {
          name = @entry(user_string($filename, \"\"))
          if (pid() == target() && $return >= 0 && isinstr(name, \"made here\"))
            printf(\"%s %d %d\\n\", name, @entry($dfd), @entry($flags) == $flags)
        }";
    let line = format!("exec touch '{shown}'");
    let outcome = run(["run", "-c", &line, "-e", text]);
    outcome.is_quiet();
    assert_eq!(outcome.text(), format!("{shown} -100 1\n"), "{}", outcome.all());
}

#[test]
fn registers_that_the_call_replaces_are_those_of_the_entry() {
    if !can_trace() {
        return;
    }
    let text = "probe syscall.execve.return {
          if (pid() == target() && !$return) printf(\"%s %d\\n\", @entry(user_string($filename, \"\")), $filename == @entry($filename))
        }";
    let outcome = run(["run", "-c", "exec /bin/true", "-e", text]);
    outcome.is_quiet();
    assert_eq!(outcome.text().lines().last(), Some("/bin/true 1"), "{}", outcome.all());
}

#[test]
fn threads_do_not_mix_their_entries_up() {
    if !can_trace() {
        return;
    }
    // Each sleeps for another time, all at once: what came out as long as what went in is its own.
    let text = "probe syscall.clock_nanosleep.return, syscall.nanosleep.return {
          if (execname() != \"sleep\") next
          asked = @entry($rqtp->tv_sec * 1000 + $rqtp->tv_nsec / 1000000)
          took = (gettimeofday_us() - @entry(gettimeofday_us())) / 1000
          printf(\"%d %d\\n\", asked, took >= asked && took < asked + 2000)
        }";
    let line = "sleep 0.5 & sleep 0.1 & sleep 0.3 & wait";
    let outcome = run(["run", "-c", line, "-e", text]);
    outcome.is_quiet();
    assert_eq!(outcome.text(), "100 1\n300 1\n500 1\n", "{}", outcome.all());
}

#[test]
fn a_return_whose_entry_was_before_the_run_is_passed_over() {
    if !can_trace() {
        return;
    }
    // Under another name, since other tests here watch what `sleep` does.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let nap = folder.path().join("nap");
    std::os::unix::fs::symlink("/bin/sleep", &nap).expect("a link can be made");
    let mut sleep = std::process::Command::new(nap).arg("1").spawn().expect("there is a `sleep`");
    let pid = sleep.id().to_string();
    let text = "probe syscall.clock_nanosleep.return { if (pid() == target()) println(@entry(pid())) }";
    let outcome = run(["run", "-x", &pid, "-e", text]);
    _ = sleep.wait();
    outcome.prints("");
}
