//! The plugin of the tapset `net`: what the states of TCP and the reasons of dropped packets are called.
//!
//! Both are enumerations of the kernel's own; reasons are renumbered from release to release. It must never bring a name of its own.

use systap_plugin::{Enumerator, KernelFacts, Registrar};

/// A value of the enumeration without a name that has the states of TCP (include/net/tcp_states.h).
const STATES: &str = "TCP_ESTABLISHED";
/// Why a packet was dropped (Linux 5.17).
const REASONS: &str = "skb_drop_reason";

fn register(facts: &KernelFacts, registrar: &mut Registrar) {
    let Some(states) = facts.enumerators(STATES) else {
        return registrar.decline("needs the enumeration of TCP's states");
    };
    // The last one only counts them.
    let states = || states.iter().filter(|one| one.name != "TCP_MAX_STATES");
    states().for_each(|one| registrar.constant(&one.name, one.value));
    registrar.table("tcp_state_names", states().map(|one| (one.value, without(one, "TCP_"))));
    // A kernel without reasons has an empty table: nothing is found in it.
    let reasons = facts.enumerators(REASONS).unwrap_or_default();
    let reason = |one: &&Enumerator| !one.name.ends_with("_MAX") && !one.name.ends_with("_MASK");
    let mut named: Vec<(i64, &str)> = vec![];
    for one in reasons.iter().filter(reason) {
        registrar.constant(&one.name, one.value);
        // Some have a second name.
        if named.iter().all(|(value, _)| *value != one.value) {
            named.push((one.value, without(one, "SKB_DROP_REASON_")));
        }
    }
    registrar.table("skb_drop_reason_names", named);
}

fn without<'a>(one: &'a Enumerator, prefix: &str) -> &'a str {
    one.name.strip_prefix(prefix).unwrap_or(&one.name)
}

systap_plugin::export_tapset!(register);

#[cfg(test)]
mod tests {
    use super::*;
    use systap_plugin::{Value, ask};

    #[test]
    fn names_are_the_kernels_without_what_all_have() {
        let states = [("TCP_ESTABLISHED", 1), ("TCP_LISTEN", 10), ("TCP_MAX_STATES", 14)];
        let reasons = [("SKB_NOT_DROPPED_YET", 0), ("SKB_DROP_REASON_NO_SOCKET", 3), ("SKB_DROP_REASON_MAX", 90)];
        let facts = KernelFacts::new("6.1", "x86_64").with_enum(STATES, Some(&states));
        let answer = ask(register, &facts.clone().with_enum(REASONS, Some(&reasons)));
        let names = |table: usize| answer.tables()[table].rows.iter().map(|row| row.value.clone()).collect::<Vec<_>>();
        assert_eq!(names(0), ["ESTABLISHED", "LISTEN"].map(Value::from));
        assert_eq!(names(1), ["SKB_NOT_DROPPED_YET", "NO_SOCKET"].map(Value::from));
        let older = ask(register, &facts.with_enum(REASONS, None));
        assert!(older.tables()[1].rows.is_empty() && older.declined().is_none());
    }
}
