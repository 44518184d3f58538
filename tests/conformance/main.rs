//! The language, topic by topic: each file in `tests/language` states what a construct means, with scripts and what they print
//! or what is wrong with them. Each script that fires `once` runs twice, on the user side and in the kernel, and must print the
//! same. `tests/language/README.md` tells the form.

#[path = "../systap/mod.rs"]
mod systap;

mod claim;
mod topic;

use libtest_mimic::{Arguments, Failed, Trial};

use claim::{Side, check_error, check_output};
use topic::{Expected, Topic};

fn main() {
    let arguments = Arguments::from_args();
    let can_trace = systap::can_trace();
    let mut trials = vec![];
    for topic in Topic::all() {
        for claim in topic.claims {
            let name = format!("{}: {}", topic.name, claim.title);
            match &claim.expected {
                Expected::Error(_) => trials.push(Trial::test(name, move || check_error(&claim))),
                Expected::Output(_) => {
                    for side in Side::both().filter(|side| claim.runs_on(*side)) {
                        let claim = claim.clone();
                        let trial = Trial::test(format!("{name} ({side})"), move || check_output(&claim, side));
                        trials.push(trial.with_ignored_flag(!can_trace && side == Side::Kernel));
                    }
                }
            }
        }
    }
    trials.push(Trial::test("README: each file of the table is there, and each topic is in it", check_table));
    libtest_mimic::run(&arguments, trials).exit();
}

/// The table of the README and the topics are held against each other; what tells of the library's functions has no row.
fn check_table() -> Result<(), Failed> {
    let told = Topic::table();
    let topics: Vec<String> = Topic::all().into_iter().map(|topic| topic.name).collect();
    let missing: Vec<&String> = told.iter().filter(|name| !topics.contains(name)).collect();
    let of_language = |name: &&String| !name.starts_with("functions-") && !name.ends_with("-functions");
    let untold: Vec<&String> = topics.iter().filter(of_language).filter(|name| !told.contains(name)).collect();
    if !told.is_empty() && missing.is_empty() && untold.is_empty() {
        return Ok(());
    }
    Err(format!("named and not there: {missing:?}; there and not named: {untold:?}; rows: {}", told.len()).into())
}
