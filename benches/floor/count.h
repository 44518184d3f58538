// Counting in a hash, in instructions: one more where the key is there, else a new element of one.
//
// The end of a program: the key stands on its stack already.
#pragma once
#include "bpf.h"

// One more in the element that r0 points to: among CPUs that share it, or in this CPU's own.
#define SHARED_LENGTH 2
#define SHARED_ONE_MORE MOV_IMM(BPF_REG_1, 1), ATOMIC_ADD(BPF_DW, BPF_REG_0, 0, BPF_REG_1)
#define OWN_LENGTH 3
#define OWN_ONE_MORE                                                                                                   \
	LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 0), ADD_IMM(BPF_REG_1, 1), STORE(BPF_DW, BPF_REG_0, 0, BPF_REG_1)

// `key`: where in the frame the key is, below -8; -8 itself is used. `how`: SHARED or OWN. Ends the program.
#define COUNT_AND_EXIT(map, key, how)                                                                                  \
	LOAD_MAP(BPF_REG_1, map), MOV_REG(BPF_REG_2, BPF_REG_10), ADD_IMM(BPF_REG_2, key),                             \
		CALL(BPF_FUNC_map_lookup_elem), JUMP_EQ(BPF_REG_0, 0, how##_LENGTH + 2), how##_ONE_MORE,               \
		MOV_IMM(BPF_REG_0, 0), EXIT(), STORE_IMM(BPF_DW, BPF_REG_10, -8, 1), LOAD_MAP(BPF_REG_1, map),         \
		MOV_REG(BPF_REG_2, BPF_REG_10), ADD_IMM(BPF_REG_2, key), MOV_REG(BPF_REG_3, BPF_REG_10),               \
		ADD_IMM(BPF_REG_3, -8), MOV_IMM(BPF_REG_4, 0), CALL(BPF_FUNC_map_update_elem), MOV_IMM(BPF_REG_0, 0),  \
		EXIT()
