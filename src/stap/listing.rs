//! `-l`, `-L` and the dumps: what there is to probe and to call.

use systap_diagnostics::Sources;
use systap_elaborate::{List, TapsetSource};
use systap_kernel::Kernel;
use systap_syntax::ParseOptions;
use systap_syntax::ast::{Item, ProbePoint};

use super::request::{Request, Subject};
use super::{Verdict, passes, print, startup};
use crate::cli::Format;
use crate::compile::tapsets;
use crate::points::{self, Points};
use crate::terminal;

/// The functions, with their types; those of the library's own only if `all`.
pub(crate) fn functions(all: bool) -> String {
    let listed =
        systap_elaborate::signatures().into_iter().filter(|signature| all || !signature.name.starts_with("__"));
    listed.map(|signature| format!("{signature}\n")).collect()
}

/// The kinds of probe points.
pub(crate) fn probe_types() -> String {
    systap_elaborate::probe_types().iter().map(|form| format!("{form}\n")).collect()
}

/// The aliases: of system calls, which are built in, and of tapsets.
pub(crate) fn aliases(request: &Request) -> String {
    let kernel = Kernel::running();
    let mut lines: Vec<String> = vec![];
    for call in kernel.syscalls().iter() {
        lines.extend(["", ".return"].map(|suffix| format!("syscall.{}{suffix}", call.name)));
    }
    let roots = startup::tapset_directories().into_iter().chain(request.tapsets.clone()).collect();
    let tapsets = tapsets(roots, &kernel).with_shipped();
    for file in tapsets.files() {
        let mut sources = Sources::default();
        let id = sources.add(file.name.as_str(), tapsets.text(file));
        let options = ParseOptions { privileged: true, ..ParseOptions::default() };
        for item in systap_syntax::parse(&mut sources, id, &options).file.items {
            let Item::Alias(alias) = item else { continue };
            let points: Vec<&str> = alias.points.iter().map(|point| sources.text(point.span)).collect();
            lines.extend(alias.names.iter().map(|name| format!("{} = {}", name_of(name, &sources), points.join(", "))));
        }
    }
    lines.retain(|line| request.verbose[1] > 0 || !line.starts_with('_'));
    lines.sort();
    lines.dedup();
    lines.into_iter().map(|line| line + "\n").collect()
}

fn name_of<'s>(name: &ProbePoint, sources: &'s Sources) -> &'s str {
    sources.text(name.span)
}

/// The points that match; a success if there is one.
pub(crate) fn points_of(request: &Request) -> Verdict {
    let (pattern, with_variables) = match &request.subject {
        Subject::Variables(pattern) => (pattern, true),
        Subject::Points(pattern) => (pattern, false),
        _ => return Verdict::Failure,
    };
    let prepared = passes::kernel(request).and_then(|kernel| Ok((passes::settings(request, &kernel)?, kernel)));
    let (mut settings, kernel) = match prepared {
        Ok(prepared) => prepared,
        Err(misuse) => {
            terminal::complain(&misuse.0);
            return Verdict::Failure;
        }
    };
    let how = if with_variables { List::Variables } else { List::Names };
    let mut sources = Sources::default();
    let Some(Points { found, errors, .. }) =
        points::find(pattern, how, &mut settings, &kernel, &mut sources, &request.more)
    else {
        return Verdict::Failure;
    };
    if found.is_empty() {
        terminal::show(&errors, &sources, Format::Text, request.color);
        return Verdict::Failure;
    }
    let line = |(name, offered): (String, points::Offered)| match offered.variables.is_empty() {
        false => format!("{name} {}\n", offered.variables.join(" ")),
        true => format!("{name}\n"),
    };
    print(&found.into_iter().map(line).collect::<String>())
}
