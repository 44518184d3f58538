// The floor of an event: counts every syscall by process in a per-CPU hash.
//
//   count_by_pid typed|raw [COMMAND [ARGUMENT...]]
//
// `typed`: a BTF-typed raw tracepoint, called directly; `raw`: a plain one. Counts while the command runs, or until
// SIGINT or SIGTERM; then prints "PID COUNT" lines and "total COUNT".
#include "btf.h"
#include "count.h"

static uint64_t total;

static void show(const void *key, uint64_t value)
{
	printf("%u %llu\n", *(const uint32_t *)key, (unsigned long long)value);
	total += value;
}

int main(int argc, char **argv)
{
	if (argc < 2 || (strcmp(argv[1], "typed") != 0 && strcmp(argv[1], "raw") != 0)) {
		fprintf(stderr, "usage: count_by_pid typed|raw [COMMAND [ARGUMENT...]]\n");
		return 2;
	}
	uint32_t target = 0;
	if (strcmp(argv[1], "typed") == 0) {
		struct kernel_types kernel = kernel_types();
		find_type(&kernel, BTF_KIND_TYPEDEF, "btf_trace_sys_enter", &target);
	}
	int map = make_hash(BPF_MAP_TYPE_PERCPU_HASH, sizeof(uint32_t), sizeof(uint64_t));
	const struct bpf_insn insns[] = {
		CALL(BPF_FUNC_get_current_pid_tgid),
		SHR_IMM(BPF_REG_0, 32),
		STORE(BPF_W, BPF_REG_10, -16, BPF_REG_0),
		COUNT_AND_EXIT(map, -16, OWN),
	};
	attach(target ? NULL : "sys_enter", load(insns, sizeof(insns) / sizeof(insns[0]), target));
	trace_during(argv + 2);
	each_element(map, sizeof(uint32_t), possible_cpus(), show);
	printf("total %llu\n", (unsigned long long)total);
	return 0;
}
