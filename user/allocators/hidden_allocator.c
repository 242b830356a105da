/* SPDX-License-Identifier: BSD-2-Clause */
#include "hidden_allocator.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEARCHED_MAX (UINT64_C(64) << 20) /* bytes of a file */
#define PIECE_BYTES  (UINT64_C(1) << 20)
#define OVERLAP      32 /* bytes; no mark is longer */

/* How their messages begin. All have COMMON in them, which is what is searched for. */
#define COMMON "malloc"

static const struct {
	const char *text;
	const char *kind;
} marks[] = {
	{"<jemalloc>: ", "jemalloc"},
	{"mimalloc: ", "mimalloc"},
	{"tcmalloc: ", "tcmalloc"},
};

static const char *kind_at(const char *bytes, size_t size, size_t common)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t length = strlen(marks[i].text);
		size_t before = (size_t)(strstr(marks[i].text, COMMON) - marks[i].text);

		if (common >= before && size - (common - before) >= length &&
		    !memcmp(bytes + common - before, marks[i].text, length))
			return marks[i].kind;
	}
	return NULL;
}

const char *hidden_allocator_in(const char *bytes, size_t size)
{
	const char *kind = NULL, *at = bytes;

	while (!kind && (at = memmem(at, size - (size_t)(at - bytes), COMMON, strlen(COMMON))))
		kind = kind_at(bytes, size, (size_t)(at++ - bytes));
	return kind;
}

static const char *find_in_section(const struct elf_file *file, char *piece,
				   const GElf_Shdr *header, uint64_t *left)
{
	const char *kind = NULL;
	uint64_t done = 0;

	while (!kind && done < header->sh_size && *left) {
		uint64_t size = header->sh_size - done;

		if (size > PIECE_BYTES)
			size = PIECE_BYTES;
		if (elf_file_read(file, header->sh_offset + done, piece, size))
			return NULL;
		kind = hidden_allocator_in(piece, size);
		*left -= *left < size ? *left : size;
		done += size > OVERLAP ? size - OVERLAP : size;
	}
	return kind;
}

static int is_constant(const GElf_Shdr *header)
{
	return header->sh_type == SHT_PROGBITS && header->sh_flags & SHF_ALLOC &&
	       !(header->sh_flags & (SHF_WRITE | SHF_EXECINSTR));
}

/* From 3.13 on CPython has mimalloc in it, which it does not use unless it is asked to, or is built
 * without its lock: then its objects are what goes unseen, and that is said of those. */
static bool is_cpython(const struct elf_file *file)
{
	GElf_Shdr header;

	return elf_file_section(file, ".PyRuntime", &header);
}

const char *hidden_allocator_find(const struct elf_file *file)
{
	char *piece = is_cpython(file) ? NULL : malloc(PIECE_BYTES);
	uint64_t left = SEARCHED_MAX;
	const char *kind = NULL;
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while (piece && !kind && (section = elf_nextscn(file->elf, section)))
		if (gelf_getshdr(section, &header) && is_constant(&header))
			kind = find_in_section(file, piece, &header, &left);
	free(piece);
	return kind;
}
