//! The ways to have an event fire a handler, the best first, and what each needs of the kernel.
//!
//! Must never ask the kernel: that is [`crate::capability::probe`]'s. What is here is the order in which a load tries.

use systap_ir::program::Event;
use systap_kernel::capability::Capability;

/// A way to have an event fire a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// As the field calls it: `fentry`, `kretprobe`.
    pub name: &'static str,
    /// What it takes.
    pub needs: Capability,
}

const fn by(name: &'static str, needs: Capability) -> Mechanism {
    Mechanism { name, needs }
}

/// `PERF_TYPE_SOFTWARE` of include/uapi/linux/perf_event.h: what the kernel counts by itself.
const SOFTWARE: u32 = 1;

/// The ways for an event, the best first. None where systap itself fires it, or nothing does.
pub fn mechanisms(event: &Event) -> Vec<Mechanism> {
    match event {
        Event::KernelFunction { returns: false, .. } => {
            vec![by("fentry", Capability::FunctionEntry), by("kprobe", Capability::Kprobes)]
        }
        Event::KernelFunction { .. } => {
            vec![by("fexit", Capability::FunctionReturn), by("kretprobe", Capability::Kprobes)]
        }
        Event::KernelFunctions { returns: false, .. } => {
            vec![by("kprobe.multi", Capability::ManyFunctions), by("kprobe", Capability::Kprobes)]
        }
        Event::KernelFunctions { .. } => {
            vec![by("kretprobe.multi", Capability::ManyFunctions), by("kretprobe", Capability::Kprobes)]
        }
        Event::KernelCode { returns, .. } => {
            vec![by(if *returns { "kretprobe" } else { "kprobe" }, Capability::Kprobes)]
        }
        Event::UserCode { returns, .. } => {
            vec![by(if *returns { "uretprobe" } else { "uprobe" }, Capability::Uprobes)]
        }
        Event::Tracepoint { btf_id: 0, .. } => vec![by("raw tracepoint", Capability::Tracepoints)],
        Event::Tracepoint { .. } => vec![by("typed tracepoint", Capability::TypedTracepoints)],
        Event::SyscallEntry(_) => vec![by("tracepoint sys_enter", Capability::Tracepoints)],
        Event::SyscallReturn(_) => vec![by("tracepoint sys_exit", Capability::Tracepoints)],
        Event::Profile { .. } => vec![by("perf clock", Capability::Clock)],
        Event::Counter { kind: SOFTWARE, .. } => vec![by("perf event", Capability::Clock)],
        Event::Counter { .. } => vec![by("perf event", Capability::Counters)],
        Event::Access { .. } => vec![by("debug register", Capability::Watchpoints)],
        Event::Begin(_)
        | Event::End(_)
        | Event::Error(_)
        | Event::Never
        | Event::Timer { .. }
        | Event::NotRun { .. } => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_attached_to_by_type_if_it_can_be() {
        let name = "vfs_read".to_owned();
        let event = Event::KernelFunction { name, btf_id: 7, words: 4, structs: false, returns: true };
        let names: Vec<&str> = mechanisms(&event).iter().map(|mechanism| mechanism.name).collect();
        assert_eq!(names, ["fexit", "kretprobe"]);
        assert_eq!(mechanisms(&Event::Begin(0)), []);
    }
}
