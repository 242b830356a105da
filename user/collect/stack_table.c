/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

int stack_table_init(struct stack_table *table, size_t row_count)
{
	table->by_row = calloc(row_count, sizeof(struct known_stack *));
	table->row_count = table->by_row ? row_count : 0;
	return table->by_row ? 0 : -ENOMEM;
}

static void stack_free(struct known_stack *stack)
{
	if (!stack)
		return;
	for (size_t i = 0; i < stack->frame_count; i++)
		if (stack->frames[i].address.module)
			stack->frames[i].address.module->frames--;
	free(stack->python);
	free(stack);
}

void stack_table_release(struct stack_table *table)
{
	for (size_t i = 0; i < table->row_count; i++)
		stack_free(table->by_row[i]);
	free(table->by_row);
	*table = (struct stack_table){0};
}

void stack_table_forget(struct stack_table *table, struct image *image)
{
	for (struct known_stack *stack = image->stacks, *next; stack; stack = next) {
		next = stack->next;
		table->by_row[stack->row] = NULL;
		stack_free(stack);
	}
	image->stacks = NULL;
}

/* What the kernel had mapped at a return address; false: not known. */
static bool find_place(const struct stack_record *record, uint64_t pc, struct stack_place *place)
{
	const __u64 *words = record->words + 2 * record->python_count + record->frame_count;

	for (size_t i = 0; i < record->place_count; i++) {
		memcpy(place, words + i * PLACE_WORDS, sizeof(*place));
		if (pc - 1 >= place->start && pc - 1 < place->end)
			return true;
	}
	return false;
}

static struct address locate(const struct images *images, struct modules *modules,
			     struct image *image, uint64_t pc, uint32_t unloads)
{
	const struct mapping *mapping = image_find_mapping(images, image, pc, unloads);
	struct address address = {.value = pc};

	if (!mapping)
		return address;
	address.module = modules_get(modules, images->procfs, (pid_t)image->pid, mapping);
	if (address.module) {
		address.value = pc - mapping->start + mapping->file_offset;
		module_note_code(address.module, mapping);
	} else if (!image->perf_map) {
		image_read_perf_map(images, image);
	}
	return address;
}

/* Where the kernel's numbers of a file are not those that maps has, the list's mapping decides. */
static struct address locate_placed(const struct images *images, struct modules *modules,
				    struct image *image, uint64_t pc, uint32_t unloads,
				    const struct stack_place *place)
{
	const struct mapping mapping = {
		.start = place->start, .end = place->end, .file_offset = place->file_offset};
	struct address address = {.value = pc};

	if (place->inode == PLACE_UNKNOWN)
		return address;
	if (!place->inode)
		return locate(images, modules, image, pc, unloads);
	address.module =
		modules_find(modules, (struct file_numbers){makedev((uint32_t)(place->device >> 32),
								    (uint32_t)place->device),
							    place->inode});
	if (address.module) {
		address.value = pc - place->start + place->file_offset;
		module_note_code(address.module, &mapping);
		return address;
	}
	address = locate(images, modules, image, pc, unloads);
	return address.module && address.module->file.inode == place->inode
		       ? address
		       : (struct address){.value = pc};
}

/* What tracebacks do not show: besides what has not begun, code of the interpreter's own around
 * calls of a class in 3.13. */
static bool is_hidden(const struct python_name *name)
{
	return name->hidden ||
	       (name->file && !strcmp(name->file, "__init__") && !strcmp(name->name, "__init__"));
}

/* Of a process that is not known to be an interpreter there are none. */
static int name_python(struct stack_table *table, struct known_stack *stack,
		       const struct stack_record *record)
{
	struct python_target *target = stack->image->python;

	if (!record->python_count || !target)
		return 0;
	stack->python = calloc(record->python_count, sizeof(*stack->python));
	if (!stack->python)
		return -ENOMEM;
	for (size_t i = 0; i < record->python_count; i++) {
		struct python_stack_frame frame;

		memcpy(&frame, &record->words[2 * i], sizeof(frame));
		if (!python_target_name(target, &frame, &stack->python[stack->python_count]))
			table->unnamed++;
		if (!is_hidden(&stack->python[stack->python_count]))
			stack->python_count++;
	}
	return 0;
}

int stack_table_add(struct stack_table *table, const struct images *images, struct modules *modules,
		    struct image *image, const struct stack_record *record)
{
	const __u64 *frames = record->words + 2 * record->python_count;
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
	stack->python_cut = record->flags & STACK_PYTHON_CUT;
	stack->eval_frame = record->eval_frame;
	stack->frame_count = record->frame_count;
	if (name_python(table, stack, record)) {
		stack_free(stack);
		return -ENOMEM;
	}
	for (size_t i = 0; i < stack->frame_count; i++) {
		struct address *address = &stack->frames[i].address;
		struct stack_place place;

		*address = find_place(record, frames[i], &place)
				   ? locate_placed(images, modules, image, frames[i],
						   record->unloads, &place)
				   : locate(images, modules, image, frames[i], record->unloads);
		if (address->module)
			address->module->frames++;
	}
	table->by_row[record->stack] = stack;
	stack->next = image->stacks;
	image->stacks = stack;
	return 0;
}
