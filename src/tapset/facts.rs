//! What the conditions of packages ask of a kernel. Must never take what cannot be told for a yes.

use systap_kernel::{Kernel, Kind};
use systap_registry::{Feature, KernelFacts};

/// A kernel, as conditions ask of it.
pub(crate) struct Asked<'k>(pub(crate) &'k Kernel);

impl Asked<'_> {
    fn tracepoint(&self, name: &str) -> Option<bool> {
        let (subsystem, name) = name.split_once(':').map_or((None, name), |(subsystem, name)| (Some(subsystem), name));
        match self.0.tracepoint(subsystem, name) {
            Ok(found) => Some(found.is_some()),
            // Which subsystem an event is of is told by tracefs only, which need not be mounted; the name is enough to go by.
            Err(_) => Some(self.0.tracepoint(None, name).ok()?.is_some()),
        }
    }

    fn type_of(&self, name: &str) -> Option<bool> {
        let (kind, name) = match name.split_once(' ') {
            Some(("struct", name)) => (Kind::Struct, name),
            Some(("union", name)) => (Kind::Union, name),
            Some(("enum", name)) => (Kind::Enum, name),
            _ => (Kind::Typedef, name),
        };
        Some(self.0.btf().ok()?.find(kind, name).ok()?.is_some())
    }

    fn field(&self, of: &str, name: &str) -> Option<bool> {
        let btf = self.0.btf().ok()?;
        let found = btf.find_many(&[(Kind::Struct, of), (Kind::Union, of)]).ok()?;
        Some(found.into_iter().flatten().any(|id| matches!(btf.member(id, name), Ok(Some(_)))))
    }
}

impl KernelFacts for Asked<'_> {
    fn has(&self, feature: Feature<'_>) -> bool {
        let known = match feature {
            Feature::Tracepoint(name) => self.tracepoint(name),
            Feature::Function(name) => {
                self.0.btf().ok().and_then(|btf| btf.find(Kind::Func, name).ok()).map(|found| found.is_some())
            }
            Feature::Field(of, name) => self.field(of, name),
            Feature::Type(name) => self.type_of(name),
            Feature::Config(name) => {
                self.0.config().ok().map(|config| config.value(name).is_some_and(|value| value != "n"))
            }
            _ => None,
        };
        known.unwrap_or(false)
    }

    fn release(&self) -> Vec<u32> {
        let version = self.0.version().map(|version| version.to_string()).unwrap_or_default();
        version.split('.').map_while(|number| number.parse().ok()).collect()
    }

    fn arch(&self) -> String {
        self.0.arch().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_running_kernel() {
        let kernel = Kernel::running();
        if kernel.btf().is_err() {
            return;
        }
        let asked = Asked(&kernel);
        assert!(asked.has(Feature::Tracepoint("sched_switch")) && asked.has(Feature::Tracepoint("sched:sched_switch")));
        assert!(!asked.has(Feature::Tracepoint("sched_swich")));
        assert!(asked.has(Feature::Function("vfs_read")) && !asked.has(Feature::Function("vfs_raed")));
        assert!(asked.has(Feature::Field("task_struct", "pid")) && !asked.has(Feature::Field("task_struct", "pdi")));
        assert!(asked.has(Feature::Type("struct task_struct")) && !asked.has(Feature::Type("union task_struct")));
        assert!(asked.has(Feature::Type("pid_t")));
        assert!(!asked.release().is_empty());
    }
}
