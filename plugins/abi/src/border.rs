//! The border itself: the root module that a library exports, and the call through it.
//!
//! Few types, since each one's layout is part of the ABI. It must never let a panic cross it.
#![expect(
    unsafe_code,
    reason = "the header of a library names the type of its root module, which only its maker knows"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::StableAbi;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::package_version_strings;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::VersionStrings;

use crate::{KernelFacts, Registrar};

/// What a library exports. Fields may be added behind the last one of the prefix; nothing else may change within one ABI number.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef)))]
#[sabi(missing_field(panic))]
pub struct Plugin {
    /// Asks the tapset about a kernel.
    #[sabi(last_prefix_field)]
    pub register: extern "C" fn(&KernelFacts, &mut Registrar),
}

impl RootModule for PluginRef {
    abi_stable::declare_root_module_statics! {PluginRef}
    const BASE_NAME: &'static str = "systap_plugin";
    const NAME: &'static str = "systap_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// The root module around a function.
#[doc(hidden)]
pub fn module(register: extern "C" fn(&KernelFacts, &mut Registrar)) -> PluginRef {
    let module: &'static WithMetadata<Plugin> = Box::leak(Box::new(WithMetadata::new(Plugin { register })));
    PluginRef(module.static_as_prefix())
}

/// The header of a library whose root module `constructor` makes.
#[doc(hidden)]
pub const fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: the only caller is `export_tapset!`, whose constructor returns what `module` made, a `PluginRef`.
    unsafe { LibHeader::from_constructor::<PluginRef>(constructor, CheckTypeLayout::Yes) }
}

/// Calls an author's function; a panic becomes a mark on the registrar.
#[doc(hidden)]
pub fn perform(register: fn(&KernelFacts, &mut Registrar), facts: &KernelFacts, registrar: &mut Registrar) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| register(facts, registrar))) {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        registrar.fail(said.as_deref().unwrap_or("it did not say why"));
        // What it carries may panic again when it is dropped.
        std::mem::forget(panic);
    }
}

/// Asks an author's function about made-up facts, for tests of plugins.
pub fn ask(register: fn(&KernelFacts, &mut Registrar), facts: &KernelFacts) -> Registrar {
    let mut registrar = Registrar::default();
    perform(register, facts, &mut registrar);
    registrar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_major_version() {
        let version = <PluginRef as RootModule>::VERSION_STRINGS.parsed().unwrap();
        assert_eq!(version.major, crate::ABI);
    }

    #[test]
    fn the_symbols_are_those_that_are_looked_for() {
        assert_eq!(abi_stable::library::ROOT_MODULE_LOADER_NAME, "_1as_0lib_1header_0root_bmodule_bloader");
        assert_eq!(crate::ABI_SYMBOL, "systap_plugin_abi");
    }

    #[test]
    fn a_panic_is_told_and_what_was_said_before_it_is_there_to_be_ignored() {
        fn panics(_: &KernelFacts, registrar: &mut Registrar) {
            registrar.constant("A", 1);
            panic!("at {}", 7);
        }
        let answer = ask(panics, &KernelFacts::new("6.1", "x86_64"));
        assert_eq!(answer.failure(), Some("at 7"));
    }
}
