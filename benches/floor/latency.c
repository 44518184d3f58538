// The floor of an entry-to-exit latency: how long every syscall takes, as a histogram by powers of two.
//
//   latency [COMMAND [ARGUMENT...]]
//
// Two BTF-typed raw tracepoints; the time of entry is kept with the task (task storage), so that nothing is inserted,
// looked up by hash or deleted. Measures while the command runs, or until SIGINT or SIGTERM; then prints
// "AT-LEAST-NS COUNT" lines and "total COUNT".
#include "btf.h"

// Bucket n counts from 2^n ns to below 2^(n+1).
#define BUCKETS 64

// Type information of the map of times: task storage is not made without. 1: int; 2: unsigned, 64 bits.
static int describe_times(void)
{
	static const char strings[] = "\0int\0u64";
	struct {
		struct btf_header header;
		struct {
			struct btf_type type;
			uint32_t bits;
		} types[2];
		char strings[sizeof(strings)];
	} btf = {
		.header = {.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(struct btf_header)},
		.types = {{{.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4}, BTF_INT_SIGNED << 24 | 32},
			  {{.name_off = 5, .info = BTF_KIND_INT << 24, .size = 8}, 64}},
	};
	btf.header.type_len = sizeof(btf.types);
	btf.header.str_off = sizeof(btf.types);
	btf.header.str_len = sizeof(strings);
	memcpy(btf.strings, strings, sizeof(strings));
	union bpf_attr attr = {};
	attr.btf = (uintptr_t)&btf;
	attr.btf_size = offsetof(__typeof__(btf), strings) + sizeof(strings);
	int fd = sys_bpf(BPF_BTF_LOAD, &attr);
	if (fd < 0)
		fail("cannot load the type information");
	return fd;
}

static int make_times(void)
{
	union bpf_attr attr = {};
	attr.map_type = BPF_MAP_TYPE_TASK_STORAGE;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(uint64_t);
	attr.map_flags = BPF_F_NO_PREALLOC;
	attr.btf_fd = describe_times();
	attr.btf_key_type_id = 1;
	attr.btf_value_type_id = 2;
	int fd = sys_bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		fail("cannot create a map");
	return fd;
}

static int make_buckets(void)
{
	union bpf_attr attr = {};
	attr.map_type = BPF_MAP_TYPE_PERCPU_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(uint64_t);
	attr.max_entries = BUCKETS;
	int fd = sys_bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		fail("cannot create a map");
	return fd;
}

// r0: this task's time of entry, made where `flags` say so.
#define TIME_OF_TASK(times, flags)                                                                                     \
	CALL(BPF_FUNC_get_current_task_btf), LOAD_MAP(BPF_REG_1, times), MOV_REG(BPF_REG_2, BPF_REG_0),                \
		MOV_IMM(BPF_REG_3, 0), MOV_IMM(BPF_REG_4, flags), CALL(BPF_FUNC_task_storage_get)

// A step of r4 = log2(r3): if r3 has a bit at `half` or above, that many more.
#define LOG2_STEP(half)                                                                                                \
	MOV_REG(BPF_REG_5, BPF_REG_3), SHR_IMM(BPF_REG_5, half), JUMP_EQ(BPF_REG_5, 0, 2), ADD_IMM(BPF_REG_4, half),   \
		MOV_REG(BPF_REG_3, BPF_REG_5)

static uint64_t total;

static void show(const void *key, uint64_t value)
{
	if (value)
		printf("%llu %llu\n", 1ULL << *(const uint32_t *)key, (unsigned long long)value);
	total += value;
}

int main(int argc, char **argv)
{
	(void)argc;
	struct kernel_types kernel = kernel_types();
	uint32_t entry_target, exit_target;
	find_type(&kernel, BTF_KIND_TYPEDEF, "btf_trace_sys_enter", &entry_target);
	find_type(&kernel, BTF_KIND_TYPEDEF, "btf_trace_sys_exit", &exit_target);
	int times = make_times();
	int buckets = make_buckets();
	const struct bpf_insn on_entry[] = {
		TIME_OF_TASK(times, BPF_LOCAL_STORAGE_GET_F_CREATE),
		JUMP_EQ(BPF_REG_0, 0, 3),
		MOV_REG(BPF_REG_6, BPF_REG_0),
		CALL(BPF_FUNC_ktime_get_ns),
		STORE(BPF_DW, BPF_REG_6, 0, BPF_REG_0),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};
	const struct bpf_insn on_exit[] = {
		TIME_OF_TASK(times, 0),
		JUMP_NE(BPF_REG_0, 0, 2),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
		MOV_REG(BPF_REG_7, BPF_REG_0),
		LOAD(BPF_DW, BPF_REG_6, BPF_REG_7, 0),
		// A task that was inside a syscall when the probes were armed has no time.
		JUMP_NE(BPF_REG_6, 0, 2),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
		STORE_IMM(BPF_DW, BPF_REG_7, 0, 0),
		CALL(BPF_FUNC_ktime_get_ns),
		MOV_REG(BPF_REG_3, BPF_REG_0),
		SUB_REG(BPF_REG_3, BPF_REG_6),
		MOV_IMM(BPF_REG_4, 0),
		LOG2_STEP(32),
		LOG2_STEP(16),
		LOG2_STEP(8),
		LOG2_STEP(4),
		LOG2_STEP(2),
		LOG2_STEP(1),
		STORE(BPF_W, BPF_REG_10, -4, BPF_REG_4),
		LOAD_MAP(BPF_REG_1, buckets),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		JUMP_EQ(BPF_REG_0, 0, 3),
		LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 0),
		ADD_IMM(BPF_REG_1, 1),
		STORE(BPF_DW, BPF_REG_0, 0, BPF_REG_1),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};
	int entry = load(on_entry, sizeof(on_entry) / sizeof(on_entry[0]), entry_target);
	attach(NULL, load(on_exit, sizeof(on_exit) / sizeof(on_exit[0]), exit_target));
	attach(NULL, entry);
	trace_during(argv + 1);
	each_element(buckets, sizeof(uint32_t), possible_cpus(), show);
	printf("total %llu\n", (unsigned long long)total);
	return 0;
}
