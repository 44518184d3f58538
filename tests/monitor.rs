//! `--monitor`: what is seen on a terminal while a script runs, what keys do, and that the terminal is left as it was.

mod systap;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use systap::{binary, calls, can_trace, eventually, is_emulated, kill, program, run, stap, time_box};

const ROWS: NonZero<u16> = NonZero::new(30).expect("it is not 0");
const COLUMNS: NonZero<u16> = NonZero::new(110).expect("nor this");

/// A terminal with a command on it.
struct Terminal {
    keys: File,
    /// The command's end, to see what it leaves.
    other: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
    child: Child,
}

impl Terminal {
    /// Starts the command; `None`, and the reason said, where there are no terminals.
    fn start(args: &[&str]) -> Option<Self> {
        let setsid = program("setsid")?;
        let keys = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).ok()?;
        rustix::pty::grantpt(&keys).expect("a terminal can be granted");
        rustix::pty::unlockpt(&keys).expect("and unlocked");
        let name = rustix::pty::ptsname(&keys, vec![]).expect("it has a name").into_string().expect("of letters");
        let other = File::options().read(true).write(true).open(name).expect("it can be opened");
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&other, size).expect("a terminal has a size");
        let end = || Stdio::from(other.try_clone().expect("a descriptor can be copied"));
        // It is to be the terminal of its session, as it is for people.
        let mut command = Command::new(setsid);
        command.arg("-c").arg(binary()).args(args).env_remove("NO_COLOR").env("SYSTEMTAP_DIR", "/nonexistent");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the command can be started");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let keys = File::from(keys);
        let mut reading = keys.try_clone().expect("a descriptor can be copied");
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = reading.read(&mut piece) {
                shown.lock().expect("nobody panics with it").process(&piece[..length]);
            }
        });
        Some(Terminal { keys, other: other.into(), screen, child })
    }

    fn text(&self) -> String {
        self.screen.lock().expect("nobody panics with it").screen().contents()
    }

    fn has_view(&self) -> bool {
        self.screen.lock().expect("nobody panics with it").screen().alternate_screen()
    }

    /// Whether keys come one by one.
    fn is_raw(&self) -> bool {
        !tcgetattr(&self.other).expect("it is a terminal").local_modes.contains(LocalModes::ICANON)
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys can be pressed");
    }

    #[track_caller]
    fn sees(&self, part: &str) {
        self.until(part, |text| text.contains(part));
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !holds(&self.text()) {
            assert!(begun.elapsed() < time_box(), "`{what}` is not so:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The row of the table whose point this is: index, state, hits.
    fn probe(&self, point: &str) -> Option<(usize, String, u64)> {
        let text = self.text();
        let mut rows = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let words = rows.find(|words| words.get(7).is_some_and(|word| word == point))?;
        Some((words[1].parse().ok()?, words[2].clone(), words[3].parse().ok()?))
    }

    /// Waits for the end; gives the status, and what is on the terminal then.
    #[track_caller]
    fn ends(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("one's own child can be waited for") {
                break status;
            }
            assert!(begun.elapsed() < time_box(), "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        eventually("the terminal is given back", || !self.has_view() && !self.is_raw());
        assert!(!self.screen.lock().expect("nobody panics with it").screen().hide_cursor());
        // What was written last may still be on its way.
        std::thread::sleep(Duration::from_millis(100));
        (status.code(), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const USER_SIDE: &str = "global peak = 3, names, sums, ticks
probe begin { peak = 99 names[\"a\\tb\", 2] = 7 names[\"c\", 3] = 70 sums <<< 4 sums <<< 8 println(\"it has begun\") }
probe timer.ms(20) { printf(\"tick %d %d\\n\", ticks++, peak + @count(sums) + names[\"c\", 3]) }
probe end { println(\"the end\") }";

#[test]
fn a_view_shows_the_run_and_ends_it_in_order() {
    let Some(mut terminal) = Terminal::start(&["run", "--monitor=0.1", "-e", USER_SIDE]) else { return };
    for part in ["<command line>", "Linux ", "tick 1", "timer.ms(20)", "peak = 99", "names: 2 elements"] {
        terminal.sees(part);
    }
    assert!(terminal.has_view() && terminal.is_raw());
    let text = terminal.text();
    for part in ["[\"c\", 3] = 70", "[\"a\\tb\", 2] = 7", "sums  count 2  sum 12  avg 6", "it has begun", "? help"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    terminal.until("a time for each tick", |text| {
        let row = text.lines().find(|line| line.contains("timer.ms(20)")).unwrap_or_default();
        row.contains("µs") || row.contains("ms ") || row.contains("ns")
    });
    terminal.press("q");
    let (status, text) = terminal.ends();
    assert_eq!(status, Some(0));
    assert!(text.contains("it has begun") && text.contains("the end"), "{text}");
    assert!(!text.contains("globals ("), "{text}");
}

#[test]
fn keys_reset_globals_and_choose_what_is_shown() {
    let Some(mut terminal) = Terminal::start(&["run", "--monitor=0.1", "-e", USER_SIDE]) else { return };
    terminal.sees("peak = 99");
    terminal.press("c");
    terminal.sees("peak = 3");
    terminal.sees("names: 0 elements");
    terminal.sees("sums  count 0");
    terminal.press("?");
    terminal.sees("every global as it was before the run");
    terminal.press("?");
    terminal.until("no help", |text| !text.contains("every global as it was"));
    terminal.press("ss");
    terminal.sees("*hits");
    terminal.press("p");
    terminal.sees("paused");
    terminal.press("r");
    terminal.until("no pause", |text| !text.contains("paused"));
    // The chosen pane is that of the probes.
    terminal.press("x");
    terminal.until("no probes", |text| !text.contains("probes (") && text.contains("globals ("));
    terminal.press("xx");
    terminal.sees("probes (");
    terminal.press("\t\t\t\x1b[B\x1b[6~\x1b[Z");
    terminal.press("\x03");
    assert_eq!(terminal.ends().0, Some(0));
}

#[test]
fn what_is_paused_is_printed_at_the_end() {
    let script = "global written
        probe timer.ms(20) { if (written++ < 200) println(\"line \", written) }
        probe end { println(\"the end\") }";
    let Some(mut terminal) = Terminal::start(&["run", "--monitor=0.05", "-e", script]) else { return };
    terminal.sees("line 2");
    terminal.press("p");
    terminal.sees("paused, 3");
    terminal.press("q");
    let (status, text) = terminal.ends();
    assert_eq!(status, Some(0));
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}:\n{text}"));
    assert!(at("line ") < at("the end"), "{text}");
}

#[test]
fn a_probe_that_is_switched_off_is_not_hit() {
    if !can_trace() || is_emulated() {
        return;
    }
    let script = "global n, who
        probe syscall.getpgrp { n++; who[execname()]++ }
        probe syscall.getpgrp.return { if (@entry(n) < 0) println(\"never\") }
        probe timer.ms(50) { printf(\"n is %d, %d\\n\", n, who[\"calls\"]) }";
    let Some(mut terminal) = Terminal::start(&["run", "--monitor=0.1", "-e", script]) else { return };
    terminal.sees("probes (3)");
    let line = format!("while :; do {} getpgrp 10; sleep 0.01; done", calls().display());
    let mut work = Command::new("/bin/sh").args(["-c", &line]).spawn().expect("a shell can be started");
    let hits = |terminal: &Terminal, point: &str| terminal.probe(point).map_or(0, |(_, _, hits)| hits);
    eventually("the system call is hit", || hits(&terminal, "syscall.getpgrp") > 20);
    terminal.sees("[\"calls\"] = ");
    for point in ["syscall.getpgrp", "syscall.getpgrp.return", "timer.ms(50)"] {
        eventually("each probe is hit", || hits(&terminal, point) > 0);
        let (index, state, _) = terminal.probe(point).expect("it is in the table");
        assert_eq!(state, "on");
        let is = |wanted: &str| terminal.probe(point).is_some_and(|(_, state, _)| state == wanted);
        let keys = format!("t{index}\r");
        (&terminal.keys).write_all(keys.as_bytes()).expect("keys can be pressed");
        eventually("it is off", || is("off"));
        let before = hits(&terminal, point);
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(hits(&terminal, point), before, "{point}");
        (&terminal.keys).write_all(keys.as_bytes()).expect("keys can be pressed");
        eventually("it is on", || is("on"));
        eventually("it is hit again", || hits(&terminal, point) > before);
    }
    terminal.press("c");
    terminal.until("a count from the beginning", |text| {
        let value = text.lines().find_map(|line| line.split("n = ").nth(1)?.split_whitespace().next()?.parse().ok());
        value.is_some_and(|value: u64| value < hits(&terminal, "syscall.getpgrp"))
    });
    terminal.press("q");
    assert_eq!(terminal.ends().0, Some(0));
    _ = work.kill();
    _ = work.wait();
}

#[test]
fn the_time_of_a_hit_in_the_kernel_is_told() {
    if !can_trace() || is_emulated() {
        return;
    }
    let script = "global n probe kernel.trace(\"sched_switch\") { n++ } probe timer.s(100) { println(n) }";
    let Some(mut terminal) = Terminal::start(&["run", "--monitor=0.1", "-e", script]) else { return };
    terminal.until("a time", |text| {
        text.lines().any(|line| line.contains("sched_switch") && (line.contains("ns ") || line.contains("µs ")))
    });
    terminal.press("q");
    assert_eq!(terminal.ends().0, Some(0));
}

#[test]
fn output_of_a_file_has_no_pane() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("out");
    let out = path.display().to_string();
    let args = ["stap", "--monitor", "-o", &out, "-e", USER_SIDE];
    let Some(mut terminal) = Terminal::start(&args) else { return };
    terminal.sees("peak = 99");
    let written = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually("output is in the file", || written().contains("tick 3"));
    assert!(!terminal.text().contains(" output "), "{}", terminal.text());
    terminal.press("q");
    assert_eq!(terminal.ends().0, Some(0));
    assert!(written().starts_with("it has begun\n") && written().ends_with("the end\n"));
}

#[test]
fn errors_and_signals_give_the_terminal_back() {
    let script =
        "global n probe timer.ms(20) { if (n++ > 10) println(1 / (n - n)) } probe error { println(\"failed\") }";
    let Some(terminal) = Terminal::start(&["run", "--monitor=0.1", "-e", script]) else { return };
    let (status, text) = terminal.ends();
    assert_eq!(status, Some(1), "{text}");
    assert!(text.matches("division by 0").count() == 1 && text.contains("failed"), "{text}");

    let Some(terminal) = Terminal::start(&["run", "--monitor=0.1", "-e", USER_SIDE]) else { return };
    terminal.sees("tick 1");
    kill(terminal.child.id() as i32, libc::SIGTERM);
    let (status, text) = terminal.ends();
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("the end"), "{text}");
}

#[test]
fn a_script_that_ends_at_once_prints_as_ever() {
    let args = ["run", "--monitor", "-e", "probe begin { println(\"hello\") exit() } probe end { println(\"bye\") }"];
    let Some(terminal) = Terminal::start(&args) else { return };
    let (status, text) = terminal.ends();
    assert_eq!((status, text.trim()), (Some(0), "hello\nbye"));
}

#[test]
fn what_cannot_be_viewed_is_refused() {
    let wrong = |args: &[&str], sentence: &str| {
        let words: Vec<OsString> = args.iter().map(OsString::from).collect();
        run(words).exits(2).complains(&[sentence]);
    };
    let exit = "probe begin { exit() }";
    wrong(&["run", "--monitor", "-e", exit], "--monitor needs a terminal, which standard output is not");
    wrong(&["run", "--monitor", "--format", "json", "-e", exit], "--monitor is for people");
    wrong(&["run", "--monitor=0", "-e", exit], "expected a number of seconds");
    wrong(&["run", "--monitor", "-F", "-o", "x", "-e", exit], "cannot be used with");
    stap(&["--monitor", "-e", exit]).exits(1).complains(&["--monitor needs a terminal"]);
    let args = ["run", "--monitor", "-e", "probe input.line { println(1) }"];
    let Some(terminal) = Terminal::start(&args) else { return };
    let (status, text) = terminal.ends();
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("reads standard input"), "{text}");
}
