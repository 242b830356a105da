/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts what the unwind tables of ELF files hold and what they cannot express:
 *   unwind_count [-v] FILE…
 * With -v a line a file; always the sums. Files that are not x86-64 ELF are passed over.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unwind/file.h"

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
	[UNWIND_NO_RULE] = "none",      [UNWIND_CFA_RSP] = "rsp",
	[UNWIND_CFA_RBP] = "rbp",       [UNWIND_CFA_RBX] = "rbx",
	[UNWIND_CFA_AT_RSP] = "at-rsp", [UNWIND_CFA_AT_RBP] = "at-rbp",
	[UNWIND_CFA_PLT] = "plt",       [UNWIND_SIGNAL] = "signal",
	[UNWIND_END] = "end",           [UNWIND_UNSUPPORTED] = "unsupported",
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

/* The time is that of all which has to be done before a file's frames can be walked. */
static bool layout_count(int fd, struct counts *counts)
{
	struct unwind_file file;
	double begin = now();
	int error = unwind_file_build(fd, &file);

	counts->seconds = now() - begin;
	if (error)
		return false;
	counts->words = file.page_count + file.row_count;
	unwind_file_release(&file);
	return true;
}

static void file_count(const char *path, bool verbose, struct counts *sum)
{
	struct elf_source source = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
	struct elf_sections sections;
	struct cfi_table table;
	struct counts counts = {};

	if (source.fd < 0)
		return;
	if (layout_count(source.fd, &counts) && !elf_sections_read(&source, &sections)) {
		if (!cfi_table_build(sections.cfi, sections.cfi_count, 0, UINT64_MAX, &table)) {
			table_count(&table, &counts);
			if (verbose)
				counts_print(path, &counts);
			counts_add(sum, &counts);
			cfi_table_release(&table);
		}
		elf_sections_release(&sections);
	}
	close(source.fd);
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && !strcmp(argv[1], "-v");
	struct counts sum = {};

	for (int i = 1 + verbose; i < argc; i++)
		file_count(argv[i], verbose, &sum);
	printf("%zu files\n", sum.files);
	counts_print("sum", &sum);
	return 0;
}
