//! Bits that say how memory may be allocated (include/linux/gfp_types.h).
//!
//! Since Linux 6.10 their numbers are an enumeration, which types tell; before, they are what headers define. It must never make a mask of
//! bits that are not all known.

use systap_plugin::KernelFacts;

/// A value of the enumeration without a name that has the numbers of the bits.
pub(crate) const BITS: &str = "___GFP_DMA_BIT";

/// The bits from Linux 5.1 to 6.9, where they are always the same.
const DEFINED: [(&str, i64); 22] = [
    ("DMA", 0x01),
    ("HIGHMEM", 0x02),
    ("DMA32", 0x04),
    ("MOVABLE", 0x08),
    ("RECLAIMABLE", 0x10),
    ("HIGH", 0x20),
    ("IO", 0x40),
    ("FS", 0x80),
    ("ZERO", 0x100),
    ("DIRECT_RECLAIM", 0x400),
    ("KSWAPD_RECLAIM", 0x800),
    ("WRITE", 0x1000),
    ("NOWARN", 0x2000),
    ("RETRY_MAYFAIL", 0x4000),
    ("NOFAIL", 0x8000),
    ("NORETRY", 0x1_0000),
    ("MEMALLOC", 0x2_0000),
    ("COMP", 0x4_0000),
    ("NOMEMALLOC", 0x8_0000),
    ("HARDWALL", 0x10_0000),
    ("THISNODE", 0x20_0000),
    ("ACCOUNT", 0x40_0000),
];

/// Bits by name, without `__GFP_`.
pub(crate) fn flags(facts: &KernelFacts) -> Vec<(String, i64)> {
    if let Some(bits) = facts.enumerators(BITS) {
        let flag = |name: &str| name.strip_prefix("___GFP_")?.strip_suffix("_BIT").map(str::to_owned);
        let known =
            bits.iter().filter_map(|bit| Some((flag(&bit.name)?, 1_i64.checked_shl(u32::try_from(bit.value).ok()?)?)));
        return known.filter(|(name, _)| name != "LAST" && !name.starts_with("UNUSED")).collect();
    }
    let mut flags: Vec<(String, i64)> = DEFINED.iter().map(|(name, bit)| ((*name).to_owned(), *bit)).collect();
    // Taken out in Linux 6.3, where HIGH and the lack of DIRECT_RECLAIM say the same.
    if !facts.at_least(6, 3) {
        flags.push(("ATOMIC".to_owned(), 0x200));
    }
    flags
}

/// The usual masks, of which all bits are known.
pub(crate) fn masks(flags: &[(String, i64)]) -> Vec<(&'static str, i64)> {
    let of = |names: &[&str]| {
        let bit = |name: &&str| flags.iter().find(|(known, _)| known == *name).map(|(_, bit)| *bit);
        names.iter().map(bit).try_fold(0, |mask, bit| bit.map(|bit| mask | bit))
    };
    let reclaim = ["DIRECT_RECLAIM", "KSWAPD_RECLAIM"];
    let with = |more: &[&str]| of(&[&reclaim, more].concat());
    let has_atomic = of(&["ATOMIC"]).is_some();
    let atomic = if has_atomic { of(&["HIGH", "ATOMIC", "KSWAPD_RECLAIM"]) } else { of(&["HIGH", "KSWAPD_RECLAIM"]) };
    let known = [
        ("GFP_ATOMIC", atomic),
        ("GFP_KERNEL", with(&["IO", "FS"])),
        ("GFP_KERNEL_ACCOUNT", with(&["IO", "FS", "ACCOUNT"])),
        ("GFP_NOIO", with(&[])),
        ("GFP_NOFS", with(&["IO"])),
        ("GFP_USER", with(&["IO", "FS", "HARDWALL"])),
        ("GFP_DMA", of(&["DMA"])),
        ("GFP_DMA32", of(&["DMA32"])),
        ("GFP_HIGHUSER", with(&["IO", "FS", "HARDWALL", "HIGHMEM"])),
        ("GFP_HIGHUSER_MOVABLE", with(&["IO", "FS", "HARDWALL", "HIGHMEM", "MOVABLE"])),
    ];
    known.into_iter().filter_map(|(name, mask)| Some((name, mask?))).collect()
}
