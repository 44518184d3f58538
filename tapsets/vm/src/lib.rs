//! The plugin of the tapset `vm`: what bits of page faults and of allocations are worth on a kernel.
//!
//! Headers say that, and no script can read those. It must never guess: a kernel that it knows nothing of is declined.

mod gfp;

use systap_plugin::{KernelFacts, Registrar};

/// Bits of what handling a page fault comes to, `enum vm_fault_reason` (include/linux/mm_types.h, Linux 5.1).
const REASONS: &str = "vm_fault_reason";

fn register(facts: &KernelFacts, registrar: &mut Registrar) {
    let Some(reasons) = facts.enumerators(REASONS) else {
        return registrar.decline("needs enum vm_fault_reason (Linux 5.1)");
    };
    // The mask is no reason.
    let bits = || reasons.iter().filter(|one| one.value.count_ones() == 1);
    bits().for_each(|one| registrar.constant(&one.name, one.value));
    let names = bits().map(|one| (one.value, one.name.strip_prefix("VM_FAULT_").unwrap_or(&one.name)));
    registrar.table("vm_fault_names", names);

    let flags = gfp::flags(facts);
    flags.iter().for_each(|(name, value)| registrar.constant(&format!("__GFP_{name}"), *value));
    registrar.table("gfp_bit_names", flags.iter().map(|(name, value)| (*value, name.as_str())));
    for (name, value) in gfp::masks(&flags) {
        registrar.constant(name, value);
    }
}

systap_plugin::export_tapset!(register);

#[cfg(test)]
mod tests {
    use super::*;
    use systap_plugin::{Value, ask};

    fn kernel(release: &str) -> KernelFacts {
        let reasons = [("VM_FAULT_OOM", 1), ("VM_FAULT_MAJOR", 4), ("VM_FAULT_HINDEX_MASK", 0xf0000)];
        KernelFacts::new(release, "x86_64").with_enum(REASONS, Some(&reasons))
    }

    fn constant(facts: &KernelFacts, name: &str) -> Option<Value> {
        let answer = ask(register, facts);
        answer.constants().iter().find(|one| one.name == name).map(|one| one.value.clone())
    }

    #[test]
    fn reasons_are_those_of_the_kernel_without_its_mask() {
        let facts = kernel("6.1.0-25-amd64").with_enum(gfp::BITS, None);
        assert_eq!(constant(&facts, "VM_FAULT_MAJOR"), Some(Value::Long(4)));
        assert_eq!(constant(&facts, "VM_FAULT_HINDEX_MASK"), None);
        let answer = ask(register, &facts);
        assert_eq!(answer.tables()[0].rows[1].value, Value::from("MAJOR"));
    }

    /// As reports of memory that ran out print them: `gfp_mask=0xcc0(GFP_KERNEL)`, `0xa20(GFP_ATOMIC)` before 6.3 and `0x820` since,
    /// `0x100cca(GFP_HIGHUSER_MOVABLE)`.
    #[test]
    fn masks_are_those_that_kernels_print() {
        for (release, atomic) in [("5.15.0-1051-aws", 0xa20), ("6.1.0-25-amd64", 0xa20), ("6.6.87.2-WSL2", 0x820)] {
            let facts = kernel(release).with_enum(gfp::BITS, None);
            assert_eq!(constant(&facts, "GFP_KERNEL"), Some(Value::Long(0xcc0)), "{release}");
            assert_eq!(constant(&facts, "GFP_ATOMIC"), Some(Value::Long(atomic)), "{release}");
            assert_eq!(constant(&facts, "GFP_HIGHUSER_MOVABLE"), Some(Value::Long(0x10_0cca)), "{release}");
        }
    }

    #[test]
    fn bits_of_newer_kernels_come_from_their_types() {
        let bits = [("___GFP_IO_BIT", 3), ("___GFP_FS_BIT", 40), ("___GFP_LAST_BIT", 41), ("___GFP_UNUSED_BIT", 9)];
        let facts = kernel("6.18.0").with_enum(gfp::BITS, Some(&bits));
        assert_eq!(constant(&facts, "__GFP_FS"), Some(Value::Long(1 << 40)));
        assert_eq!(constant(&facts, "__GFP_LAST"), None);
        assert_eq!(constant(&facts, "__GFP_UNUSED"), None);
        assert_eq!(constant(&facts, "GFP_KERNEL"), None, "a mask of bits that are not all there is not one");
    }

    #[test]
    fn what_is_not_known_is_declined() {
        let facts = KernelFacts::new("4.19", "x86_64").with_enum(REASONS, None).with_enum(gfp::BITS, None);
        assert!(ask(register, &facts).declined().is_some());
    }
}
