//! The language, topic by topic: each file in `tests/language` states what a construct means, with scripts and what they print
//! or what is wrong with them. Each script that fires `once` runs twice, on the user side and in the kernel, and must print the
//! same. `tests/language/README.md` tells the form.

#[path = "../systap/mod.rs"]
mod systap;

mod claim;
mod topic;

use libtest_mimic::{Arguments, Trial};

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
    libtest_mimic::run(&arguments, trials).exit();
}
