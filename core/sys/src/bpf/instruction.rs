//! One instruction of a program as the word that the kernel takes, for the few programs that are written by hand: those that read
//! memory for the user side, and those that find out what a kernel can do.
//!
//! It must never grow into an assembler: what scripts become is made elsewhere.

/// An instruction: opcode, destination and source register, offset, immediate (`struct bpf_insn` of include/uapi/linux/bpf.h).
pub const fn instruction(opcode: u8, to: u8, from: u8, offset: i16, number: i32) -> u64 {
    let registers = (to & 15) | from << 4;
    opcode as u64 | (registers as u64) << 8 | (offset as u16 as u64) << 16 | (number as u32 as u64) << 32
}

#[cfg(test)]
mod tests {
    use super::instruction;

    #[test]
    fn fields_are_where_the_kernel_has_them() {
        // r3 = *(u64 *)(r10 - 8)
        assert_eq!(instruction(0x79, 3, 10, -8, 0).to_le_bytes(), [0x79, 0xa3, 0xf8, 0xff, 0, 0, 0, 0]);
        // r0 = -2
        assert_eq!(instruction(0xb7, 0, 0, 0, -2).to_le_bytes(), [0xb7, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
    }
}
