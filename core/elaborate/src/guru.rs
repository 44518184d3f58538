//! The functions that only guru mode allows: which they are, and why BPF cannot do some of them, so that a call of one says why.
//!
//! Must never say of one that a runtime of ours can run that it cannot be had.

use systap_ir::program::Type::{self, Long, Text};

/// A function that cannot be had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forbidden {
    /// The types of its parameters.
    pub(crate) params: &'static [Type],
    /// Why a BPF program cannot do it, as what follows its name.
    pub(crate) why: &'static str,
}

const KERNEL: &str = "writes the kernel's memory, which a BPF program cannot";
const ARGUMENT: &str = "changes the registers of what is probed, which a BPF program cannot";
const DELAY: &str = "keeps the processor waiting, which a BPF program cannot";

/// Names by SystemTap's tapset.
static TABLE: &[(&str, &[Type], &str)] = &[
    ("mdelay", &[Long], DELAY),
    ("panic", &[Text], "stops the machine, which a BPF program cannot"),
    ("set_int_arg", &[Long, Long], ARGUMENT),
    ("set_kernel_char", &[Long, Long], KERNEL),
    ("set_kernel_int", &[Long, Long], KERNEL),
    ("set_kernel_long", &[Long, Long], KERNEL),
    ("set_kernel_pointer", &[Long, Long], KERNEL),
    ("set_kernel_short", &[Long, Long], KERNEL),
    ("set_kernel_string", &[Long, Text], KERNEL),
    ("set_kernel_string_n", &[Long, Long, Text], KERNEL),
    ("set_long_arg", &[Long, Long], ARGUMENT),
    ("set_longlong_arg", &[Long, Long], ARGUMENT),
    ("set_pointer_arg", &[Long, Long], ARGUMENT),
    ("set_s32_arg", &[Long, Long], ARGUMENT),
    ("set_s64_arg", &[Long, Long], ARGUMENT),
    ("set_u32_arg", &[Long, Long], ARGUMENT),
    ("set_u64_arg", &[Long, Long], ARGUMENT),
    ("set_uint_arg", &[Long, Long], ARGUMENT),
    ("set_ulong_arg", &[Long, Long], ARGUMENT),
    ("set_ulonglong_arg", &[Long, Long], ARGUMENT),
    ("udelay", &[Long], DELAY),
];

/// Those that the library has, by SystemTap's tapset too.
static ALLOWED: &[&str] = &[
    "dump_stack",
    "printk",
    "raise",
    "set_user_char",
    "set_user_int",
    "set_user_long",
    "set_user_pointer",
    "set_user_short",
    "set_user_string",
    "set_user_string_arg",
    "set_user_string_n",
];

/// Whether a function that can be had is for guru mode only.
pub(crate) fn is_allowed_only(name: &str) -> bool {
    ALLOWED.binary_search(&name).is_ok()
}

/// The function of that name with that many parameters.
pub(crate) fn find(name: &str, params: usize) -> Option<Forbidden> {
    let row = TABLE.binary_search_by_key(&name, |row| row.0).ok()?;
    let (_, types, why) = TABLE.get(row)?;
    (types.len() == params).then_some(Forbidden { params: types, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(TABLE.is_sorted_by_key(|row| row.0) && ALLOWED.is_sorted());
        assert_eq!(find("set_kernel_string_n", 3).unwrap().params, [Long, Long, Text]);
        assert!(find("panic", 0).is_none() && find("zzz", 1).is_none());
    }
}
