// bpf(2) with nothing in between: what the floor programs need of it, as a person would write it by hand.
//
// Needs only libc and linux/bpf.h. Every failure ends the program with a message: a floor that did not do the work is
// no floor.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Elements that a map holds: as many as a SystemTap array does by default.
#define MAP_ENTRIES 2048

static inline void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline int sys_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

// ---- instructions

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD_IMM(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define SUB_REG(d, s) INSN(BPF_ALU64 | BPF_SUB | BPF_X, d, s, 0, 0)
#define SHR_IMM(d, i) INSN(BPF_ALU64 | BPF_RSH | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, o, s) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define STORE_IMM(size, d, o, i) INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define ATOMIC_ADD(size, d, o, s) INSN(BPF_STX | BPF_ATOMIC | (size), d, s, o, BPF_ADD)
#define JUMP_EQ(d, i, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define JUMP_NE(d, i, o) INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define LOAD_MAP(d, fd) INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

// ---- maps, programs, tracepoints

static inline int make_hash(enum bpf_map_type type, uint32_t key, uint32_t value)
{
	union bpf_attr attr = {};
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = MAP_ENTRIES;
	// Elements made beforehand cost milliseconds at the start, and counting in one that exists costs the same.
	attr.map_flags = BPF_F_NO_PREALLOC;
	int fd = sys_bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		fail("cannot create a map");
	return fd;
}

// `target`: the BTF id of what a BTF-typed program attaches to; 0 for a plain raw tracepoint.
static inline int load(const struct bpf_insn *insns, uint32_t count, uint32_t target)
{
	union bpf_attr attr = {};
	attr.prog_type = target ? BPF_PROG_TYPE_TRACING : BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.expected_attach_type = target ? BPF_TRACE_RAW_TP : 0;
	attr.attach_btf_id = target;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = count;
	attr.license = (uintptr_t)"GPL";
	int fd = sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;

	// Again, for the verifier's reason: asking for it the first time would cost time.
	static char log[1 << 20];
	int first = errno;
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	sys_bpf(BPF_PROG_LOAD, &attr);
	fputs(log, stderr);
	errno = first;
	fail("cannot load a program");
	return -1;
}

// `name`: the tracepoint; NULL where the program itself says it (BTF-typed).
static inline void attach(const char *name, int program)
{
	union bpf_attr attr = {};
	attr.raw_tracepoint.name = (uintptr_t)name;
	attr.raw_tracepoint.prog_fd = program;
	if (sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0)
		fail("cannot attach");
}

// ---- running

// Runs the command and waits for its end; without one, waits for SIGINT or SIGTERM.
static inline void trace_during(char **command)
{
	if (!command[0]) {
		sigset_t ends;
		int which;
		sigemptyset(&ends);
		sigaddset(&ends, SIGINT);
		sigaddset(&ends, SIGTERM);
		sigprocmask(SIG_BLOCK, &ends, NULL);
		if (sigwait(&ends, &which) != 0)
			fail("cannot wait for a signal");
		return;
	}
	pid_t child = vfork();
	if (child < 0)
		fail("cannot start the command");
	if (child == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	int status;
	if (waitpid(child, &status, 0) != child)
		fail("cannot wait for the command");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "floor: the command failed\n");
		exit(1);
	}
}

// ---- reading

// How many values a per-CPU element has: one for each CPU that could ever be there, by the list "0-3,8" of the kernel.
static inline unsigned possible_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "r");
	char text[256];
	if (!file || !fgets(text, sizeof(text), file))
		fail("cannot read the list of CPUs");
	fclose(file);
	const char *last = text;
	for (const char *at = text; *at; at++)
		if (*at == '-' || *at == ',')
			last = at + 1;
	return (unsigned)strtoul(last, NULL, 10) + 1;
}

// Calls `show` with every key and its value, the values of all CPUs added up where there are more than one.
static inline void each_element(int map, uint32_t key_size, unsigned cpus, void (*show)(const void *key, uint64_t value))
{
	char keys[2][64] = {};
	uint64_t *values = calloc(cpus, sizeof(uint64_t));
	const void *previous = NULL;
	if (key_size > sizeof(keys[0]) || !values)
		fail("cannot read a map");
	for (unsigned turn = 0;; turn ^= 1) {
		union bpf_attr attr = {};
		attr.map_fd = map;
		attr.key = (uintptr_t)previous;
		attr.next_key = (uintptr_t)keys[turn];
		if (sys_bpf(BPF_MAP_GET_NEXT_KEY, &attr) != 0)
			break;
		attr = (union bpf_attr){};
		attr.map_fd = map;
		attr.key = (uintptr_t)keys[turn];
		attr.value = (uintptr_t)values;
		if (sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr) != 0)
			fail("cannot read an element");
		uint64_t sum = 0;
		for (unsigned cpu = 0; cpu < cpus; cpu++)
			sum += values[cpu];
		show(keys[turn], sum);
		previous = keys[turn];
	}
	free(values);
}
