// The floor of an event with a string: counts every syscall by process name in a per-CPU hash.
//
//   count_by_name typed|raw [COMMAND [ARGUMENT...]]
//
// `typed`: a BTF-typed raw tracepoint that reads the name out of task_struct itself; `raw`: a plain one that asks the
// kernel's helper for it. Counts while the command runs, or until SIGINT or SIGTERM; then prints "NAME COUNT" lines and
// "total COUNT".
#include "btf.h"
#include "count.h"

// TASK_COMM_LEN of include/linux/sched.h.
#define NAME_LENGTH 16

static uint64_t total;

static void show(const void *key, uint64_t value)
{
	printf("%.*s %llu\n", NAME_LENGTH, (const char *)key, (unsigned long long)value);
	total += value;
}

int main(int argc, char **argv)
{
	if (argc < 2 || (strcmp(argv[1], "typed") != 0 && strcmp(argv[1], "raw") != 0)) {
		fprintf(stderr, "usage: count_by_name typed|raw [COMMAND [ARGUMENT...]]\n");
		return 2;
	}
	int map = make_hash(BPF_MAP_TYPE_PERCPU_HASH, NAME_LENGTH, sizeof(uint64_t));
	if (strcmp(argv[1], "typed") == 0) {
		uint32_t target;
		struct kernel_types kernel = kernel_types();
		find_type(&kernel, BTF_KIND_TYPEDEF, "btf_trace_sys_enter", &target);
		int16_t comm = (int16_t)member_offset(&kernel, "task_struct", "comm");
		const struct bpf_insn insns[] = {
			CALL(BPF_FUNC_get_current_task_btf),
			LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, comm),
			LOAD(BPF_DW, BPF_REG_2, BPF_REG_0, comm + 8),
			STORE(BPF_DW, BPF_REG_10, -24, BPF_REG_1),
			STORE(BPF_DW, BPF_REG_10, -16, BPF_REG_2),
			COUNT_AND_EXIT(map, -24, OWN),
		};
		attach(NULL, load(insns, sizeof(insns) / sizeof(insns[0]), target));
	} else {
		const struct bpf_insn insns[] = {
			MOV_REG(BPF_REG_1, BPF_REG_10),
			ADD_IMM(BPF_REG_1, -24),
			MOV_IMM(BPF_REG_2, NAME_LENGTH),
			CALL(BPF_FUNC_get_current_comm),
			COUNT_AND_EXIT(map, -24, OWN),
		};
		attach("sys_enter", load(insns, sizeof(insns) / sizeof(insns[0]), 0));
	}
	trace_during(argv + 2);
	each_element(map, NAME_LENGTH, possible_cpus(), show);
	printf("total %llu\n", (unsigned long long)total);
	return 0;
}
