//! Damaged scripts, and damaged facts of kernels, in quantity: `cargo xtask fuzz [N]`.

use crate::{Outcome, run};

/// How many inputs, unless somebody says.
const MANY: &str = "1000000";

/// Runs the fuzzers, optimized, with checks for overflow.
pub(crate) fn fuzz(args: &[String]) -> Outcome {
    let rounds = args.first().map_or(MANY, String::as_str);
    if rounds.parse::<u64>().is_err() {
        return Err(format!("`{rounds}` is no number of inputs"));
    }
    for of in ["systap-syntax", "systap-kernel"] {
        let command = ["test", "--profile", "fuzz", "-p", of, "--test", "fuzz", "--", "--show-output"];
        run("cargo", &command, &[("SYSTAP_FUZZ", rounds)])?;
    }
    Ok(())
}
