//! A plugin whose initialiser, which the loader runs before anybody can look, tries harm and ends the process.
#![allow(missing_docs, unsafe_code, reason = "a library for tests, that means harm")]

use systap_plugin::{KernelFacts, Registrar};

extern "C" fn before_anything() {
    _ = std::fs::write("/dev/shm/systap-plugin-was-here", "x");
    std::process::exit(0);
}

#[used]
#[unsafe(link_section = ".init_array")]
static INITIALISER: extern "C" fn() = before_anything;

fn register(_: &KernelFacts, registrar: &mut Registrar) {
    registrar.constant("REACHED", 1);
}

systap_plugin::export_tapset!(register);
