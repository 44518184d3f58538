//! A library that says another ABI number, and would do harm if it were opened.
#![allow(missing_docs, unsafe_code, reason = "a library for tests, that means harm")]

#[unsafe(export_name = "systap_plugin_abi")]
static ABI: u32 = 2;

extern "C" fn before_anything() {
    std::process::abort();
}

#[used]
#[unsafe(link_section = ".init_array")]
static INITIALISER: extern "C" fn() = before_anything;
