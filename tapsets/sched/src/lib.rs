//! The plugin of the tapset `sched`: what the states of a task are called.
//!
//! The kernel's headers define them (include/linux/sched.h), so that types do not tell. It must never name a bit of which it does not know
//! what it means on that kernel.

use systap_plugin::{KernelFacts, Registrar};

/// States and the letters that ps(1) has for them, as they are since Linux 4.14.
const STATES: [(&str, i64, &str); 8] = [
    ("TASK_RUNNING", 0x0, "R"),
    ("TASK_INTERRUPTIBLE", 0x1, "S"),
    ("TASK_UNINTERRUPTIBLE", 0x2, "D"),
    ("__TASK_STOPPED", 0x4, "T"),
    ("__TASK_TRACED", 0x8, "t"),
    ("EXIT_DEAD", 0x10, "X"),
    ("EXIT_ZOMBIE", 0x20, "Z"),
    ("TASK_PARKED", 0x40, "P"),
];

/// Bits that change what a state means, and have no letter.
const BITS: [(&str, i64); 4] =
    [("TASK_DEAD", 0x80), ("TASK_WAKEKILL", 0x100), ("TASK_WAKING", 0x200), ("TASK_NOLOAD", 0x400)];

/// Asleep without counting as load: an uninterruptible sleep with a bit, and a letter of its own.
const IDLE: (&str, i64, &str) = ("TASK_IDLE", 0x402, "I");

fn register(facts: &KernelFacts, registrar: &mut Registrar) {
    if !facts.at_least(4, 14) {
        return registrar.decline("needs the states of tasks as they are since Linux 4.14");
    }
    let named = || STATES.into_iter().chain([IDLE]);
    named().for_each(|(name, value, _)| registrar.constant(name, value));
    BITS.into_iter().for_each(|(name, value)| registrar.constant(name, value));
    registrar.table("task_state_letters", named().map(|(_, value, letter)| (value, letter)));
}

systap_plugin::export_tapset!(register);

#[cfg(test)]
mod tests {
    use super::*;
    use systap_plugin::{Value, ask};

    #[test]
    fn letters_are_those_of_proc() {
        let answer = ask(register, &KernelFacts::new("6.18.0", "x86_64"));
        let rows = &answer.tables()[0].rows;
        let letter = |state| rows.iter().find(|row| row.key == state).map(|row| row.value.clone());
        // proc_pid_status(5): the letters of `State`.
        for (state, known) in [(0, "R"), (1, "S"), (2, "D"), (4, "T"), (8, "t"), (0x20, "Z"), (0x402, "I")] {
            assert_eq!(letter(state), Some(Value::from(known)));
        }
        assert!(ask(register, &KernelFacts::new("4.9", "x86_64")).declined().is_some());
    }
}
