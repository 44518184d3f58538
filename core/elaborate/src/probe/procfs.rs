//! `procfs("path").read` and `.write`, and `input.char`, `input.line`, which are of the same kind: someone outside reads what
//! the script says, or says something to it.

use super::{Point, Resolution, Resolved, bad_argument, number, string, text_of, timer};
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use systap_diagnostics::Diagnostic;
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::{Event, Expr, ExprKind, Type};

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
    let mask = point.word("umask").and_then(number).and_then(|mask| u32::try_from(mask).ok());
    let most = point.word("maxsize").and_then(number).map(i64::cast_unsigned);
    let text = text_of(&point.components);
    let resolved =
        if point.has("read") { read(this, point, text, &file, mask, most)? } else { write(point, text, file, mask) };
    Ok(vec![resolved])
}

/// What is read where the metrics of json.stp are.
pub(super) fn json_data<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let text = "procfs(\"data.json\").read.maxsize(8192)".to_owned();
    Ok(vec![read(this, point, text, "data.json", None, Some(8192))?])
}

/// What is read by who collects metrics for Prometheus.
pub(super) fn prometheus<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let text = "procfs(\"__prometheus\").read.maxsize(65536)".to_owned();
    Ok(vec![read(this, point, text, "__prometheus", None, Some(65_536))?])
}

/// What someone types, as `char` or `line`.
pub(super) fn input<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(kind) = point.at(1) else { return Ok(vec![]) };
    let name = kind.name.text.clone();
    let event = Event::Input { lines: name == "line" };
    let mut resolved = resolved(point, text_of(&point.components), event, false);
    if let EventFacts::Values(values) = &mut resolved.facts {
        values.push(OfferedValue { name, value: handed(point), pointee: None, settable: false });
    }
    Ok(vec![resolved])
}

/// Permissions without a mask are the owner's only; what a mask leaves of everybody's otherwise (stapprobes(3stap)).
const OWNERS_ONLY: u32 = 0o077;

fn read<'a>(
    this: &mut Elaboration<'a>,
    point: &Point<'a>,
    text: String,
    file: &str,
    mask: Option<u32>,
    most: Option<u64>,
) -> Result<Resolved, Box<Diagnostic>> {
    if !this.procfs_reads.insert(file.to_owned()) {
        let message = format!("what is read of `{file}` is said by one handler, and this is another");
        return Err(Box::new(Diagnostic::error("probe-argument", point.span, message)));
    }
    let mode = 0o444 & !mask.unwrap_or(OWNERS_ONLY);
    Ok(resolved(point, text, Event::FileRead { file: file.to_owned(), mode, most }, true))
}

/// What someone wrote is only read.
fn write(point: &Point<'_>, text: String, file: String, mask: Option<u32>) -> Resolved {
    let mode = 0o222 & !mask.unwrap_or(OWNERS_ONLY);
    resolved(point, text, Event::FileWrite { file, mode }, false)
}

fn resolved(point: &Point<'_>, text: String, event: Event, settable: bool) -> Resolved {
    let value = OfferedValue { name: "$value".into(), value: handed(point), pointee: None, settable };
    Resolved { facts: EventFacts::Values(vec![value]), ..Resolved::plain(text, event) }
}

/// What goes between the handler and who is outside.
fn handed(point: &Point<'_>) -> Expr {
    build::expr(point.span, Type::Text, ExprKind::Intrinsic(Intrinsic::Handed, vec![]))
}
