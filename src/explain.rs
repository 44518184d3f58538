//! `systap explain`: what an error or a warning means, and how to mend it. A page each, in docs/errors.

use crate::cli::ExplainOptions;
use crate::outcome::Status;
use crate::terminal;

/// Code and page, by code; made by build.rs.
static PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Shows a page, or the list of all.
pub(crate) fn explain(options: &ExplainOptions) -> Status {
    let Some(name) = &options.name else { return terminal::write_to_stdout(&list()) };
    // As messages have it: `error[type-mismatch]`.
    let name = name.split_once('[').and_then(|(_, rest)| rest.split(']').next()).unwrap_or(name);
    match page(name) {
        Some(page) => terminal::write_to_stdout(page),
        None => {
            let near = systap_diagnostics::nearest(name, PAGES.iter().map(|(code, _)| *code));
            let hint = near.map(|near| format!(": did you mean `{near}`?"));
            let all = "`systap explain` lists all";
            terminal::complain(&format!("there is no error `{name}`{}", hint.unwrap_or_else(|| format!("; {all}"))));
            Status::Usage
        }
    }
}

/// The page of a code.
pub(crate) fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

/// Each code with its page's first sentence.
fn list() -> String {
    let widest = PAGES.iter().map(|(code, _)| code.len()).max().unwrap_or(0);
    let line = |(code, page): &(&str, &str)| {
        let first = page.lines().skip(1).find(|line| !line.is_empty()).unwrap_or_default();
        format!("{code:widest$}  {first}\n")
    };
    PAGES.iter().map(line).collect()
}
