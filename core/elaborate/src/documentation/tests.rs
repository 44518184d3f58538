//! The documentation is whole, and says what the tables say.

use std::collections::BTreeSet;

use super::{Kind, documentation, first_word};
use crate::{probe_types, signatures};

#[test]
fn every_public_function_is_documented_with_the_types_that_it_has() {
    let documented: BTreeSet<String> = documentation()
        .into_iter()
        .filter(|entry| entry.kind == Kind::Function)
        .map(|entry| {
            let types: Vec<&str> = entry.params.iter().map(|(_, ty)| ty.as_str()).collect();
            format!("{}:{} ({})", entry.name, entry.result.as_deref().unwrap_or("unknown"), types.join(", "))
        })
        .collect();
    let known: BTreeSet<String> = signatures()
        .into_iter()
        .filter(|signature| !signature.name.starts_with("__"))
        .map(|signature| {
            let types: Vec<&str> = signature.params.iter().map(|(_, ty)| ty.unwrap_or("unknown")).collect();
            format!("{}:{} ({})", signature.name, signature.returns.unwrap_or("unknown"), types.join(", "))
        })
        .collect();
    let undocumented: Vec<&String> = known.difference(&documented).collect();
    let unknown: Vec<&String> = documented.difference(&known).collect();
    assert!(
        undocumented.is_empty(),
        "not documented: {undocumented:#?}\n(what is no function of library/*.stp belongs in documentation/builtin.txt)"
    );
    assert!(unknown.is_empty(), "documented, but there is none such: {unknown:#?}");
}

#[test]
fn every_entry_has_the_fixed_form() {
    let wrong: Vec<String> = documentation()
        .iter()
        .filter(|entry| !entry.lacks().is_empty())
        .map(|entry| format!("{} lacks {}", entry.forms.first().unwrap_or(&entry.name), entry.lacks().join(" and ")))
        .collect();
    assert!(wrong.is_empty(), "{} of the library's comments lack something:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_family_of_points_and_every_function_of_the_output_is_there() {
    let documentation = documentation();
    let names = |kind: Kind| -> BTreeSet<&str> {
        documentation.iter().filter(|entry| entry.kind == kind).map(|entry| entry.name.as_str()).collect()
    };
    let forms = probe_types();
    let words: BTreeSet<&str> = forms.iter().map(|form| first_word(form)).collect();
    assert_eq!(names(Kind::Probe), words);
    assert_eq!(names(Kind::Output), systap_syntax::format::OUTPUT.into_iter().collect());
    let macros = crate::macros::texts().flat_map(crate::macros::names).filter(|name| !name.starts_with("__"));
    let operators = systap_syntax::OPERATORS.iter().map(|name| name.trim_start_matches('@'));
    assert_eq!(names(Kind::Macro), macros.chain(operators).collect());
}
