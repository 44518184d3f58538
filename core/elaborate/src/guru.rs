//! The functions that only guru mode allows and that BPF cannot do: they are known by name, so that a call of one says why.
//!
//! Must never have one that a runtime of ours can run.

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
const USER: &str = "writes a program's memory, which handlers here do not";
const ARGUMENT: &str = "changes the registers of what is probed, which a BPF program cannot";
const DELAY: &str = "keeps the processor waiting, which a BPF program cannot";

/// Names by SystemTap's tapset.
static TABLE: &[(&str, &[Type], &str)] = &[
    ("mdelay", &[Long], DELAY),
    ("panic", &[Text], "stops the machine, which a BPF program cannot"),
    ("raise", &[Long], "sends the current task a signal, which handlers here do not"),
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
    ("set_user_char", &[Long, Long], USER),
    ("set_user_int", &[Long, Long], USER),
    ("set_user_long", &[Long, Long], USER),
    ("set_user_pointer", &[Long, Long], USER),
    ("set_user_short", &[Long, Long], USER),
    ("set_user_string", &[Long, Text], USER),
    ("set_user_string_arg", &[Long, Text], USER),
    ("set_user_string_n", &[Long, Long, Text], USER),
    ("udelay", &[Long], DELAY),
];

/// Every row: the name, the types of the parameters, and why it cannot be had.
pub(crate) fn rows() -> impl Iterator<Item = (&'static str, Vec<&'static str>, &'static str)> {
    let word = |ty: &Type| if *ty == Long { "long" } else { "string" };
    TABLE.iter().map(move |(name, params, why)| (*name, params.iter().map(word).collect(), *why))
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
    fn the_table_is_sorted() {
        assert!(TABLE.is_sorted_by_key(|row| row.0));
        assert_eq!(find("set_kernel_string_n", 3).unwrap().params, [Long, Long, Text]);
        assert!(find("panic", 0).is_none() && find("zzz", 1).is_none());
    }
}
