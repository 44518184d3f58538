//! One line a diagnostic, as editors and `grep` read it. Holds no source text, notes or help.

use super::{one_line, severity_word};
use crate::{Diagnostic, Sources};

/// `file:line:column: error[code]: message`, without a line end; no place in front if the diagnostic has none.
pub fn short(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let severity = severity_word(diagnostic.severity);
    let said = format!("{severity}[{}]: {}", diagnostic.code, one_line(&diagnostic.message));
    match diagnostic.span {
        None => said,
        Some(span) => {
            let place = sources.place(span);
            format!("{}:{}:{}: {said}", one_line(&sources.file(span.file).name), place.line, place.column)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::short;
    use crate::render::tests::sample;
    use crate::{Diagnostic, Sources};

    #[test]
    fn a_place_a_kind_and_a_sentence() {
        let (found, sources) = sample();
        assert_eq!(short(&found, &sources), "top.stp:3:24: error[unknown-probe-point]: no function matches `vfs_raed`");
    }

    #[test]
    fn control_characters_do_not_reach_the_line() {
        let found = Diagnostic::error_without_place("no-probes", "a\x1b[31mb\nc");
        assert_eq!(short(&found, &Sources::default()), "error[no-probes]: a\\u{1b}[31mb\\nc");
    }
}
