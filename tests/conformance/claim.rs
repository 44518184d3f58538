//! Holds a claim against what systap does.

use std::fmt;

use libtest_mimic::Failed;

use crate::systap::{Outcome, calls_line, has_open_loops, run};
use crate::topic::{Claim, Expected};

/// Where the handler of `once` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// In the interpreter, at the start.
    User,
    /// On a system call that one process makes once.
    Kernel,
}

impl Side {
    pub(crate) fn both() -> impl Iterator<Item = Side> {
        [Side::User, Side::Kernel].into_iter()
    }

    /// What `once` stands for. It comes behind the script, so that places in messages are the script's.
    fn once(self) -> &'static str {
        match self {
            Side::User => "probe once = begin {} probe begin(1000000) { exit() }",
            Side::Kernel => "probe once = nd_syscall.sched_yield { if (pid() != target()) next }",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Side::User => "user side",
            Side::Kernel => "kernel side",
        })
    }
}

impl Claim {
    /// Whether it is to be run there: a script without `once` fires by itself, and need not run twice.
    pub(crate) fn runs_on(&self, side: Side) -> bool {
        let only = |word: &str| self.words.iter().any(|have| have == word);
        match side {
            Side::User => !only("kernel"),
            Side::Kernel => !only("user") && self.script.contains("probe once"),
        }
    }

    fn options(&self) -> impl Iterator<Item = &str> {
        let own = |word: &&str| matches!(*word, "user" | "kernel") || word.starts_with("status=");
        self.words.iter().map(String::as_str).take_while(|word| *word != "--").filter(move |word| !own(word))
    }

    fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str).skip_while(|word| *word != "--")
    }

    fn status(&self) -> i32 {
        self.words.iter().find_map(|word| word.strip_prefix("status=")?.parse().ok()).unwrap_or(0)
    }
}

/// Runs the script on one side and compares.
pub(crate) fn check_output(claim: &Claim, side: Side) -> Result<(), Failed> {
    let Expected::Output(expected) = &claim.expected else { return Ok(()) };
    let script = match claim.script.contains("probe once") {
        true => format!("{}\n{}", claim.script, side.once()),
        false => claim.script.clone(),
    };
    let line = calls_line("sched_yield 1");
    let mut args = vec!["run", "-T", "10", "-e", &script];
    if side == Side::Kernel {
        args.extend(["-c", &line]);
    }
    args.extend(claim.options());
    args.extend(claim.arguments());
    let outcome = run(args);
    let complaints = outcome.complaints();
    // Without open loops a handler is left where a string is put together, and what it reads after that comes too late; and what
    // loops in it is followed round by round.
    let beyond = ["error[must-run-in-kernel]", "are too long for the kernel's verifier"];
    if side == Side::Kernel && beyond.iter().any(|sentence| complaints.contains(sentence)) && !has_open_loops() {
        return Ok(());
    }
    let missing = claim.complaints.iter().find(|sentence| !complaints.contains(sentence.as_str()));
    let quiet = !claim.complaints.is_empty() || complaints.is_empty();
    let ended = outcome.status.code() == Some(claim.status());
    if outcome.text() == *expected && missing.is_none() && quiet && ended { Ok(()) } else { failed(claim, &outcome) }
}

/// Has the script checked and compares what is said of it.
pub(crate) fn check_error(claim: &Claim) -> Result<(), Failed> {
    let Expected::Error(expected) = &claim.expected else { return Ok(()) };
    let script = match claim.script.contains("probe once") {
        true => format!("{}\n{}", claim.script, Side::User.once()),
        false => claim.script.clone(),
    };
    let mut args = vec!["check", "--format", "json", "-e", &script];
    args.extend(claim.options());
    args.extend(claim.arguments());
    let outcome = run(args);
    let found: String = outcome.complaints().lines().chain(outcome.text().lines()).filter_map(finding).collect();
    if found == *expected && outcome.status.code() == Some(1) {
        return Ok(());
    }
    Err(format!("{}: expected\n{expected}\nfound\n{found}\n{}", claim.place, outcome.all()).into())
}

/// An error as a line, from its JSON form.
fn finding(line: &str) -> Option<String> {
    let found: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| found.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let number = |name: &str| found.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    (text("severity") == "error")
        .then(|| format!("{} at {}:{}: {}\n", text("code"), number("line"), number("column"), text("message")))
}

fn failed(claim: &Claim, outcome: &Outcome) -> Result<(), Failed> {
    let Expected::Output(expected) = &claim.expected else { return Ok(()) };
    let complaints = claim.complaints.join("\n");
    let status = claim.status();
    Err(format!("{}: expected status {status}\n{expected}\n{complaints}\n{}", claim.place, outcome.all()).into())
}
