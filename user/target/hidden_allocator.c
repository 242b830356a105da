// SPDX-License-Identifier: BSD-2-Clause
#include "hidden_allocator.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const char *find_in_section(int fd, char *piece, const GElf_Shdr *header, uint64_t *left)
{
	const char *kind = NULL;
	uint64_t done = 0;

	while (!kind && done < header->sh_size && *left) {
		uint64_t size = header->sh_size - done;

		if (size > PIECE_BYTES)
			size = PIECE_BYTES;
		ssize_t got = pread(fd, piece, size, (off_t)(header->sh_offset + done));
		if (got <= 0)
			return NULL;
		kind = hidden_allocator_in(piece, (size_t)got);
		*left -= *left < (uint64_t)got ? *left : (uint64_t)got;
		done += (uint64_t)got > OVERLAP ? (uint64_t)got - OVERLAP : (uint64_t)got;
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
static bool is_cpython(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((section = elf_nextscn(elf, section))) {
		const char *name = gelf_getshdr(section, &header)
					   ? elf_strptr(elf, names, header.sh_name)
					   : NULL;

		if (name && !strcmp(name, ".PyRuntime"))
			return true;
	}
	return false;
}

const char *hidden_allocator_find(Elf *elf, int fd)
{
	char *piece = is_cpython(elf) ? NULL : malloc(PIECE_BYTES);
	uint64_t left = SEARCHED_MAX;
	const char *kind = NULL;
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while (piece && !kind && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && is_constant(&header))
			kind = find_in_section(fd, piece, &header, &left);
	free(piece);
	return kind;
}
