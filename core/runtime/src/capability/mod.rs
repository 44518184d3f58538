//! Finding out what the running kernel lets us do, by trying: each question is asked alone, and what was tried is undone at once.
//!
//! Must never be asked on the way of a script that does not need the answer: loading programs takes time.

mod attachments;
mod files;
mod programs;

use std::io;

use systap_kernel::Kernel;
use systap_kernel::capability::{Answer, Capability};
use systap_sys::SysError;

/// Tries one of them. `kernel` is the running one.
pub fn probe(capability: Capability, kernel: &Kernel) -> Answer {
    match capability {
        Capability::Programs
        | Capability::Ring
        | Capability::CalledPrograms
        | Capability::OpenLoops
        | Capability::Callbacks
        | Capability::Instructions4
        | Capability::TaskStorage
        | Capability::UserWrites => programs::probe(capability),
        Capability::MachineCode
        | Capability::Types
        | Capability::Symbols
        | Capability::TraceableFunctions
        | Capability::EventFiles
        | Capability::BuildOptions => files::probe(capability, kernel),
        _ => attachments::probe(capability, kernel),
    }
}

/// Whether the kernel attaches to many functions by one link, as far as it lets us.
pub(crate) fn links_to_many_functions() -> bool {
    attachments::many_functions().is_yes()
}

/// What is said of something that the kernel was built without, or is too old for.
const NONE: &str = "this kernel has none";

/// In a few words why the kernel refused.
fn why(error: &SysError) -> String {
    match error.errno {
        libc::EPERM => "the kernel forbids it".to_owned(),
        libc::EACCES => "the verifier or a permission refuses it".to_owned(),
        errno if error.is_unsupported() || errno == libc::ENOENT => NONE.to_owned(),
        errno => io::Error::from_raw_os_error(errno).to_string(),
    }
}

/// The answer that a try gives.
fn answer<T>(tried: Result<T, SysError>) -> Answer {
    match tried {
        Ok(_) => Answer::Yes,
        Err(error) => Answer::No(why(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_sys::privilege::Capabilities;

    /// Each question has an answer, and those agree with what can be told by other means.
    #[test]
    fn answers_agree_with_the_version_and_with_each_other() {
        if !Capabilities::effective().is_ok_and(|held| held.allows_bpf() && held.allows_perf_events()) {
            eprintln!("skipped: needs CAP_BPF and CAP_PERFMON");
            return;
        }
        let kernel = Kernel::running();
        let version = kernel.version().unwrap();
        let answers: Vec<(Capability, Answer)> =
            Capability::all().map(|asked| (asked, probe(asked, &kernel))).collect();
        let of = |wanted| answers.iter().find(|(asked, _)| *asked == wanted).map(|(_, answer)| answer.is_yes());
        for (asked, answer) in &answers {
            let (major, minor) = asked.since();
            let before = (version.major, version.minor) < (major.into(), minor.into());
            // Distributions carry things back to older kernels, but none of these that a test would run on.
            assert!(!(before && answer.is_yes()), "{} before Linux {major}.{minor}: {answer}", asked.name());
        }
        // What depends on nothing but the version is there from that version on.
        for asked in
            [Capability::OpenLoops, Capability::Callbacks, Capability::Instructions4, Capability::CalledPrograms]
        {
            let (major, minor) = asked.since();
            let from = (version.major, version.minor) >= (major.into(), minor.into());
            assert_eq!(of(asked), Some(from), "{}", asked.name());
        }
        assert_eq!(of(Capability::Programs), Some(true));
        assert_eq!(of(Capability::Types), Some(kernel.btf().is_ok()));
    }
}
