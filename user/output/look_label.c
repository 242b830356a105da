/* SPDX-License-Identifier: BSD-2-Clause */
#include "look_label.h"

#include <inttypes.h>
#include <string.h>

#include "../lib/escape.h"

enum { TYPE_WIDTH = 18, NAME_LEAST = 12, PATH_WIDTH = 32 };

const char *look_part_label(enum look_part_id part)
{
	static const char *const labels[] = {
		[PART_PYTHON_LIVE] = "Python live",
		[PART_PYTHON_FREE] = "Python free",
		[PART_MALLOC_LIVE] = "malloc live",
		[PART_MALLOC_FREE_RETURNABLE] = "malloc returnable",
		[PART_MALLOC_FREE_PINNED] = "malloc pinned",
		[PART_MALLOC_CACHE] = "malloc caches",
		[PART_STACKS] = "stacks",
		[PART_ANONYMOUS] = "anonymous",
		[PART_FILES] = "files",
		[PART_SHARED] = "shared",
		[PART_OTHER] = "other",
	};

	return labels[part];
}

void look_print_process(struct columns *columns, const struct look *look)
{
	escape_print(columns->file, look->comm ? look->comm : "?");
	fprintf(columns->file, " %d", (int)look->pid);
	if (look->core) {
		fputs(" in ", columns->file);
		columns_print_name(columns, look->core->path, PATH_WIDTH);
	}
	if (!look->python_version)
		return;
	fputs(", Python ", columns->file);
	columns_print_name(columns, look->python_version, TYPE_WIDTH);
}

void look_print_size(FILE *file, uint64_t bytes, uint64_t limit_bytes)
{
	uint64_t larger = bytes > limit_bytes ? bytes : limit_bytes;
	bool giga = larger >= 1000000000;
	double unit = giga ? 1e9 : 1e6;
	int digits = giga ? 2 : 1;

	fprintf(file, "%.*f ", digits, (double)bytes / unit);
	if (limit_bytes)
		fprintf(file, "of %.*f ", digits, (double)limit_bytes / unit);
	fputs(giga ? "GB" : "MB", file);
}

static void print_place(struct columns *columns, const char *name, uint64_t address, size_t room)
{
	if (name) {
		columns_print_name(columns, name, room > NAME_LEAST ? room : NAME_LEAST);
		return;
	}
	if (address)
		fprintf(columns->file, "at 0x%" PRIx64 ", ", address);
	fputs("by no known way", columns->file);
}

/* A type without its module, which its container's name mostly tells. */
static const char *short_type(const char *type)
{
	const char *dot = strrchr(type, '.');

	return dot && dot[1] && !strpbrk(type, "<>:()") ? dot + 1 : type;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The columns that the type of the entries takes: none where the name needs the room. */
static size_t room_for_type(const char *name, const char *of, size_t left)
{
	if (!of)
		return 0;
	size_t wanted = strlen(" of ") + smaller(strlen(short_type(of)), TYPE_WIDTH);

	return strlen(name ? name : "") + wanted <= left ? wanted : 0;
}

size_t look_container_width(const char *type, const char *name)
{
	size_t width = type ? columns_count(short_type(type)) : 0;

	return (width < TYPE_WIDTH ? width : TYPE_WIDTH) + 1 + (name ? columns_count(name) : 0);
}

void look_print_container(struct columns *columns, const char *type, const char *name,
			  uint64_t address, const char *of, const char *end)
{
	size_t taken = strlen(end);

	if (type) {
		columns_print_name(columns, short_type(type), TYPE_WIDTH);
		putc(' ', columns->file);
	}
	size_t left = columns_left(columns);
	size_t room = room_for_type(name, of, left > taken ? left - taken : 0);

	taken += room;
	print_place(columns, name, address, left > taken ? left - taken : 0);
	if (room) {
		fputs(" of ", columns->file);
		columns_print_name(columns, short_type(of), TYPE_WIDTH);
	}
	fputs(end, columns->file);
}
