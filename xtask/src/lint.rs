//! Everything that is checked without running the product.

use crate::{Outcome, install, run};

/// Format, lints, documentation, licences of dependencies.
pub(crate) fn lint() -> Outcome {
    run("cargo", &["fmt", "--all", "--check"], &[])?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    let with_stores =
        ["clippy", "--package", "systap", "--package", "systap-registry", "--features", "systap/s3,systap-registry/s3"];
    run("cargo", &[&with_stores[..], &["--all-targets", "--", "-D", "warnings"]].concat(), &[])?;
    run("cargo", &["doc", "--workspace", "--no-deps", "--document-private-items"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    install::cargo_subcommand("deny")?;
    run("cargo", &["deny", "check", "licenses", "bans", "sources"], &[])
}
