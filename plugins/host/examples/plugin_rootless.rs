//! A library that says the right ABI number, and has nothing else.
#![allow(missing_docs, unsafe_code, reason = "a library for tests, that means harm")]

#[unsafe(export_name = "systap_plugin_abi")]
static ABI: u32 = 1;
