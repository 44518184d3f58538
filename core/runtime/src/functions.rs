//! Many functions of the kernel for one program: by one link where the kernel has such links, else one by one.
//!
//! A function that cannot be probed is left out and told; only if none is left is that an error. Must never attach a function twice.

use std::collections::HashSet;
use std::ffi::CString;
use std::path::Path;

use systap_kernel::tracefs;
use systap_sys::SysError;
use systap_sys::bpf::{Link, Program, attach_kernel_functions};
use systap_sys::perf::PerfEvent;

use crate::attach::pmu;
use crate::capability::links_to_many_functions;
use crate::refusal::{LoadError, UNTRACEABLE, reason};

/// What is to be attached.
pub(crate) struct Functions<'a> {
    pub(crate) names: &'a [String],
    pub(crate) returns: bool,
    /// The probe points, for messages.
    pub(crate) points: Vec<String>,
}

/// A function that could not be attached.
pub(crate) struct LeftOut {
    pub(crate) point: String,
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// A function with its place among all, which its program asks for.
type Member<'a> = (u64, &'a str);

impl Functions<'_> {
    /// Attaches `program`, which was loaded for many functions, or what `plain` loads for one at a time.
    ///
    /// # Errors
    /// If not one function could be attached.
    pub(crate) fn attach(
        &self,
        program: &Program,
        plain: &dyn Fn() -> Result<Program, LoadError>,
        links: &mut Vec<Link>,
        left_out: &mut dyn FnMut(LeftOut),
    ) -> Result<(), LoadError> {
        let mut members: Vec<Member<'_>> = (0u64..).zip(self.names.iter().map(String::as_str)).collect();
        let mut told = |name: &str, reason: &str| {
            let point = self.points.first().cloned().unwrap_or_default();
            left_out(LeftOut { point, name: name.to_owned(), reason: reason.to_owned() });
        };
        let before = links.len();
        let mut last = match self.together(program, &members) {
            Ok(link) => {
                links.push(link);
                return Ok(());
            }
            Err(error) => error,
        };
        // A kernel that has no such links and a function that cannot be traced are told apart by nothing in the answer.
        if last.is_unsupported() && !links_to_many_functions() {
            self.one_by_one(&plain()?, &members, links, &mut told)?;
            return Ok(());
        }
        if let Some(traceable) = traceable() {
            members.retain(|(_, name)| {
                traceable.contains(bare(name)) || {
                    told(name, UNTRACEABLE);
                    false
                }
            });
        }
        self.halves(program, &members, links, &mut told, &mut last);
        if links.len() == before { Err(self.refused(last)) } else { Ok(()) }
    }

    fn together(&self, program: &Program, members: &[Member<'_>]) -> Result<Link, SysError> {
        let invalid = |_| SysError { what: "attach to functions of the kernel", errno: libc::EINVAL };
        let names: Result<Vec<CString>, _> = members.iter().map(|(_, name)| CString::new(bare(name))).collect();
        let cookies: Vec<u64> = members.iter().map(|(place, _)| *place).collect();
        attach_kernel_functions(program, &names.map_err(invalid)?, &cookies, self.returns)
    }

    /// Attaches all, or else each half by itself, down to those that cannot be attached.
    fn halves(
        &self,
        program: &Program,
        members: &[Member<'_>],
        links: &mut Vec<Link>,
        told: &mut dyn FnMut(&str, &str),
        last: &mut SysError,
    ) {
        let mut work = vec![members];
        while let Some(part) = work.pop() {
            if part.is_empty() {
                continue;
            }
            match (self.together(program, part), part) {
                (Ok(link), _) => links.push(link),
                (Err(error), [(_, name)]) => {
                    told(name, &reason(&error));
                    *last = error;
                }
                (Err(_), part) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    work.extend([second, first]);
                }
            }
        }
    }

    /// Attaches each by a kprobe of its own.
    fn one_by_one(
        &self,
        program: &Program,
        members: &[Member<'_>],
        links: &mut Vec<Link>,
        told: &mut dyn FnMut(&str, &str),
    ) -> Result<(), LoadError> {
        const FEATURE: &str = "kprobes (CONFIG_KPROBE_EVENTS)";
        let Some(pmu) = pmu("kprobe") else {
            return Err(LoadError::NoFeature { feature: FEATURE, points: self.points.clone() });
        };
        let before = links.len();
        let mut last = SysError { what: "attach to functions of the kernel", errno: libc::ENOENT };
        for (place, name) in members {
            let Ok(symbol) = CString::new(*name) else { continue };
            let event = PerfEvent::kernel_probe(pmu, &symbol, 0, self.returns);
            match event.and_then(|event| event.attach_with_cookie(program, *place)) {
                Ok(link) => links.push(link),
                Err(error) if matches!(error.errno, libc::EMFILE | libc::ENFILE) => return Err(self.refused(error)),
                Err(error) => {
                    told(name, &reason(&error));
                    last = error;
                }
            }
        }
        if links.len() == before { Err(self.refused(last)) } else { Ok(()) }
    }

    fn refused(&self, source: SysError) -> LoadError {
        LoadError::Attach { points: self.points.clone(), source }
    }
}

/// The name of a function without its module's, which a kprobe takes before a colon and other attachments do not.
fn bare(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

/// The functions that can be traced, where the kernel lists them: tracefs' `available_filter_functions`, a name in each line, with the
/// module behind it.
fn traceable() -> Option<HashSet<String>> {
    let file = tracefs::open(Path::new("available_filter_functions")).ok()?;
    let text = std::io::read_to_string(file).ok()?;
    Some(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
