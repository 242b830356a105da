/* SPDX-License-Identifier: BSD-2-Clause */
#include "variable_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../elf/elf_file.h"
#include "../lib/array.h"
#include "symbol_name.h"

#define PAGE_MASK (~UINT64_C(4095))

enum { VARIABLES_MAX = 1 << 21, STEPS_BACK = 16 };

/* --- in the confined process --- */

struct known {
	uint64_t start;
	uint64_t end;
	bool is_thread_local;
	bool is_global;
	char *name;
};

/* Of the file that was asked about last. */
static struct {
	struct stat status;
	struct known *items; /* thread-local ones last, each sort by address */
	size_t count;
	uint64_t code_offset; /* where the first executable segment begins in the file ... */
	uint64_t code;        /* ... and in memory */
	uint64_t end;         /* of what the file has in memory */
	struct thread_local_block block;
} file;

static void forget(void)
{
	for (size_t i = 0; i < file.count; i++)
		free(file.items[i].name);
	free(file.items);
	memset(&file, 0, sizeof(file));
}

static void read_block(const GElf_Phdr *header)
{
	uint64_t align = header->p_align ?: 1, bytes = header->p_memsz;

	if (align & (align - 1) || align > 4096 || bytes > 1 << 24)
		return;
	file.block.end = bytes;
	file.block.bytes = (bytes + align - 1) & ~(align - 1);
}

static int read_headers(const struct elf_file *elf)
{
	struct elf_segment code;
	GElf_Phdr header;
	size_t count;

	if (!elf_file_segments(elf, PF_X, &code, 1) || elf_getphdrnum(elf->elf, &count))
		return -ENOEXEC;
	file.code_offset = code.offset;
	file.code = code.address;
	for (size_t i = 0; i < count && gelf_getphdr(elf->elf, (int)i, &header); i++) {
		if (header.p_type == PT_TLS)
			read_block(&header);
		if (header.p_type == PT_LOAD && header.p_vaddr + header.p_memsz > file.end)
			file.end = header.p_vaddr + header.p_memsz;
	}
	return 0;
}

static int add_symbol(void *context, const GElf_Sym *symbol, const char *name)
{
	int type = GELF_ST_TYPE(symbol->st_info);
	struct known known = {symbol->st_value, symbol->st_value + symbol->st_size, type == STT_TLS,
			      GELF_ST_BIND(symbol->st_info) != STB_LOCAL, NULL};

	(void)context;
	if ((type != STT_OBJECT && type != STT_TLS) || known.end <= known.start ||
	    file.count >= VARIABLES_MAX)
		return 0;
	known.name = strdup(name);
	if (known.name && array_append(&file.items, &file.count, known))
		return 0;
	free(known.name);
	return -ENOMEM;
}

/* Of several at one address the global one last, which is found first. */
static int compare(const void *left, const void *right)
{
	const struct known *a = left, *b = right;

	if (a->is_thread_local != b->is_thread_local)
		return a->is_thread_local ? 1 : -1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->is_global > b->is_global) - (a->is_global < b->is_global);
}

static int read_file(int fd)
{
	struct elf_file elf;
	int error = elf_file_open(&elf, fd) ?: read_headers(&elf);

	if (!error)
		error = elf_file_symbols(&elf, add_symbol, NULL);
	elf_file_close(&elf);
	if (file.count)
		qsort(file.items, file.count, sizeof(*file.items), compare);
	return error;
}

static int load(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (elf_file_is_same(&file.status, &status))
		return 0;
	forget();
	int error = read_file(fd);
	if (error)
		forget();
	else
		file.status = status;
	return error;
}

static bool is_behind(const struct known *known, const struct known *sought)
{
	return known->is_thread_local != sought->is_thread_local ? known->is_thread_local
								 : known->start > sought->start;
}

static const struct known *find(uint64_t address, bool is_thread_local)
{
	const struct known sought = {.start = address, .is_thread_local = is_thread_local};
	size_t low = 0, high = file.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_behind(&file.items[middle], &sought))
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; i < STEPS_BACK && low > i; i++) {
		const struct known *known = &file.items[low - 1 - i];

		if (known->is_thread_local == is_thread_local && address >= known->start &&
		    address < known->end)
			return known;
	}
	return NULL;
}

static int name_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct variable_cover cover = {0};
	struct variable_place place;

	if (length != sizeof(place))
		return -EPROTO;
	memcpy(&place, input, sizeof(place));
	int error = load(fd);
	if (error)
		return error;
	if (!place.is_thread_local && (file.code_offset & PAGE_MASK) != place.code_file_offset)
		return -ENOEXEC;
	uint64_t moved = place.is_thread_local ? 0 : place.code_start - (file.code & PAGE_MASK);
	if (!place.is_thread_local &&
	    place.address - moved >= ((file.end + ~PAGE_MASK) & PAGE_MASK))
		return -ERANGE;
	const struct known *known = find(place.address - moved, place.is_thread_local);
	if (!known)
		return -ENOENT;
	cover.start = known->start + moved;
	cover.end = known->end + moved;
	symbol_name_readable(known->name, cover.name, sizeof(cover.name));
	return confined_answer_copy(answer, &cover, sizeof(cover));
}

static int block_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	int error = load(fd);

	(void)input;
	(void)length;
	return error ?: confined_answer_copy(answer, &file.block, sizeof(file.block));
}

/* --- on this side --- */

int variable_name_at(struct confined *confined, int fd, const struct variable_place *place,
		     struct variable_cover *cover)
{
	const struct confined_call call = {CONFINED_DATA, name_confined, fd, place, sizeof(*place)};
	int error = confined_call_for(confined, &call, cover, sizeof(*cover));

	if (error)
		return error;
	if (!memchr(cover->name, '\0', sizeof(cover->name)) || cover->start > place->address ||
	    cover->end <= place->address)
		return confined_reject(confined, call.need);
	return 0;
}

int thread_local_block_read(struct confined *confined, int fd, struct thread_local_block *block)
{
	const struct confined_call call = {CONFINED_DATA, block_confined, fd, "", 0};

	return confined_call_for(confined, &call, block, sizeof(*block));
}
