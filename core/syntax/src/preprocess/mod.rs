//! What happens to a script before it is parsed: arguments, macros, conditionals. Tokens in, tokens out, and each token
//! keeps the place it came from. Never reads a file and never asks a kernel: what conditions compare with is given.

mod arguments;
mod condition;
mod expand;
mod malformed;
mod structure;
mod version;

use std::collections::HashMap;

use systap_diagnostics::{FileId, Sources};

pub use arguments::ArgumentUse;
pub use condition::{Fact, Facts};
pub(crate) use structure::parsed;
pub use structure::{Conditional, Preprocessing};
pub use version::compare as compare_versions;

use crate::ParseOptions;
use crate::findings::Findings;
use crate::kind::SyntaxKind;
use crate::token::{Token, Tokens};

/// Macros by name, without the `@`.
#[derive(Clone, Debug, Default)]
pub struct Macros {
    by_name: HashMap<String, Macro>,
}

impl Macros {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Their names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Takes in those of another file whose names are free.
    pub fn extend(&mut self, other: Macros) {
        for (name, body) in other.by_name {
            self.by_name.entry(name).or_insert(body);
        }
    }

    /// Takes in those of another file, or none of them if a name is taken: the names that are, sorted.
    pub fn merge(&mut self, other: Macros) -> Vec<String> {
        let mut taken: Vec<String> =
            other.by_name.keys().filter(|name| self.by_name.contains_key(*name)).cloned().collect();
        taken.sort();
        if taken.is_empty() {
            self.by_name.extend(other.by_name);
        }
        taken
    }
}

#[derive(Clone, Debug)]
struct Macro {
    params: Option<Vec<String>>,
    body: Vec<Token>,
}

/// Reports what is wrong with tokens by themselves; `given` is how many arguments there are.
pub(crate) fn check_tokens(tokens: &Tokens, sources: &Sources, given: usize, findings: &mut Findings) {
    let check = malformed::Check { sources, given };
    for token in &tokens.list {
        check.token(token, &tokens.origins, findings);
    }
}

/// The tokens of a file, ready for the parser, what it used of the arguments, and the macros it defined.
pub(crate) struct Preprocessed {
    pub(crate) tokens: Tokens,
    pub(crate) uses: ArgumentUse,
    pub(crate) macros: Macros,
    /// Whether tokens are missing after an error, so that what the parser makes of the others is no one's fault.
    pub(crate) cut: bool,
}

pub(crate) fn preprocess(
    sources: &mut Sources,
    file: FileId,
    options: &ParseOptions<'_>,
    findings: &mut Findings,
) -> Preprocessed {
    let (tokens, uses) = arguments::expand(sources, file, &options.args, findings);
    if options.warn_unused_args {
        arguments::warn_unused(&uses, &options.args, findings);
    }
    let needs_work = tokens.list.iter().any(|token| match token.kind {
        SyntaxKind::AtWord => {
            let word = sources.text(token.text).trim_start_matches('@');
            word == "define" || options.library.is_some_and(|library| library.by_name.contains_key(word))
        }
        kind => matches!(kind, SyntaxKind::ConditionOpen),
    });
    let expand::Expanded { mut tokens, macros, cut } = if needs_work {
        expand::expand(sources, tokens, options, findings)
    } else {
        expand::Expanded { tokens, macros: HashMap::new(), cut: false }
    };
    check_tokens(&tokens, sources, options.args.len(), findings);
    // The parser goes on as if what means nothing were not there.
    tokens.list.retain(|token| token.kind != SyntaxKind::Unknown);
    Preprocessed { tokens, uses, macros: Macros { by_name: macros }, cut }
}
