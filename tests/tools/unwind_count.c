/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts what the unwind tables of ELF files hold and what they cannot express:
 *   unwind_count [-v] FILE…
 * With -v a line a file; always the sums. Files that are not x86-64 ELF are passed over. The time
 * is that from an open file to a table which the kernel could walk by, made as for a target: by the
 * confined process, and into memory laid out as the maps are.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unwind/tables.h"

enum { CHUNKS = 256, MAPPINGS = 64 };

struct counts {
	size_t files, rows, rules, words;
	size_t rows_by_cause[UNWIND_UNSUPPORTED_COUNT];
	size_t rows_by_cfa[UNWIND_UNSUPPORTED + 1];
	double seconds;
};

static const char *const cause_names[UNWIND_UNSUPPORTED_COUNT] = {
	[UNWIND_BAD_CFI] = "bad",
	[UNWIND_CFA_REGISTER] = "cfa-register",
	[UNWIND_CFA_EXPRESSION] = "cfa-expression",
	[UNWIND_RA_RULE] = "ra-rule",
	[UNWIND_SAVED_RULE] = "saved-rule",
	[UNWIND_OFFSET_RANGE] = "offset-range",
	[UNWIND_RULES_FULL] = "rules-full",
};

static const char *const cfa_names[UNWIND_UNSUPPORTED + 1] = {
	[UNWIND_NO_RULE] = "none",     [UNWIND_CFA_SP] = "rsp",
	[UNWIND_CFA_FP] = "rbp",       [UNWIND_CFA_EXTRA] = "rbx",
	[UNWIND_CFA_AT_SP] = "at-rsp", [UNWIND_CFA_AT_FP] = "at-rbp",
	[UNWIND_CFA_PLT] = "plt",      [UNWIND_SIGNAL] = "signal",
	[UNWIND_END] = "end",          [UNWIND_UNSUPPORTED] = "unsupported",
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void counts_print(const char *name, const struct counts *counts)
{
	printf("%s: %zu rows, %zu rules, %.2f bytes/row, %.1f ms;", name, counts->rows,
	       counts->rules, counts->rows ? 4.0 * counts->words / counts->rows : 0.0,
	       counts->seconds * 1e3);
	for (int cfa = 0; cfa <= UNWIND_UNSUPPORTED; cfa++)
		if (counts->rows_by_cfa[cfa])
			printf(" %s %zu", cfa_names[cfa], counts->rows_by_cfa[cfa]);
	if (counts->rows_by_cfa[UNWIND_UNSUPPORTED])
		printf(" (%.4f %%:",
		       100.0 * counts->rows_by_cfa[UNWIND_UNSUPPORTED] / counts->rows);
	for (int cause = 1; cause < UNWIND_UNSUPPORTED_COUNT; cause++)
		if (counts->rows_by_cause[cause])
			printf(" %s %zu", cause_names[cause], counts->rows_by_cause[cause]);
	puts(counts->rows_by_cfa[UNWIND_UNSUPPORTED] ? ")" : "");
}

static void table_count(const struct cfi_table *table, struct counts *counts)
{
	counts->rows += table->row_count;
	counts->rules += table->rule_count;
	for (size_t i = 0; i < table->row_count; i++) {
		const struct unwind_rule *rule = &table->rules[table->rows[i].rule];

		counts->rows_by_cfa[rule->cfa]++;
		if (rule->cfa == UNWIND_UNSUPPORTED)
			counts->rows_by_cause[rule->addend]++;
	}
}

static void counts_add(struct counts *sum, const struct counts *counts)
{
	sum->files++;
	sum->rows += counts->rows;
	sum->rules += counts->rules;
	sum->words += counts->words;
	sum->seconds += counts->seconds;
	for (int cfa = 0; cfa <= UNWIND_UNSUPPORTED; cfa++)
		sum->rows_by_cfa[cfa] += counts->rows_by_cfa[cfa];
	for (int cause = 0; cause < UNWIND_UNSUPPORTED_COUNT; cause++)
		sum->rows_by_cause[cause] += counts->rows_by_cause[cause];
}

static struct unwind_memory memory_new(void)
{
	return (struct unwind_memory){
		.chunks = calloc(CHUNKS, sizeof(struct unwind_chunk)),
		.chunk_count = CHUNKS,
		.rules = calloc(UNWIND_RULES_MAX, sizeof(struct unwind_rule)),
		.rule_count = UNWIND_RULES_MAX,
		.mappings = calloc(MAPPINGS, sizeof(struct unwind_mapping)),
		.mapping_count = MAPPINGS,
		.spaces = calloc(UNWIND_SPACES, sizeof(uint64_t)),
	};
}

static void memory_free(struct unwind_memory *memory)
{
	free(memory->chunks);
	free(memory->rules);
	free(memory->mappings);
	free(memory->spaces);
}

/* The first and only file of its tables. */
static bool tables_fill(struct confined *confined, int fd, struct unwind_tables *tables)
{
	struct unwind_file file;
	bool added;

	if (unwind_file_request(confined, fd, &file))
		return false;
	added = unwind_tables_add(tables, &(struct unwind_key){}, &file) >= 0;
	unwind_file_release(&file);
	return added;
}

static bool layout_count(struct confined *confined, int fd, struct counts *counts)
{
	struct unwind_memory memory = memory_new();
	struct unwind_tables *tables = unwind_tables_new(&memory);
	struct unwind_usage before = unwind_tables_usage(tables);
	double begin = now();
	bool filled = tables_fill(confined, fd, tables);

	counts->seconds = now() - begin;
	counts->words = before.words_free - unwind_tables_usage(tables).words_free;
	unwind_tables_free(tables);
	memory_free(&memory);
	return filled;
}

static void file_count(struct confined *confined, const char *path, bool verbose,
		       struct counts *sum)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct frame_sections sections;
	struct elf_file file;
	struct cfi_table table;
	struct counts counts = {};

	if (fd < 0)
		return;
	if (!elf_file_open(&file, fd) && layout_count(confined, fd, &counts) &&
	    !frame_sections_read(&file, &sections)) {
		if (!cfi_table_build(sections.cfi, sections.cfi_count, 0, UINT64_MAX, &table)) {
			table_count(&table, &counts);
			if (verbose)
				counts_print(path, &counts);
			counts_add(sum, &counts);
			cfi_table_release(&table);
		}
	}
	elf_file_close(&file);
	close(fd);
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && !strcmp(argv[1], "-v");
	struct confined *confined = confined_new();
	struct counts sum = {};

	if (!confined) {
		perror("unwind_count");
		return 1;
	}
	for (int i = 1 + verbose; i < argc; i++)
		file_count(confined, argv[i], verbose, &sum);
	printf("%zu files\n", sum.files);
	counts_print("sum", &sum);
	confined_free(confined);
	return 0;
}
