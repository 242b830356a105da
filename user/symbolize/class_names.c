/* SPDX-License-Identifier: BSD-2-Clause */
#include "class_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../elf/elf_file.h"
#include "../lib/array.h"
#include "../lib/sorted.h"
#include "symbol_name.h"

enum {
	READ_MAX = 4096,
	TABLES_MAX = 1 << 20,
	/* Offset to top and type information: an object points behind them. */
	TABLE_HEAD_BYTES = 16,
};

/* --- in the confined process --- */

struct span {
	uint64_t offset;
	uint64_t size;
};

static int read_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	char bytes[READ_MAX];
	struct span span;

	if (length != sizeof(span))
		return -EPROTO;
	memcpy(&span, input, sizeof(span));
	if (span.size > READ_MAX)
		return -EPROTO;
	ssize_t got = pread(fd, bytes, span.size, (off_t)span.offset);
	if (got != (ssize_t)span.size)
		return got < 0 ? -errno : -ENODATA;
	return confined_answer_copy(answer, bytes, span.size);
}

/* Through a symbol of the type's, so that templates and builtin types are read as types. */
static void demangle(const char *mangled, char name[CLASS_NAME_MAX])
{
	static const char prefix[] = "typeinfo name for ";
	char symbol[MANGLED_NAME_MAX], text[CLASS_NAME_MAX + sizeof(prefix) - 1];

	snprintf(symbol, sizeof(symbol), "_ZTS%s", mangled);
	symbol_name_readable(symbol, text, sizeof(text));
	bool is_read = !strncmp(text, prefix, strlen(prefix));
	snprintf(name, CLASS_NAME_MAX, "%.*s", CLASS_NAME_MAX - 1,
		 is_read ? text + strlen(prefix) : mangled);
}

static int demangle_confined(int fd, const void *input, size_t length,
			     struct confined_answer *answer)
{
	char name[CLASS_NAME_MAX];
	char *mangled = strndup(input, length);

	(void)fd;
	if (!mangled)
		return -ENOMEM;
	demangle(mangled, name);
	free(mangled);
	return confined_answer_copy(answer, name, strlen(name) + 1);
}

/* A virtual table, by where it lies in the file. */
struct table {
	uint64_t start;
	uint64_t end;
	char *name; /* mangled */
};

/* Of the file that was asked about last. */
static struct {
	struct stat status;
	struct table *items;
	size_t count;
} tables;

static void forget_tables(void)
{
	for (size_t i = 0; i < tables.count; i++)
		free(tables.items[i].name);
	free(tables.items);
	memset(&tables, 0, sizeof(tables));
}

static int add_table(void *file, const GElf_Sym *symbol, const char *name)
{
	struct elf_segment segment;
	struct table table;

	if (strncmp(name, "_ZTV", 4) || symbol->st_size <= TABLE_HEAD_BYTES ||
	    tables.count >= TABLES_MAX || !elf_file_segment_at(file, symbol->st_value, &segment))
		return 0;
	table.start = segment.offset + (symbol->st_value - segment.address);
	table.end = table.start + symbol->st_size;
	table.name = strdup(name + 4);
	if (table.name && array_append(&tables.items, &tables.count, table))
		return 0;
	free(table.name);
	return -ENOMEM;
}

static int compare_tables(const void *left, const void *right)
{
	const struct table *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int read_tables(int fd)
{
	struct elf_file file;
	int error = elf_file_open(&file, fd) ?: elf_file_symbols(&file, add_table, &file);

	elf_file_close(&file);
	if (tables.count)
		qsort(tables.items, tables.count, sizeof(*tables.items), compare_tables);
	return error;
}

static int load_tables(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (elf_file_is_same(&tables.status, &status))
		return 0;
	forget_tables();
	int error = read_tables(fd);
	if (error)
		forget_tables();
	else
		tables.status = status;
	return error;
}

static const struct table *find_table(uint64_t offset)
{
	size_t low = sorted_count(tables.items, tables.count, start, offset);

	const struct table *table = low ? &tables.items[low - 1] : NULL;
	return table && offset >= table->start + TABLE_HEAD_BYTES && offset < table->end ? table
											 : NULL;
}

static int table_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	char name[CLASS_NAME_MAX];
	uint64_t offset;

	if (length != sizeof(offset))
		return -EPROTO;
	memcpy(&offset, input, sizeof(offset));
	int error = load_tables(fd);
	const struct table *table = error ? NULL : find_table(offset);
	if (!table)
		return error ? error : -ENOENT;
	demangle(table->name, name);
	return confined_answer_copy(answer, name, strlen(name) + 1);
}

/* --- on this side --- */

static int ask_name(struct confined *confined, const struct confined_call *call,
		    char name[CLASS_NAME_MAX])
{
	struct confined_answer answer;
	int error = confined_call(confined, call, &answer);

	if (error)
		return error;
	if (answer.length && answer.length <= CLASS_NAME_MAX &&
	    !((const char *)answer.data)[answer.length - 1])
		memcpy(name, answer.data, answer.length);
	else
		error = -EPROTO;
	return confined_settle(confined, call->need, &answer, error);
}

int class_file_read(struct confined *confined, int fd, uint64_t offset, void *buffer, size_t size)
{
	const struct span span = {offset, size};
	const struct confined_call call = {CONFINED_DATA, read_confined, fd, &span, sizeof(span)};

	return confined_call_for(confined, &call, buffer, size);
}

int class_name_demangle(struct confined *confined, int fd, const char *mangled,
			char name[CLASS_NAME_MAX])
{
	const struct confined_call call = {CONFINED_DATA, demangle_confined, fd, mangled,
					   strlen(mangled)};

	return ask_name(confined, &call, name);
}

int class_name_of_table(struct confined *confined, int fd, uint64_t offset,
			char name[CLASS_NAME_MAX])
{
	const struct confined_call call = {CONFINED_DATA, table_confined, fd, &offset,
					   sizeof(offset)};

	return ask_name(confined, &call, name);
}
