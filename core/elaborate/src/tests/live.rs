//! On the running kernel.
