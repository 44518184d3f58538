//! The forms of probe points, for whoever lists them. Must never be asked to resolve a point.

/// Every form, sorted, with the kind of each argument: `timer.s(number).randomize(number)`.
pub fn probe_types() -> Vec<String> {
    let mut forms: Vec<String> = FORMS.iter().map(|form| (*form).to_owned()).collect();
    for unit in ["s", "sec", "ms", "msec", "us", "usec", "ns", "nsec", "jiffies"] {
        forms.push(format!("timer.{unit}(number)"));
        forms.push(format!("timer.{unit}(number).randomize(number)"));
    }
    forms.sort();
    forms
}

/// Those that are not of one pattern.
const FORMS: &[&str] = &[
    "begin",
    "begin(number)",
    "end",
    "end(number)",
    "error",
    "error(number)",
    "init",
    "kernel.trace(string)",
    "nd_syscall.*",
    "nd_syscall.*.return",
    "never",
    "oneshot",
    "syscall.*",
    "syscall.*.return",
    "syscall_any",
    "syscall_any.return",
    "timer.hz(number)",
    "timer.profile",
    "timer.profile.freq.hz(number)",
    "timer.profile.tick",
];

#[cfg(test)]
mod tests {
    use super::probe_types;
    use crate::probe::FAMILIES;

    #[test]
    fn every_family_has_a_form_and_every_form_a_family() {
        let forms = probe_types();
        let first = |form: &str| form.split(['.', '(']).next().unwrap_or_default().to_owned();
        for family in FAMILIES {
            assert!(forms.iter().any(|form| first(form) == family.name), "{} has no form", family.name);
        }
        for form in &forms {
            assert!(FAMILIES.iter().any(|family| first(form) == family.name), "{form} is of no family");
        }
    }
}
