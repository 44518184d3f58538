//! `@var("name")`: a global variable of the kernel, by its symbol's address and, where something tells it, its type.
//!
//! Must never read the symbols for a script that has no `@var`: the kernel takes 40 ms to write them.

use super::place::{Located, Memory};
use crate::build;
use crate::elaboration::Elaboration;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::Space;
use systap_kernel::btf::Type as Btf;
use systap_kernel::{Kind, TypeId};

/// The types of variables that scripts ask for. BTF has variables of the per-CPU section only.
const KNOWN: [(&str, &str); 29] = [
    ("init_task", "struct task_struct"),
    ("init_mm", "struct mm_struct"),
    ("init_net", "struct net"),
    ("init_pid_ns", "struct pid_namespace"),
    ("init_user_ns", "struct user_namespace"),
    ("init_uts_ns", "struct uts_namespace"),
    ("init_ipc_ns", "struct ipc_namespace"),
    ("root_task_group", "struct task_group"),
    ("net_namespace_list", "struct list_head"),
    ("super_blocks", "struct list_head"),
    ("modules", "struct list_head"),
    ("vmap_area_list", "struct list_head"),
    ("file_systems", "struct file_system_type *"),
    ("saved_command_line", "char *"),
    ("linux_banner", "char"),
    ("linux_proc_banner", "char"),
    ("jiffies", "unsigned long"),
    ("jiffies_64", "unsigned long"),
    ("loops_per_jiffy", "unsigned long"),
    ("max_pfn", "unsigned long"),
    ("max_low_pfn", "unsigned long"),
    ("min_low_pfn", "unsigned long"),
    ("total_forks", "unsigned long"),
    ("nr_threads", "int"),
    ("nr_cpu_ids", "unsigned int"),
    ("panic_timeout", "int"),
    ("vm_swappiness", "int"),
    ("sysctl_overcommit_memory", "int"),
    ("system_state", "enum system_states"),
];

impl Elaboration<'_> {
    /// The memory of a variable; `address`: only where it is matters.
    pub(super) fn global_variable(
        &mut self,
        span: Span,
        name: &(Vec<u8>, Span),
        modules: Option<&[u8]>,
        address: bool,
    ) -> Option<Located> {
        let (text, at) = (String::from_utf8_lossy(&name.0), name.1);
        if !self.types_of_kernel(at, modules) {
            return None;
        }
        // `name@file.c`: which source file's. Symbols do not tell files.
        let name = text.split('@').next().unwrap_or_default();
        let place = self.address_of_symbol(at, name)?;
        let ty = self.type_of_variable(at, name)?;
        let ty = match ty {
            Some(ty) => ty,
            None if address => TypeId::VOID,
            None => {
                let message = format!("the type of `{name}` is not known: this kernel's BTF does not have it");
                self.report(Diagnostic::error("unknown-type", span, message).with_help(format!(
                    "say it: `@cast(&@var(\"{name}\"), \"struct name\")->member`, or read it: `kernel_long(&@var(\"{name}\"))`"
                )));
                return None;
            }
        };
        let base = build::long(span, place as i64);
        let memory = Memory { base, typed: false, offset: 0, ty, bits: None, space: Space::Kernel, in_union: false };
        Some(Located::Memory(memory))
    }

    /// Where the variable of that name is.
    fn address_of_symbol(&mut self, at: Span, name: &str) -> Option<u64> {
        let symbols = match self.kernel.symbols() {
            Ok(symbols) => symbols,
            Err(error) => {
                self.report_kernel(at, &error);
                return None;
            }
        };
        let found: Vec<(u64, char)> = symbols.all_by_name(name).map(|symbol| (symbol.address, symbol.letter)).collect();
        let is_data = |letter: char| !matches!(letter, 't' | 'T' | 'w' | 'W');
        if let Some((address, letter)) = found.iter().find(|(_, letter)| is_data(*letter)) {
            if matches!(letter, 'a' | 'A') {
                let message = format!("each CPU has its own `{name}`, so that it has no one address");
                self.report(Diagnostic::error("per-cpu-variable", at, message));
                return None;
            }
            return Some(*address);
        }
        if !found.is_empty() {
            let message = format!("`{name}` is a function, and no variable");
            self.report(Diagnostic::error("unknown-variable", at, message));
            return None;
        }
        // Static data has small letters; a kernel that lists none lists no variables at all.
        if !symbols.iter().any(|symbol| symbol.module.is_none() && matches!(symbol.letter, 'd' | 'b' | 'r')) {
            let message = format!("the address of `{name}` is not known: this kernel does not list its variables");
            self.report(
                Diagnostic::error("kernel-facts", at, message)
                    .with_help("use a kernel that is built with CONFIG_KALLSYMS_ALL"),
            );
            return None;
        }
        let finding = Diagnostic::error("unknown-variable", at, format!("this kernel has no variable `{name}`"));
        let known: Vec<&str> = if self.trials == 0 {
            symbols.iter().filter(|symbol| is_data(symbol.letter)).map(|symbol| symbol.name).collect()
        } else {
            vec![]
        };
        self.report_unknown(finding, name, known);
        None
    }

    /// The type of the variable of that name, if anything tells it.
    fn type_of_variable(&mut self, at: Span, name: &str) -> Option<Option<TypeId>> {
        let btf = self.btf(at)?;
        if let Some(found) = self.known(at, btf.find(Kind::Var, name))?
            && let Btf::Var { ty, .. } = self.known(at, btf.get(found))?
        {
            return Some(Some(ty));
        }
        let Some((_, ty)) = KNOWN.iter().find(|(known, _)| *known == name) else { return Some(None) };
        let mut found = None;
        self.succeeds(|this| found = this.type_named(at, ty.as_bytes()));
        Some(found)
    }
}
