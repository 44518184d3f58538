//! The forms of probe points, for whoever lists them. Must never be asked to resolve a point.

use super::grammar::{ANY, Arg, ROOT, Step};

/// Every form, sorted, with the kind of each argument: `timer.s(number).randomize(number)`.
pub fn probe_types() -> Vec<String> {
    let mut forms = vec![];
    walk(ROOT, "", &mut forms);
    forms.sort();
    forms.dedup();
    forms
}

fn walk(steps: &[&[Step]], before: &str, forms: &mut Vec<String>) {
    for step in steps.iter().copied().flatten() {
        let word = if step.word == ANY { "*" } else { step.word };
        let arg = match step.arg {
            Arg::None => "",
            Arg::Text(..) => "(string)",
            Arg::Number => "(number)",
        };
        let form = if before.is_empty() { format!("{word}{arg}") } else { format!("{before}.{word}{arg}") };
        walk(step.next, &form, forms);
        if step.resolve.is_some() {
            forms.push(form);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::probe_types;

    #[test]
    fn forms_are_what_the_grammar_resolves() {
        let forms = probe_types();
        for form in
            ["begin(number)", "timer.ms(number).randomize(number)", "kernel.function(string).return", "syscall.*"]
        {
            assert!(forms.iter().any(|known| known == form), "{form} is not among {forms:?}");
        }
        assert!(!forms.iter().any(|form| form == "timer" || form == "kernel"), "{forms:?}");
    }
}
