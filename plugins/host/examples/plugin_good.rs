//! A plugin as it should be, for the tests: a choice, values, a table, or a refusal.
#![allow(missing_docs, reason = "a library for tests")]

use systap_plugin::{KernelFacts, Registrar};

fn register(facts: &KernelFacts, registrar: &mut Registrar) {
    if facts.arch() == "alpha" {
        return registrar.decline("nothing is known of this machine");
    }
    registrar.alias("good.event", if facts.at_least(6, 14) { "new.stp" } else { "old.stp" });
    registrar.function("good_name", "new.stp");
    let reasons = facts.enumerators("vm_fault_reason").unwrap_or_default();
    for one in reasons {
        registrar.constant(&one.name, one.value);
    }
    registrar.constant("GOOD_RELEASE", facts.release());
    registrar.table("good_reasons", reasons.iter().map(|one| (one.value, one.name.as_str())));
}

systap_plugin::export_tapset!(register);
