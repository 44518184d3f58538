//! `procfs("path").read` and `.write`, and `input.char`, `input.line`, which are of the same kind: someone outside reads what
//! the script says, or says something to it.

use super::{Point, Resolution, Resolved, bad_argument, number, string, text_of, timer};
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use systap_diagnostics::Diagnostic;
use systap_ir::program::Event;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(first) = point.at(0) else { return Ok(vec![]) };
    if let Some(path) = string(first)
        && (path.is_empty() || path.starts_with('/') || path.split('/').any(|part| matches!(part, "" | "." | "..")))
    {
        let message = format!("`{path}` is no path below the script's own directory");
        return Err(bad_argument(first, message));
    }
    if let Some(umask) = point.word("umask")
        && !number(umask).is_some_and(|bits| (0..=0o777).contains(&bits))
    {
        return Err(bad_argument(umask, "a mask of permissions is a number from 0 to 0777"));
    }
    if let Some(size) = point.word("maxsize") {
        timer::positive(size)?;
    }
    // SystemTap's default is a file called `command`.
    let file = string(first).unwrap_or_else(|| "command".to_owned());
    if point.has("read") && !this.procfs_reads.insert(file.clone()) {
        let message = format!("what is read of `{file}` is said by one handler, and this is another");
        return Err(Box::new(Diagnostic::error("probe-argument", point.span, message)));
    }
    Ok(vec![resolved(point, "files under /proc")])
}

/// What is read where the metrics of json.stp are.
pub(super) fn json_data<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    Ok(vec![at(point, "procfs(\"data.json\").read.maxsize(8192)")])
}

/// What is read by who collects metrics for Prometheus.
pub(super) fn prometheus<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    Ok(vec![at(point, "procfs(\"__prometheus\").read.maxsize(65536)")])
}

/// A point that stands for a file, which is another point.
fn at(point: &Point<'_>, file: &str) -> Resolved {
    Resolved { point: file.to_owned(), ..resolved(point, "files under /proc") }
}

/// What someone types, as `char` or `line`.
pub(super) fn input<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(kind) = point.at(1) else { return Ok(vec![]) };
    let mut resolved = resolved(point, "handlers of input");
    if let EventFacts::Values(values) = &mut resolved.facts {
        // What was typed is only read.
        values.iter_mut().for_each(|each| each.settable = false);
        let value = build::text(point.span, "");
        values.push(OfferedValue { name: kind.name.text.clone(), value, pointee: None, settable: false });
    }
    Ok(vec![resolved])
}

fn resolved(point: &Point<'_>, what: &'static str) -> Resolved {
    let value = OfferedValue {
        name: "$value".into(),
        value: build::text(point.span, ""),
        pointee: None,
        // What someone wrote is only read.
        settable: !point.has("write"),
    };
    let event = Event::NotRun { what };
    Resolved { facts: EventFacts::Values(vec![value]), ..Resolved::plain(text_of(&point.components), event) }
}
