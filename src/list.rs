//! `systap list`: the probe points that patterns stand for, aliases included; with `-v` what each offers, what would fire it on this
//! kernel, and why not something better.
//!
//! Must never attach a script's probe: what the kernel allows is asked once for each mechanism.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde_json::json;
use systap_diagnostics::Sources;
use systap_elaborate::List;
use systap_kernel::Kernel;
use systap_kernel::capability::{Answer, Capability};
use systap_runtime::{Mechanism, capability, mechanisms};

use crate::cli::{Format, ListOptions, ScriptOptions};
use crate::compile::Settings;
use crate::outcome::Status;
use crate::points::{self, Offered};
use crate::terminal;

/// Lists what matches; the forms of points without a pattern. A pattern that matches nothing is an error, and the others are listed all
/// the same.
pub(crate) fn list(options: &ListOptions) -> Status {
    if options.patterns.is_empty() {
        let forms = systap_elaborate::probe_types();
        return terminal::write_to_stdout(&forms.iter().map(|form| format!("{form}\n")).collect::<String>());
    }
    let kernel = match crate::kernel::named(options.kernel.as_deref()) {
        Ok(kernel) => kernel,
        Err(error) => {
            terminal::complain(&error.to_string());
            return Status::Refused;
        }
    };
    let script = ScriptOptions { tapsets: options.tapsets.clone(), guru: options.guru, ..ScriptOptions::default() };
    let mut settings = match Settings::new(&script, &[], vec![], &kernel) {
        Ok(settings) => settings,
        Err(sentence) => {
            terminal::complain(&sentence);
            return Status::Usage;
        }
    };
    let how = if options.verbose { List::Variables } else { List::Names };
    let mut all: BTreeMap<String, Offered> = BTreeMap::new();
    let mut status = Status::Done;
    for pattern in &options.patterns {
        let mut sources = Sources::default();
        let Some(points) = points::find(pattern, how, &mut settings, &kernel, &mut sources, &[]) else {
            return Status::Internal;
        };
        if points.found.is_empty() {
            terminal::show(&points.errors, &sources, options.format, options.color);
            status = Status::ScriptError;
        }
        all.extend(points.found);
    }
    let mut answers = Answers { kernel: &kernel, known: HashMap::new() };
    let mut text = String::new();
    for (name, offered) in &all {
        match (options.format, options.verbose) {
            (Format::Json, verbose) => _ = writeln!(text, "{}", object(name, offered, &mut answers, verbose)),
            (Format::Text, false) => _ = writeln!(text, "{name}"),
            (Format::Text, true) => text += &page(name, offered, &mut answers),
        }
    }
    match terminal::write_to_stdout(&text) {
        Status::Done => status,
        failed => failed,
    }
}

/// What the kernel allows, each asked once.
struct Answers<'a> {
    kernel: &'a Kernel,
    known: HashMap<Capability, Answer>,
}

impl Answers<'_> {
    fn of(&mut self, asked: Capability) -> &Answer {
        let kernel = self.kernel;
        self.known.entry(asked).or_insert_with(|| match kernel.is_running() {
            true => capability::probe(asked, kernel),
            false => Answer::Unknown("that kernel does not run here".to_owned()),
        })
    }
}

/// How a point is fired: what would be taken, and what was preferred to that with the reason against it.
struct Choice {
    taken: Option<&'static str>,
    refused: Vec<(&'static str, String)>,
}

/// The choice for the events of a point; `None` if it takes nothing of the kernel.
fn choose(offered: &Offered, answers: &mut Answers<'_>) -> Option<Choice> {
    let wanted: Vec<Mechanism> = offered.events.first().map(mechanisms).filter(|wanted| !wanted.is_empty())?;
    let mut refused = vec![];
    for Mechanism { name, needs } in wanted {
        match answers.of(needs) {
            Answer::Yes => return Some(Choice { taken: Some(name), refused }),
            Answer::No(why) | Answer::Unknown(why) => refused.push((name, why.clone())),
        }
    }
    Some(Choice { taken: None, refused })
}

fn page(name: &str, offered: &Offered, answers: &mut Answers<'_>) -> String {
    let mut text = format!("{name}\n");
    for variable in &offered.variables {
        let (variable, ty) = variable.split_once(':').unwrap_or((variable, ""));
        _ = writeln!(text, "    {variable}: {ty}");
    }
    if let Some(Choice { taken, refused }) = choose(offered, answers) {
        _ = writeln!(text, "    by {}", taken.unwrap_or("nothing that this kernel has"));
        for (better, why) in refused {
            _ = writeln!(text, "        not by {better}: {why}");
        }
    }
    text
}

fn object(name: &str, offered: &Offered, answers: &mut Answers<'_>, verbose: bool) -> serde_json::Value {
    if !verbose {
        return json!({"point": name});
    }
    let variables: Vec<_> = offered
        .variables
        .iter()
        .map(|variable| {
            let (name, ty) = variable.split_once(':').unwrap_or((variable, ""));
            json!({"name": name, "type": ty})
        })
        .collect();
    let choice = choose(offered, answers);
    let refused: Vec<_> = choice
        .iter()
        .flat_map(|choice| &choice.refused)
        .map(|(mechanism, why)| json!({"mechanism": mechanism, "reason": why}))
        .collect();
    let taken = choice.as_ref().and_then(|choice| choice.taken);
    json!({"point": name, "variables": variables, "mechanism": taken, "not": refused})
}
