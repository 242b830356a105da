/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "../lib/sorted.h"
#include "cfi.h"
#include "cfi_program.h"

/* Instructions that may be run for each byte of input: real files need less than one. */
#define WORK_PER_BYTE 4

/* A table in the making, and an open-addressing index over its rules. */
struct builder {
	struct cfi_table *table;
	size_t row_room;
	size_t rule_room;
	uint32_t *slots; /* rule + 1; 0: empty */
	uint32_t slot_mask;
	struct cfi_machine machine;
};

static uint32_t rule_hash(const struct unwind_rule *rule)
{
	uint64_t words[2];

	memcpy(words, rule, sizeof(words));
	words[0] = (words[0] ^ words[1] * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(words[0] >> 32);
}

static int rules_grow(struct builder *builder)
{
	struct cfi_table *table = builder->table;
	size_t room = builder->rule_room ? builder->rule_room * 2 : 256;
	struct unwind_rule *rules = reallocarray(table->rules, room, sizeof(*rules));
	uint32_t *slots;

	if (!rules)
		return -ENOMEM;
	table->rules = rules;
	slots = calloc(room * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(builder->slots);
	builder->slots = slots;
	builder->slot_mask = room * 2 - 1;
	builder->rule_room = room;
	for (size_t rule = 0; rule < table->rule_count; rule++) {
		uint32_t slot = rule_hash(&rules[rule]);

		while (slots[slot & builder->slot_mask])
			slot++;
		slots[slot & builder->slot_mask] = rule + 1;
	}
	return 0;
}

/* The rule's index, or a negative errno. */
static int64_t rule_intern(struct builder *builder, const struct unwind_rule *rule)
{
	static const struct unwind_rule full = {.cfa = UNWIND_UNSUPPORTED,
						.addend = UNWIND_RULES_FULL};
	struct cfi_table *table = builder->table;
	uint32_t slot;

	if (table->rule_count == builder->rule_room) {
		int error = rules_grow(builder);

		if (error)
			return error;
	}
	if (table->rule_count >= CFI_RULES_MAX - 1)
		rule = &full;
	for (slot = rule_hash(rule); builder->slots[slot & builder->slot_mask]; slot++) {
		uint32_t index = builder->slots[slot & builder->slot_mask] - 1;

		if (!memcmp(&table->rules[index], rule, sizeof(*rule)))
			return index;
	}
	builder->slots[slot & builder->slot_mask] = table->rule_count + 1;
	table->rules[table->rule_count] = *rule;
	return table->rule_count++;
}

/* From `address` on `rule` holds: replaces a row of the same address, merges with an equal one. */
static int row_add(struct builder *builder, uint64_t address, uint32_t rule)
{
	struct cfi_table *table = builder->table;

	if (table->row_count && table->rows[table->row_count - 1].address == address)
		table->row_count--;
	if (table->row_count && table->rows[table->row_count - 1].rule == rule)
		return 0;
	if (table->row_count == builder->row_room) {
		size_t room = builder->row_room ? builder->row_room * 2 : 1024;
		struct cfi_row *rows = reallocarray(table->rows, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		table->rows = rows;
		builder->row_room = room;
	}
	table->rows[table->row_count++] = (struct cfi_row){address, rule};
	return 0;
}

static int64_t machine_rule(struct builder *builder)
{
	struct cfi_machine *machine = &builder->machine;
	struct unwind_rule rule = {.cfa = UNWIND_UNSUPPORTED, .addend = UNWIND_BAD_CFI};

	if (!machine->error)
		cfi_rule_make(&machine->state, machine->cie->signal, &rule);
	return rule_intern(builder, &rule);
}

/* The rows of [start, end), of code that begins at fde->start. */
static int fde_add(struct builder *builder, const struct cfi_fde *fde, const struct cfi_cie *cie,
		   uint64_t start, uint64_t end)
{
	struct cfi_machine *machine = &builder->machine;
	struct cursor program = {fde->program, fde->program + fde->program_size};
	uint64_t next;
	int64_t rule = 0;
	int error = 0;

	cfi_machine_start(machine, cie, fde->start);
	do {
		next = cfi_machine_run(machine, &program);
		if (machine->error == -E2BIG)
			return -E2BIG;
		if (machine->changed || machine->error) {
			rule = machine_rule(builder);
			if (rule < 0)
				return rule;
			machine->changed = false;
		}
		if (next > start)
			error = row_add(builder,
					machine->address > start ? machine->address : start, rule);
		machine->address = next;
	} while (next < end && !error);
	return error ? error : row_add(builder, end, 0);
}

static int rows_build(struct builder *builder, const struct cfi_entries *entries)
{
	const struct unwind_rule none = {};
	uint64_t start, end = 0;
	int64_t error = rule_intern(builder, &none);

	for (size_t i = 0; i < entries->fde_count && error >= 0; i++) {
		const struct cfi_fde *fde = &entries->fdes[i];

		start = fde->start > end ? fde->start : end;
		if (fde->end <= start)
			continue;
		end = fde->end;
		error = fde_add(builder, fde, &entries->cies[fde->cie], start, end);
	}
	return error < 0 ? (int)error : 0;
}

int cfi_table_build(const struct cfi_section *sections, size_t section_count, uint64_t low,
		    uint64_t high, struct cfi_table *table)
{
	struct builder *builder = calloc(1, sizeof(*builder));
	struct cfi_entries entries = {};
	int error = builder ? 0 : -ENOMEM;

	*table = (struct cfi_table){};
	if (error)
		return error;
	builder->table = table;
	builder->machine.work = 4096;
	for (size_t i = 0; i < section_count && !error; i++) {
		error = cfi_entries_read(&entries, &sections[i], low, high);
		builder->machine.work += sections[i].size * WORK_PER_BYTE;
	}
	if (!error) {
		cfi_entries_sort(&entries);
		error = rows_build(builder, &entries);
	}
	cfi_entries_release(&entries);
	free(builder->slots);
	free(builder);
	if (error)
		cfi_table_release(table);
	return error;
}

void cfi_table_release(struct cfi_table *table)
{
	free(table->rows);
	free(table->rules);
	*table = (struct cfi_table){};
}

ptrdiff_t cfi_table_row(const struct cfi_table *table, uint64_t address)
{
	size_t low = sorted_count(table->rows, table->row_count, address, address);

	return (ptrdiff_t)low - 1;
}

const struct unwind_rule *cfi_table_find(const struct cfi_table *table, uint64_t address)
{
	ptrdiff_t row = cfi_table_row(table, address);

	return row < 0 ? NULL : &table->rules[table->rows[row].rule];
}
