// SPDX-License-Identifier: BSD-2-Clause
#include "stack_table.h"

#include <errno.h>
#include <stdlib.h>

int stack_table_init(struct stack_table *table, size_t row_count)
{
	table->by_row = calloc(row_count, sizeof(struct known_stack *));
	table->row_count = table->by_row ? row_count : 0;
	return table->by_row ? 0 : -ENOMEM;
}

void stack_table_release(struct stack_table *table)
{
	for (size_t i = 0; i < table->row_count; i++)
		free(table->by_row[i]);
	free(table->by_row);
	*table = (struct stack_table){0};
}

static struct address locate(const struct images *images, struct modules *modules,
			     struct image *image, uint64_t pc, uint32_t unloads)
{
	const struct mapping *mapping = image_find_mapping(images, image, pc, unloads);
	struct address address = {.value = pc};

	if (!mapping)
		return address;
	address.module = modules_get(modules, images->procfs, (pid_t)image->pid, mapping);
	if (address.module)
		address.value = pc - mapping->start + mapping->file_offset;
	else if (!image->perf_map)
		image_read_perf_map(images, image);
	return address;
}

int stack_table_add(struct stack_table *table, const struct images *images, struct modules *modules,
		    struct image *image, const struct stack_record *record)
{
	struct known_stack *stack;

	if (record->stack >= table->row_count || table->by_row[record->stack])
		return 0;
	stack = calloc(1, sizeof(*stack) + record->frame_count * sizeof(stack->frames[0]));
	if (!stack)
		return -ENOMEM;
	stack->image = image;
	stack->row = record->stack;
	stack->domain = record->domain;
	stack->truncated = record->flags & STACK_TRUNCATED;
	stack->guessed = record->flags & STACK_GUESSED;
	stack->frame_count = record->frame_count;
	for (size_t i = 0; i < stack->frame_count; i++)
		stack->frames[i] =
			locate(images, modules, image, record->frames[i], record->unloads);
	table->by_row[record->stack] = stack;
	return 0;
}
