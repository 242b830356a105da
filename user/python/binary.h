/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that holds an interpreter, executable or library, as one process has it mapped.
 * Addresses are those of the process, except in struct binary_parts.
 *
 * A file is hostile. What ends in _read reads it in this process, which is for tests and for the
 * confined process; what ends in _request has that process do so, and checks the answer.
 */
#ifndef UNFREED_PYTHON_BINARY_H
#define UNFREED_PYTHON_BINARY_H

#include "../confine/confined.h"
#include "../elf/elf_file.h"
#include "../process/mappings.h"

enum {
	BINARY_SEGMENTS_MAX = 16,
	BINARY_BYTES_MAX = 4096,
};

/* Functions and variables of an interpreter that are looked into. */
enum python_symbol {
	SYMBOL_RUNTIME,
	SYMBOL_VERSION,
	SYMBOL_CODE_TYPE,
	SYMBOL_STR_TYPE,
	SYMBOL_BYTES_TYPE,
	SYMBOL_FRAME_TYPE,
	SYMBOL_RAW_MALLOC,
	SYMBOL_MEM_MALLOC,
	SYMBOL_OBJECT_MALLOC,
	SYMBOL_OBJECT_CALLOC,
	SYMBOL_OBJECT_REALLOC,
	SYMBOL_OBJECT_FREE,
	SYMBOL_ALLOCATED_BLOCKS,
	SYMBOL_GET_ARENA_ALLOCATOR,
	SYMBOL_THIS_THREAD_STATE,
	SYMBOL_EVAL_LOOP,
	SYMBOL_COUNT,
};

/* In the dynamic symbol table, else in the other one. */
struct binary_symbol {
	uint64_t address; /* 0: the file does not define it */
	uint64_t size;    /* bytes; 0: unknown */
};

/* What an ELF file says of itself, in its own addresses. */
struct binary_parts {
	struct elf_segment segments[BINARY_SEGMENTS_MAX];
	uint64_t segment_count;
	uint64_t runtime_section; /* .PyRuntime, from 3.11 on; 0: none */
	struct binary_symbol symbols[SYMBOL_COUNT];
};

struct python_binary {
	struct confined *confined; /* where the file is read */
	int fd;                    /* open for the life of this struct; -1: none */
	char *path;
	uint64_t device; /* with the inode: the identity of the file, as in mappings */
	uint64_t inode;
	uint64_t bias; /* of the process's addresses over the file's */
	struct elf_segment segments[BINARY_SEGMENTS_MAX];
	size_t segment_count;
	uint64_t runtime_section;
};

/*
 * Return 0 or a negative errno: -ENOEXEC where it is no ELF file or a damaged one, -ENOTSUP where
 * it is not for 64-bit x86; what is asked for also as confined_call. The answer about an
 * interpreter is that of a process that has read no other file.
 */
int binary_parts_read(int fd, struct binary_parts *parts);
int binary_parts_request(struct confined *confined, int fd, struct binary_parts *parts);

/* Takes an answer. Returns 0 or -EPROTO; then *parts is untouched. */
int binary_parts_decode(const struct confined_answer *answer, struct binary_parts *parts);

/*
 * Opens the file behind a mapping and fills `symbols`. Returns 0 or a negative errno, as
 * mapping_open and binary_parts_request. On failure `binary` needs no release. The confined process
 * must outlive it.
 */
int binary_open(const struct procfs *procfs, struct confined *confined, pid_t pid,
		const struct mapping *mapping, struct python_binary *binary,
		struct binary_symbol symbols[SYMBOL_COUNT]);
void binary_release(struct python_binary *binary);

/*
 * The bytes that a process sees at an address before it writes there, so without other people's
 * breakpoints. Returns how many there are, at most `size`, or a negative errno; of more than
 * BINARY_BYTES_MAX a request returns so many.
 */
ssize_t binary_bytes_read(const struct python_binary *binary, uint64_t address, void *buffer,
			  size_t size);
ssize_t binary_bytes_request(const struct python_binary *binary, uint64_t address, void *buffer,
			     size_t size);

/* Offset in the file; UINT64_MAX where the address is not backed by it. */
uint64_t binary_file_offset(const struct python_binary *binary, uint64_t address);

bool binary_is_code(const struct python_binary *binary, uint64_t address);

/* Whether a process sees there what the file has, and nobody wrote to it. */
bool binary_is_constant(const struct python_binary *binary, uint64_t address);

#endif
