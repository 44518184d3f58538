// Two questions to the kernel's type information: the id of a typedef, the place of a member.
//
// One pass over the types in the file as it is mapped; nothing is built.
#pragma once
#include "bpf.h"
#include <fcntl.h>
#include <linux/btf.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct kernel_types {
	const char *types, *end, *strings;
};

static inline struct kernel_types kernel_types(void)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat about;
	if (fd < 0 || fstat(fd, &about) != 0)
		fail("cannot open the kernel's BTF");
	char *bytes = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) { // before Linux 6.16
		bytes = malloc(about.st_size);
		for (off_t at = 0; bytes && at < about.st_size;) {
			ssize_t got = read(fd, bytes + at, about.st_size - at);
			if (got <= 0)
				fail("cannot read the kernel's BTF");
			at += got;
		}
		if (!bytes)
			fail("cannot read the kernel's BTF");
	}
	close(fd);
	const struct btf_header *header = (const void *)bytes;
	if (header->magic != BTF_MAGIC) {
		errno = EINVAL;
		fail("the kernel's BTF");
	}
	const char *types = bytes + header->hdr_len + header->type_off;
	return (struct kernel_types){types, types + header->type_len, bytes + header->hdr_len + header->str_off};
}

// How many bytes follow the head of a type.
static inline size_t tail(const struct btf_type *type)
{
	size_t members = BTF_INFO_VLEN(type->info);
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return members * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return members * sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return members * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return members * sizeof(struct btf_var_secinfo);
	case BTF_KIND_ENUM64:
		return members * 12;
	default:
		return 0;
	}
}

// The first type of that kind and name; its id goes to `id`.
static inline const struct btf_type *find_type(const struct kernel_types *kernel, unsigned kind, const char *name,
					       uint32_t *id)
{
	*id = 1;
	for (const char *at = kernel->types; at < kernel->end; ++*id) {
		const struct btf_type *type = (const void *)at;
		if (BTF_INFO_KIND(type->info) == kind && strcmp(kernel->strings + type->name_off, name) == 0)
			return type;
		at += sizeof(*type) + tail(type);
	}
	errno = ENOENT;
	fail(name);
	return NULL;
}

// The offset in bytes of a member that stands in the struct itself.
static inline uint32_t member_offset(const struct kernel_types *kernel, const char *in, const char *name)
{
	uint32_t id;
	const struct btf_type *type = find_type(kernel, BTF_KIND_STRUCT, in, &id);
	const struct btf_member *member = (const void *)(type + 1);
	for (unsigned n = 0; n < BTF_INFO_VLEN(type->info); n++, member++) {
		if (strcmp(kernel->strings + member->name_off, name) != 0)
			continue;
		// With bit fields in the struct the upper byte is a width.
		uint32_t bits = BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(member->offset) : member->offset;
		return bits / 8;
	}
	errno = ENOENT;
	fail(name);
	return 0;
}
