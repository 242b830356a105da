/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that say themselves what stands at their addresses, compiled into a temporary directory
 * that nobody else can write but everybody can read (the symbolizer's helper has another user).
 */
#ifndef SYMBOL_FIXTURE_H
#define SYMBOL_FIXTURE_H

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbolize/symbolizer.h"

#define FIXTURE_SOURCES "tests/programs/symbols"
#define TRUTHS_MAX      16

struct truth {
	uint64_t offset;
	char text[256]; /* "name:line name:line", innermost first */
};

struct truths {
	struct truth items[TRUTHS_MAX];
	size_t count;
};

static char fixture_directory[64];

/* Runs a shell command in the directory; `$S` is where the sources are. */
static inline int fixture_try(const char *format, ...)
{
	char command[2048], whole[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(whole, sizeof(whole), "S=$PWD/" FIXTURE_SOURCES "; cd %s && { %s; } >/dev/null",
		 fixture_directory, command);
	return system(whole);
}

static inline void fixture_make_directory(void)
{
	strcpy(fixture_directory, "/tmp/unfreed-symbols-XXXXXX");
	if (!mkdtemp(fixture_directory) || chmod(fixture_directory, 0755) < 0)
		abort();
}

static inline void fixture_remove_directory(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", fixture_directory);
	if (system(command) != 0)
		abort();
}

/* For cmocka. */
static inline int fixture_setup(void **state)
{
	(void)state;
	fixture_make_directory();
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	fixture_remove_directory();
	return 0;
}

static inline const char *fixture_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fixture_directory, name);
	return path;
}

static inline int fixture_open(const char *name)
{
	int fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Where a virtual address stands in a 64-bit ELF file. */
static inline uint64_t fixture_offset_of(const char *path, uint64_t vaddr)
{
	FILE *file = fopen(path, "re");
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint64_t offset = 0;

	assert_non_null(file);
	assert_int_equal(fread(&header, sizeof(header), 1, file), 1);
	assert_int_equal(fseek(file, (long)header.e_phoff, SEEK_SET), 0);
	for (int i = 0; i < header.e_phnum; i++) {
		assert_int_equal(fread(&segment, sizeof(segment), 1, file), 1);
		if (segment.p_type == PT_LOAD && vaddr >= segment.p_vaddr &&
		    vaddr - segment.p_vaddr < segment.p_filesz)
			offset = vaddr - segment.p_vaddr + segment.p_offset;
	}
	fclose(file);
	return offset;
}

static inline void truths_read(struct truths *truths, const char *program)
{
	FILE *output = popen(fixture_path(program), "r");
	char line[512];

	assert_non_null(output);
	truths->count = 0;
	while (truths->count < TRUTHS_MAX && fgets(line, sizeof(line), output)) {
		struct truth *truth = &truths->items[truths->count++];
		char *rest;

		truth->offset = strtoull(line, &rest, 16);
		snprintf(truth->text, sizeof(truth->text), "%.*s", (int)strcspn(rest + 1, "\n"),
			 rest + 1);
	}
	assert_int_equal(pclose(output), 0);
	assert_true(truths->count > 0);
}

/* Writes a list as "name:line name:line". */
static inline void list_print(const struct symbol_list *list, char *text, size_t size)
{
	size_t length = 0;

	*text = '\0';
	for (size_t i = 0; i < list->count && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%s:%u", i ? " " : "",
					   list->symbols[i].name ? list->symbols[i].name : "?",
					   list->symbols[i].line);
}

static inline void assert_truth(const struct truth *truth, const struct symbol_list *list)
{
	char text[512];

	list_print(list, text, sizeof(text));
	assert_string_equal(text, truth->text);
	for (size_t i = 0; i < list->count; i++)
		assert_int_equal(list->symbols[i].inlined, i + 1 < list->count);
}

/* As where there is no DWARF: only the outermost name, no line. */
static inline void assert_truth_name(const struct truth *truth, const struct symbol_list *list)
{
	const char *last = truth->text;
	char text[512], name[512];

	for (const char *at = truth->text; *at; at++)
		if (*at >= '0' && *at <= '9' && at[1] == ' ')
			last = at + 2;
	snprintf(name, sizeof(name), "%s", last);
	strcpy(strrchr(name, ':'), ":0");
	list_print(list, text, sizeof(text));
	assert_string_equal(text, name);
}

#endif
