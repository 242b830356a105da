/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an ELF file tells about allocation: its allocation functions, its code, the words through
 * which it calls other files. A function from a descriptor to flat data, so that it can run in
 * another process than its caller.
 */
#ifndef UNFREED_ELF_OBJECT_H
#define UNFREED_ELF_OBJECT_H

#include "code.h"

struct elf_function {
	const struct alloc_function *function;
	uint64_t address; /* virtual, as in the file */
	uint64_t size;    /* bytes; 0: unknown */
};

struct elf_object {
	/* One a distinct address (the first name in the table's order), sorted by address. */
	struct elf_function *functions;
	size_t function_count;
	bool defines_malloc;
	bool is_loader;        /* glibc's dynamic loader */
	const char *kind;      /* as struct allocator has it */
	const char *hidden;    /* kind of an allocator in it whose functions have no names; NULL */
	uint64_t linker_hook;  /* virtual address, 0: none */
	uint64_t linker_debug; /* of struct r_debug, 0: none */
	struct code *codes;    /* executable segments; only where there is something to probe */
	size_t code_count;
	struct code_slot *slots;
	size_t slot_count;
};

/*
 * Reads an ELF file. Returns 0 or a negative errno: -ENOEXEC where it is none or damaged, -ENOTSUP
 * where it is not for 64-bit x86, -EFBIG where a part exceeds the limits.
 */
int elf_object_read(int fd, struct elf_object *object);

/* The same, with its code also where there seems nothing to probe. */
int elf_object_read_code(int fd, struct elf_object *object);
void elf_object_release(struct elf_object *object);

/* The segment that holds a virtual address, or a place in the file; NULL: none. */
const struct code *elf_object_code(const struct elf_object *object, uint64_t address);
const struct code *elf_object_code_at(const struct elf_object *object, uint64_t file_offset);

/* The allocation function whose entry is at a virtual address, or NULL. */
const struct elf_function *elf_object_function(const struct elf_object *object, uint64_t address);

/* Kinds by number, 0 being the unknown one; NULL where there is no such number. */
const char *elf_kind_name(size_t number);
uint32_t elf_kind_number(const char *kind);

#endif
