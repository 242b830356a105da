/* SPDX-License-Identifier: BSD-2-Clause */
#include "writers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../collect/names.h"
#include "../collect/unwinding.h"
#include "../lib/zone.h"
#include "../python/code_objects.h"
#include "../python/own_code.h"

/* A row of the programs' stacks. */
struct writer_stack {
	bool taken;
	bool cut;
	struct watch_frame *python;
	size_t python_count;
	struct stack_frame *native; /* in the order of the row's, but for the interpreter's own */
	uint64_t *native_raw;
	size_t native_count;
	struct watch_frame *frames; /* both; NULL as long as native ones have no names */
	size_t frame_count;
};

struct writers {
	struct writers_config config;
	struct zone *zone;
	struct python_codes *codes;
	struct images images;
	struct image *image;
	struct modules modules;
	struct names *names;
	struct unwinding *unwinding;
	struct writer_stack stacks[WATCH_STACKS_MAX];
	size_t taken;
};

static int open_tables(struct writers *writers)
{
	const struct writers_config *config = &writers->config;

	if (!config->unwind_memory)
		return 0;
	writers->unwinding = unwinding_new(config->confined, config->unwind_memory);
	if (!writers->unwinding)
		return -ENOMEM;
	unwinding_update(writers->unwinding, &writers->modules, config->procfs, writers->image);
	return 0;
}

struct writers *writers_new(const struct writers_config *config)
{
	struct writers *writers = calloc(1, sizeof(*writers));

	if (!writers)
		return NULL;
	writers->config = *config;
	writers->zone = zone_new();
	writers->codes = python_codes_new();
	writers->names = names_new(config->confined);
	writers->images.procfs = config->procfs;
	writers->images.confined = config->confined;
	writers->image = images_add(&writers->images, WATCH_SPACE, (uint32_t)config->pid);
	if (writers->zone && writers->codes && writers->names && writers->image &&
	    !open_tables(writers))
		return writers;
	writers_free(writers);
	errno = ENOMEM;
	return NULL;
}

void writers_free(struct writers *writers)
{
	if (!writers)
		return;
	unwinding_free(writers->unwinding);
	names_free(writers->names);
	modules_release(&writers->modules);
	images_release(&writers->images);
	python_codes_free(writers->codes);
	zone_free(writers->zone);
	free(writers);
}

/* Frames whose function has not begun run on behalf of their caller. */
static void take_python(struct writers *writers, const struct watch_stack *row,
			struct writer_stack *stack)
{
	size_t count = row->python_count < WATCH_FRAMES ? row->python_count : WATCH_FRAMES;
	struct python_name name;

	stack->python = zone_alloc(writers->zone, count, sizeof(*stack->python));
	stack->cut = row->python_cut;
	for (size_t i = 0; i < count; i++) {
		bool known = python_codes_name(writers->codes, &writers->config.python, 1,
					       &row->python[i], &name);

		if (name.hidden)
			continue;
		stack->python[stack->python_count++] = (struct watch_frame){
			.function = name.name,
			.file = name.file,
			.line = name.line,
			.own = known && frame_is_own(name.file),
		};
	}
}

/* Which file an address is in, and where there. */
static struct address place(struct writers *writers, uint64_t address)
{
	const struct mapping *mapping =
		image_find_mapping(&writers->images, writers->image, address, 0);
	struct address placed = {.value = address};

	if (mapping)
		placed.module = modules_get(&writers->modules, writers->config.procfs,
					    writers->config.pid, mapping);
	if (placed.module)
		placed.value = address - mapping->start + mapping->file_offset;
	else if (writers->config.confined && !writers->image->perf_map)
		image_read_perf_map(&writers->images, writers->image);
	return placed;
}

/* How the interpreter does what a line says is of no interest. */
static bool is_interpreters(const struct writers *writers, const struct address *address)
{
	const struct python_interpreter *python = writers->config.python;

	return python && address->module && address->module->file.inode == python->binary.inode &&
	       !strcmp(address->module->path, python->binary.path);
}

static void take_native(struct writers *writers, const struct watch_stack *row,
			struct writer_stack *stack)
{
	size_t count = row->native_count < WATCH_NATIVE ? row->native_count : WATCH_NATIVE;

	stack->native = zone_alloc(writers->zone, count, sizeof(*stack->native));
	stack->native_raw = zone_alloc(writers->zone, count, sizeof(*stack->native_raw));
	stack->cut |= count == WATCH_NATIVE;
	for (size_t i = 0; i < count; i++) {
		struct address address = place(writers, row->native[i]);

		if (stack->python_count && is_interpreters(writers, &address))
			continue;
		stack->native[stack->native_count].address = address;
		stack->native_raw[stack->native_count++] = row->native[i];
	}
}

void writers_take(struct writers *writers, size_t used)
{
	if (used > WATCH_STACKS_MAX)
		used = WATCH_STACKS_MAX;
	if (writers->taken >= used)
		return;
	for (size_t i = 0; i < used; i++) {
		const struct watch_stack *row = &writers->config.stacks[i];
		struct writer_stack *stack = &writers->stacks[i];

		if (stack->taken || !__atomic_load_n(&row->ready, __ATOMIC_ACQUIRE))
			continue;
		stack->taken = true;
		writers->taken++;
		if (row->python_count && writers->config.python)
			take_python(writers, row, stack);
		take_native(writers, row, stack);
	}
}

/* Of code outside of files, which a JIT made. */
static const char *name_of_jit(const struct writers *writers, const struct address *address)
{
	const struct perf_map *map = writers->image->perf_map;

	return map && !address->module ? perf_map_lookup(map, address->value) : NULL;
}

/* The frames of one address, several where calls were inlined. Returns their number; `frames` may
 * be NULL. */
static size_t name_native(const struct writers *writers, const struct stack_frame *frame,
			  uint64_t raw, struct watch_frame *frames)
{
	const struct address *address = &frame->address;
	uint64_t vaddr;
	size_t count;
	const struct symbol *symbols = names_of(frame, &count, &vaddr);

	for (size_t i = 0; frames && i < count; i++)
		frames[i] = (struct watch_frame){
			.function =
				symbols[i].name ? symbols[i].name : name_of_jit(writers, address),
			.file = symbols[i].file   ? symbols[i].file
				: address->module ? address->module->path
						  : NULL,
			.line = symbols[i].line,
			.native = true,
			.address = raw,
		};
	return count;
}

static void name_stack(struct writers *writers, struct writer_stack *stack)
{
	size_t count = stack->python_count;

	for (size_t i = 0; i < stack->native_count; i++)
		count += name_native(writers, &stack->native[i], 0, NULL);
	stack->frames = zone_alloc(writers->zone, count, sizeof(*stack->frames));
	for (size_t i = 0; i < stack->native_count; i++)
		stack->frame_count += name_native(writers, &stack->native[i], stack->native_raw[i],
						  stack->frames + stack->frame_count);
	if (stack->python_count)
		memcpy(stack->frames + stack->frame_count, stack->python,
		       stack->python_count * sizeof(*stack->frames));
	stack->frame_count += stack->python_count;
}

static void name_stacks(struct writers *writers)
{
	for (size_t i = 0; i < WATCH_STACKS_MAX; i++) {
		const struct writer_stack *stack = &writers->stacks[i];

		for (size_t k = 0; !stack->frames && k < stack->native_count; k++)
			stack->native[k].name =
				names_want(writers->names, &stack->native[k].address);
	}
	if (writers->config.confined)
		names_resolve(writers->names);
	for (size_t i = 0; i < WATCH_STACKS_MAX; i++)
		if (writers->stacks[i].taken && !writers->stacks[i].frames)
			name_stack(writers, &writers->stacks[i]);
}

static int compare_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_frame(const struct watch_frame *a, const struct watch_frame *b)
{
	int order = compare_text(a->function, b->function);

	if (!order)
		order = compare_text(a->file, b->file);
	if (!order && a->line != b->line)
		order = a->line < b->line ? -1 : 1;
	if (!order && !a->line && a->address != b->address)
		order = a->address < b->address ? -1 : 1;
	return order;
}

static int by_lines(const void *left, const void *right)
{
	const struct watch_writer *a = left;
	const struct watch_writer *b = right;
	int order = (a->change > b->change) - (a->change < b->change);

	if (!order)
		order = (a->frame_count > b->frame_count) - (a->frame_count < b->frame_count);
	for (size_t i = 0; !order && i < a->frame_count; i++)
		order = compare_frame(&a->frames[i], &b->frames[i]);
	return order;
}

static int by_count(const void *left, const void *right)
{
	const struct watch_writer *a = left;
	const struct watch_writer *b = right;
	int order = (a->count < b->count) - (a->count > b->count);

	return order ? order : by_lines(left, right);
}

static int by_net(const void *left, const void *right)
{
	const struct watch_writer *a = left;
	const struct watch_writer *b = right;
	int order = (a->net < b->net) - (a->net > b->net);

	return order ? order : by_count(left, right);
}

static size_t merge_equal(struct watch_writer *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(*list), by_lines);
	for (size_t i = 0; i < count; i++) {
		if (kept && !by_lines(&list[kept - 1], &list[i])) {
			list[kept - 1].count += list[i].count;
			list[kept - 1].net += list[i].net;
		} else {
			list[kept++] = list[i];
		}
	}
	return kept;
}

static struct watch_writer describe(const struct watch_stack *row, const struct writer_stack *stack,
				    bool refcount)
{
	struct watch_writer writer = {
		.change = refcount ? WATCH_SAME : row->change,
		.count = __atomic_load_n(&row->count, __ATOMIC_RELAXED),
		.net = __atomic_load_n(&row->net, __ATOMIC_RELAXED),
		.frames = stack->frames,
		.frame_count = stack->frame_count,
		.cut = stack->cut,
	};

	while (writer.own < stack->frame_count && !stack->frames[writer.own].own)
		writer.own++;
	if (writer.own == stack->frame_count)
		writer.own = 0;
	return writer;
}

static void tell_by_net(struct watch_writer *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		list[i].change = list[i].net > 0   ? WATCH_GREW
				 : list[i].net < 0 ? WATCH_SHRANK
						   : WATCH_SAME;
}

int writers_list(struct writers *writers, size_t word, bool refcount, struct watch_writer **list,
		 size_t *count)
{
	*count = 0;
	*list = calloc(writers->taken + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	name_stacks(writers);
	for (size_t i = 0; i < WATCH_STACKS_MAX; i++)
		if (writers->stacks[i].taken && writers->config.stacks[i].word == word)
			(*list)[(*count)++] =
				describe(&writers->config.stacks[i], &writers->stacks[i], refcount);
	*count = merge_equal(*list, *count);
	if (refcount)
		tell_by_net(*list, *count);
	qsort(*list, *count, sizeof(**list), refcount ? by_net : by_count);
	return 0;
}
