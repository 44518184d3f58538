//! From the kernel part of a program to BPF bytecode.
pub mod artifact;
