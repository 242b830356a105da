/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that holds an interpreter, executable or library, as one process has it mapped.
 * Addresses are those of the process.
 */
#ifndef UNFREED_PYTHON_IMAGE_H
#define UNFREED_PYTHON_IMAGE_H

#include "../target/mappings.h"

enum { IMAGE_SEGMENTS_MAX = 16 };

struct image_segment {
	uint64_t address;
	uint64_t file_offset;
	uint64_t file_bytes;
	bool executable;
	bool writable;
};

/* A name to be looked up: in the dynamic symbol table, else in the other one. */
struct image_symbol {
	const char *name;
	uint64_t address; /* 0: not there */
	uint64_t size;    /* bytes; 0: unknown */
};

struct python_image {
	int fd; /* open for the life of this struct; -1: none */
	char *path;
	uint64_t device; /* with the inode: the identity of the file */
	uint64_t inode;
	struct image_segment segments[IMAGE_SEGMENTS_MAX];
	size_t segment_count;
	uint64_t runtime_section; /* .PyRuntime, from 3.11 on; 0: none */
};

/*
 * Opens the file behind a mapping and looks up symbols that it defines. Returns 0 or a negative
 * errno: -ENOEXEC where it is no ELF file or a damaged one, -ENOTSUP where it is not for 64-bit
 * x86. On failure `image` needs no release.
 */
int image_open(const struct procfs *procfs, pid_t pid, const struct mapping *mapping,
	       struct python_image *image, struct image_symbol *symbols, size_t symbol_count);
void image_release(struct python_image *image);

/*
 * Reads from the file what a process sees at an address before it writes there, so without other
 * people's breakpoints. Returns how many bytes there are, at most `size`, or a negative errno.
 */
ssize_t image_read(const struct python_image *image, uint64_t address, void *buffer, size_t size);

/* Offset in the file; UINT64_MAX where the address is not backed by it. */
uint64_t image_file_offset(const struct python_image *image, uint64_t address);

bool image_is_code(const struct python_image *image, uint64_t address);

#endif
