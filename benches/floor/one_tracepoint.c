// The floor of a cold start with a probe and an array: counts one syscall by process, or every one.
//
//   one_tracepoint NUMBER|every [COMMAND [ARGUMENT...]]
//
// A plain raw tracepoint: it attaches ten times faster than a perf tracepoint and needs no type information. With a
// command, arms the probe, runs the command and ends with it; without, ends at once. Then prints "PID COUNT" lines.
#include "count.h"

static void show(const void *key, uint64_t value)
{
	printf("%u %llu\n", *(const uint32_t *)key, (unsigned long long)value);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: one_tracepoint NUMBER|every [COMMAND [ARGUMENT...]]\n");
		return 2;
	}
	int every = strcmp(argv[1], "every") == 0;
	int number = every ? 0 : atoi(argv[1]);
	int map = make_hash(BPF_MAP_TYPE_HASH, sizeof(uint32_t), sizeof(uint64_t));
	const struct bpf_insn insns[] = {
		// The tracepoint's second argument is the syscall's number.
		LOAD(BPF_DW, BPF_REG_1, BPF_REG_1, 8),
		JUMP_EQ(BPF_REG_1, number, 2),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
		CALL(BPF_FUNC_get_current_pid_tgid),
		SHR_IMM(BPF_REG_0, 32),
		STORE(BPF_W, BPF_REG_10, -16, BPF_REG_0),
		COUNT_AND_EXIT(map, -16, SHARED),
	};
	// To count every syscall is to leave out the question which it is.
	uint32_t skipped = every ? 4 : 0;
	attach("sys_enter", load(insns + skipped, sizeof(insns) / sizeof(insns[0]) - skipped, 0));
	if (argc > 2)
		trace_during(argv + 2);
	each_element(map, sizeof(uint32_t), 1, show);
	return 0;
}
