/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../arch/go_calls.h"
#include "go_switch.h"

static int rule_append(struct cfi_table *table, const struct unwind_rule *rule)
{
	struct unwind_rule *rules =
		reallocarray(table->rules, table->rule_count + 2, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	table->rules = rules;
	if (!table->rule_count)
		rules[table->rule_count++] = (struct unwind_rule){0};
	if (table->rule_count >= CFI_RULES_MAX)
		return -E2BIG;
	rules[table->rule_count++] = *rule;
	return 0;
}

/* Has a rule stand for `size` bytes of code, in place of what the table says of them. */
static int cover(struct cfi_table *table, uint64_t start, size_t size,
		 const struct unwind_rule *rule)
{
	ptrdiff_t before = cfi_table_row(table, start - 1),
		  last = cfi_table_row(table, start + size);
	uint32_t after = last < 0 ? 0 : table->rows[last].rule;
	size_t kept = (size_t)(before + 1), behind = table->row_count - (size_t)(last + 1);
	struct cfi_row *rows = calloc(kept + 2 + behind, sizeof(*rows));
	int error = rows ? rule_append(table, rule) : -ENOMEM;

	if (error) {
		free(rows);
		return error;
	}
	if (kept)
		memcpy(rows, table->rows, kept * sizeof(*rows));
	rows[kept] = (struct cfi_row){start, (uint32_t)table->rule_count - 1};
	rows[kept + 1] = (struct cfi_row){start + size, after};
	if (behind)
		memcpy(rows + kept + 2, table->rows + last + 1, behind * sizeof(*rows));
	free(table->rows);
	table->rows = rows;
	table->row_count = kept + 2 + behind;
	return 0;
}

static int add_call(void *context, uint64_t address, size_t size, const struct unwind_rule *rule)
{
	return cover(context, address, size, rule);
}

int go_switch_add_code(const uint8_t *code, size_t size, uint64_t address, struct cfi_table *table)
{
	return go_calls_find(code, size, address, add_call, table);
}

int go_switch_add(const struct elf_file *file, const struct frame_sections *sections,
		  struct cfi_table *table)
{
	int error = 0;

	for (size_t i = 0; i < sections->segment_count && sections->is_go && !error; i++) {
		const struct elf_segment *segment = &sections->segments[i];
		uint8_t *code = elf_file_copy(file, segment->offset, segment->size, &error);

		if (code)
			error = go_switch_add_code(code, segment->size, segment->address, table);
		else if (error == -ENOEXEC || error == -EFBIG)
			error = 0;
		free(code);
	}
	return error;
}
