//! From the kernel part of a program to BPF bytecode: [`generate()`] takes a placed program and gives an [`Artifact`],
//! which the runtime loads as it is.
//!
//! The way of a handler: its graph is lowered to instructions over virtual registers (`lower`), those get machine
//! registers or stack slots (`allocate`), jumps and stack offsets are settled (`assembler`).
//!
//! This crate never loads, attaches or asks a kernel anything; what differs between kernels comes in as [`KernelLayout`]
//! and [`Options`]. A program that the kernel's verifier refuses is a defect of this crate.

mod allocate;
pub mod artifact;
mod assembler;
mod code;
mod emitter;
mod error;
mod flow;
mod generate;
mod insn;
mod layout;
mod liveness;
mod lower;
mod maps;
mod options;
mod text;
mod texts;

pub use artifact::Artifact;
pub use error::GenerateError;
pub use generate::generate;
pub use layout::{KernelLayout, Needs, Registers};
pub use options::Options;
pub use text::print;
