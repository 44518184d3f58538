//! What the author of a tapset's native plugin depends on, and all of it: facts of a kernel go in, choices and values come out.
//!
//! A tapset is scripts. Conditions in its manifest choose between them, and where a condition cannot say it, a plugin can: a library
//! that is asked once for each kernel, by [`export_tapset!`], which file of `scripts/` defines an alias or a function there, and what a
//! constant is worth there. It is asked in a process of its own without rights, without files, threads, children or network; what it
//! answers is data, checked like any input, and kept for the next run.
//!
//! It must never grow a way to say code: a plugin chooses among scripts that are signed and there to be read. It must never know of
//! anything else of systap's, so that a plugin outlives systap's versions.
//!
//! # A plugin
//!
//! The crate is a `cdylib` that depends on this crate. Its manifest names what it wants to know:
//!
//! ```toml
//! [plugin]
//! library = "systap_example"
//! abi = 1
//! facts = ['enum("vm_fault_reason")', 'function("handle_mm_fault")', 'config("CONFIG_SWAP")']
//! ```
//!
//! Only these facts are sent (release and architecture always are), since the plugin cannot look at the kernel.
//!
//! ```
//! use systap_plugin::{KernelFacts, Registrar};
//!
//! fn register(facts: &KernelFacts, registrar: &mut Registrar) {
//!     // A file of scripts/ for each shape of the kernel.
//!     if facts.has_function("handle_mm_fault") {
//!         registrar.alias("example.fault", "fault_function.stp");
//!     } else {
//!         return registrar.decline("needs the function handle_mm_fault");
//!     }
//!     // What headers do not tell a script.
//!     let bits = facts.enumerators("vm_fault_reason").unwrap_or_default();
//!     for bit in bits {
//!         registrar.constant(&bit.name, bit.value);
//!     }
//!     registrar.table("example_fault_names", bits.iter().map(|bit| (bit.value, bit.name.as_str())));
//!     registrar.constant("EXAMPLE_SWAPS", i64::from(facts.config("CONFIG_SWAP") == Some("y")));
//! }
//!
//! systap_plugin::export_tapset!(register);
//!
//! // Facts can be made up, so that a plugin is tested without a kernel.
//! let facts = KernelFacts::new("6.18.0", "x86_64")
//!     .with_function("handle_mm_fault", true)
//!     .with_enum("vm_fault_reason", Some(&[("VM_FAULT_OOM", 1)]))
//!     .with_config("CONFIG_SWAP", Some("y"));
//! let answer = systap_plugin::ask(register, &facts);
//! assert_eq!(answer.aliases()[0].unit, "fault_function.stp");
//! assert_eq!(answer.constants()[0].name, "VM_FAULT_OOM");
//! ```
//!
//! A panic inside `register` is caught and told; nothing that was registered before it counts. The library is asked anew whenever it,
//! the facts or the ABI change, and otherwise its last answer is used: `register` must give equal answers to equal facts.
//!
//! # The ABI number
//!
//! [`ABI`] is the major number of this crate's version, and independent of systap's. It changes when a plugin built before could no
//! longer be asked or would be misunderstood: when the layout of [`KernelFacts`], [`Registrar`] or the root module [`Plugin`] changes
//! other than by a field after the last one of the root module's prefix, when a call of [`Registrar`] changes its meaning, or when the
//! minor number of abi_stable's 0.x, which is part of each library's header, moves. It does not change for a new kind of fact that is
//! held in what is there, for a new method, or for a stricter host. A library says its number in a symbol of its own,
//! [`ABI_SYMBOL`], which systap reads out of the file before it runs any of its code.

mod border;
mod facts;
mod registrar;

pub use border::{Plugin, PluginRef, ask};
pub use facts::{Enumerator, KernelFacts};
pub use registrar::{Choice, Constant, Registrar, Row, Table, Value};

/// The number of this interface, which the manifest's `[plugin] abi` must equal.
pub const ABI: u32 = 1;

/// The symbol, a 32-bit number in the machine's byte order, by which a library says which interface it was built for.
pub const ABI_SYMBOL: &str = "systap_plugin_abi";

/// What [`export_tapset!`] refers to; of no use otherwise.
#[doc(hidden)]
pub mod exported {
    pub use crate::border::{header, module, perform};
    pub use abi_stable::library::{__call_root_module_loader as load, LibHeader, RootModuleResult};
}

/// Makes a library a tapset's plugin: takes the path of a `fn(&KernelFacts, &mut Registrar)`.
///
/// It defines the two symbols that systap looks for, so it can stand in a library only once.
#[macro_export]
macro_rules! export_tapset {
    ($register:path) => {
        const _: () = {
            #[unsafe(export_name = "systap_plugin_abi")]
            static SYSTAP_PLUGIN_ABI: u32 = $crate::ABI;

            extern "C" fn systap_plugin_asked(facts: &$crate::KernelFacts, registrar: &mut $crate::Registrar) {
                $crate::exported::perform($register, facts, registrar);
            }

            fn systap_plugin_module() -> $crate::PluginRef {
                $crate::exported::module(systap_plugin_asked)
            }

            extern "C" fn systap_plugin_erased() -> $crate::exported::RootModuleResult {
                $crate::exported::load(systap_plugin_module)
            }

            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static SYSTAP_PLUGIN_ROOT: $crate::exported::LibHeader = $crate::exported::header(systap_plugin_erased);
        };
    };
}
