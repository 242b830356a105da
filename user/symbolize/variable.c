/* SPDX-License-Identifier: BSD-2-Clause */
#include "variable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../arch/memory.h"
#include "../elf/elf_file.h"
#include "symbol_name.h"

#define PAGE_BYTES ((uint64_t)MACHINE_PAGE_BYTES)

/* What the confined process answers: addresses as the file counts. */
struct found {
	uint64_t address;
	uint64_t bytes;
	uint64_t count;       /* of distinct addresses; the first one is given */
	uint64_t code_offset; /* where the first executable segment begins in the file ... */
	uint64_t code;        /* ... and in memory */
};

static bool is_name(const char *symbol, const char *wanted)
{
	char readable[VARIABLE_NAME_MAX];
	size_t length = strlen(wanted);

	/* compilers number the static variables of functions */
	if (!strncmp(symbol, wanted, length) && symbol[length] == '.' &&
	    !symbol[length + 1 + strspn(symbol + length + 1, "0123456789")])
		return true;
	return !strcmp(symbol, wanted) ||
	       !strcmp(symbol_name_readable(symbol, readable, sizeof(readable)), wanted);
}

struct sought {
	const char *name;
	struct found *found;
};

static int note_symbol(void *context, const GElf_Sym *symbol, const char *name)
{
	const struct sought *sought = context;
	struct found *found = sought->found;

	if (GELF_ST_TYPE(symbol->st_info) != STT_OBJECT || !symbol->st_value ||
	    !is_name(name, sought->name) || (found->count && symbol->st_value == found->address))
		return 0;
	if (!found->count++) {
		found->address = symbol->st_value;
		found->bytes = symbol->st_size;
	}
	return 0;
}

static int search(int fd, const char *wanted, struct found *found)
{
	struct sought sought = {wanted, found};
	struct elf_segment code;
	struct elf_file file;
	int error = elf_file_open(&file, fd);

	if (!error && !elf_file_segments(&file, PF_X, &code, 1))
		error = -ENOEXEC;
	if (!error) {
		found->code_offset = code.offset;
		found->code = code.address;
		error = elf_file_symbols(&file, note_symbol, &sought);
	}
	elf_file_close(&file);
	return error;
}

static int search_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct found found = {0};
	char *wanted = strndup(input, length);
	int error = wanted ? search(fd, wanted, &found) : -ENOMEM;

	free(wanted);
	return error ?: confined_answer_copy(answer, &found, sizeof(found));
}

/* Returns 0 with found->count, or a negative errno. */
static int search_file(const struct procfs *procfs, struct confined *confined, pid_t pid,
		       const struct mapping *mapping, const char *name, struct found *found)
{
	struct confined_call call = {
		.need = CONFINED_DATA,
		.function = search_confined,
		.fd = mapping_open(procfs, pid, mapping),
		.input = name,
		.length = strlen(name),
	};

	if (call.fd < 0)
		return call.fd;
	int error = confined_call_for(confined, &call, found, sizeof(*found));

	close(call.fd);
	return error;
}

static uint64_t page_of(uint64_t address)
{
	return address & ~(PAGE_BYTES - 1);
}

/* A file's addresses are moved by as much as its code is. */
static int place(const struct mapping *code, const struct found *found, struct variable *variable)
{
	if (found->count > 1)
		return -ENOTUNIQ;
	if (page_of(found->code_offset) != code->file_offset)
		return -ENOEXEC;
	variable->address = code->start - page_of(found->code) + found->address;
	variable->bytes = found->bytes;
	return 0;
}

int variable_find(const struct procfs *procfs, struct confined *confined, pid_t pid,
		  const struct mappings *mappings, const char *name, struct variable *variable)
{
	size_t count;
	const struct mapping **files = mappings_code_files(mappings, &count);
	int result = -ENOENT;

	if (!files || !*name || strlen(name) >= VARIABLE_NAME_MAX) {
		free(files);
		return !files ? -ENOMEM : *name ? -ENAMETOOLONG : -ENOENT;
	}
	for (size_t i = 0; i < count; i++) {
		struct found found = {0};
		int error = search_file(procfs, confined, pid, files[i], name, &found);

		if (!error && found.count) {
			result = place(files[i], &found, variable);
			break;
		}
		if (error && error != -ENOEXEC && result == -ENOENT)
			result = error;
	}
	free(files);
	return result;
}
