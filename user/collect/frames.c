/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames.h"

#include <stdio.h>
#include <string.h>

#include "../lib/path.h"
#include "../allocators/functions.h"

/* The perf map's; NULL: none. */
static const char *jit_name(const struct image *image, uint64_t address)
{
	return image->perf_map ? perf_map_lookup(image->perf_map, address) : NULL;
}

/* A name for code that has none, written to `buffer`. */
static const char *print_place(const struct address *address, uint64_t vaddr, char *buffer,
			       size_t size)
{
	if (address->module)
		snprintf(buffer, size, "[%.200s+0x%llx]", path_base(address->module->path),
			 (unsigned long long)vaddr);
	else
		snprintf(buffer, size, "[0x%llx]", (unsigned long long)address->value);
	return buffer;
}

/* What the address that a file counts as `vaddr` says of where the file is mapped. */
static void note_module(struct snapshot *snapshot, const struct address *address, uint64_t vaddr)
{
	const struct module *module = address->module;

	if (!module || !module->end)
		return;
	const struct snapshot_module note = {
		.path = module->path,
		.build_id = module->build_id,
		.start = module->start,
		.limit = module->end,
		.file_offset = module->file_offset,
		.bias = module->start - module->file_offset + address->value - vaddr,
	};

	snapshot_note_module(snapshot, &note);
}

static const struct frame *make_frame(struct frames_filler *filler, const struct known_stack *known,
				      const struct address *address, const struct symbol *symbol,
				      uint64_t vaddr)
{
	const struct frame key = {
		.name = address->module ? symbol->name : jit_name(known->image, address->value),
		.linkage = symbol->linkage,
		.file = symbol->file,
		.line = symbol->line,
		.module = address->module ? address->module->path : NULL,
		.offset = vaddr,
		.kind = symbol->inlined ? FRAME_INLINED : FRAME_NATIVE,
	};

	const struct frame *found = frame_cache_find(filler->cache, &key);
	struct frame frame = key;
	char buffer[256];

	if (found)
		return found;
	note_module(filler->snapshot, address, vaddr);
	if (!frame.name)
		frame.name = print_place(address, vaddr, buffer, sizeof(buffer));
	return frame_cache_keep(filler->cache, &key, &frame);
}

/* An allocation function that ended in a call of another one, where the probe was. */
static bool is_allocator(const struct frame *frame)
{
	return !strncmp(frame->name, "operator new", strlen("operator new")) ||
	       alloc_function_find(frame->name);
}

/* The C library's, glibc's or musl's, or that of another malloc, by the name of its file. */
static bool is_allocating_librarys(const struct frame *frame)
{
	static const char *const names[] = {"libc.so.",   "libc-2.",      "ld-musl-",
					    "libc.musl-", "libjemalloc.", "libtcmalloc",
					    "libmimalloc"};
	const char *base = frame->module ? path_base(frame->module) : "";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(base, names[i], strlen(names[i])))
			return true;
	return false;
}

/*
 * Whether what calls it is put forward: of blocks, an allocation function; of pages, whatever of
 * the C library, or of another malloc's, touched them on the caller's behalf: malloc, or one of the
 * many instructions of memcpy.
 */
static bool is_passed_over(const struct known_stack *known, const struct frame *frame)
{
	return is_allocator(frame) ||
	       (known->domain == DOMAIN_MMAP && is_allocating_librarys(frame));
}

static bool is_interpreters(const struct known_stack *known, size_t frame)
{
	const struct module *module = known->frames[frame].address.module;
	const struct python_binary *binary;

	if (!module || !known->image->python)
		return false;
	binary = &python_target_interpreter(known->image->python)->binary;
	return module->file.inode == binary->inode && !strcmp(module->path, binary->path);
}

static bool is_eval_loop(const struct stack_frame *frame)
{
	uint64_t vaddr;
	size_t count;
	const struct symbol *symbols = names_of(frame, &count, &vaddr);
	const char *name = symbols[count - 1].name;

	return name && !strncmp(name, "_PyEval_EvalFrame", strlen("_PyEval_EvalFrame"));
}

/*
 * The native frame that runs the innermost Python frame: as the kernel found it, else by its name,
 * else the innermost one of the interpreter's.
 */
static size_t find_eval_loop(const struct known_stack *known)
{
	if (known->eval_frame && known->eval_frame <= known->frame_count)
		return known->eval_frame - 1;
	for (size_t i = 0; i < known->frame_count; i++)
		if (is_interpreters(known, i) && is_eval_loop(&known->frames[i]))
			return i;
	for (size_t i = 0; i < known->frame_count; i++)
		if (is_interpreters(known, i))
			return i;
	return known->frame_count;
}

/* Frames of a stack in the making, leaf first. */
struct frame_list {
	struct frames_filler *filler;
	const struct known_stack *known;
	const struct frame **items;
	size_t count;
};

static size_t count_frames(const struct known_stack *known)
{
	size_t total = known->python_count;

	for (size_t i = 0; i < known->frame_count; i++) {
		uint64_t vaddr;
		size_t count;

		names_of(&known->frames[i], &count, &vaddr);
		total += count;
	}
	return total;
}

static void add_native(struct frame_list *list, size_t number)
{
	const struct stack_frame *frame = &list->known->frames[number];
	uint64_t vaddr;
	size_t count;
	const struct symbol *symbols = names_of(frame, &count, &vaddr);

	for (size_t i = 0; i < count; i++)
		list->items[list->count++] =
			make_frame(list->filler, list->known, &frame->address, &symbols[i], vaddr);
}

static void add_python(struct frame_list *list)
{
	for (size_t i = 0; i < list->known->python_count; i++) {
		const struct python_name *name = &list->known->python[i];
		const struct frame frame = {
			.name = name->name,
			.file = name->file,
			.line = name->line,
			.kind = FRAME_PYTHON,
		};

		list->items[list->count++] = frame_cache_intern(list->filler->cache, &frame);
	}
}

/*
 * Native frames inward of the interpreter's loop stay below the Python frames, but for the
 * interpreter's own; those from the loop outwards are what runs the Python frames.
 */
static void add_all(struct frame_list *list)
{
	const struct known_stack *known = list->known;
	bool native_interpreter = list->filler->native_interpreter;
	size_t loop = known->python_count ? find_eval_loop(known) : known->frame_count;

	for (size_t i = 0; i < loop; i++)
		if (native_interpreter || !known->python_count || !is_interpreters(known, i))
			add_native(list, i);
	add_python(list);
	for (size_t i = loop; i < known->frame_count && native_interpreter; i++)
		add_native(list, i);
}

void frames_fill(struct frames_filler *filler, struct stack *stack, const struct known_stack *known)
{
	size_t total = count_frames(known), leaf = 0;
	struct frame_list list = {
		.filler = filler,
		.known = known,
		.items = snapshot_alloc(filler->snapshot, total, sizeof(*stack->frames)),
	};

	add_all(&list);
	while (leaf + 1 < list.count && is_passed_over(known, list.items[leaf]))
		leaf++;
	stack->frame_count = list.count - leaf;
	stack->frames = snapshot_alloc(filler->snapshot, total, sizeof(*stack->frames));
	for (size_t i = 0; i < stack->frame_count; i++)
		stack->frames[i] = list.items[list.count - 1 - i];
	stack->truncated = known->python_count && !filler->native_interpreter
				   ? known->python_cut
				   : known->truncated || known->python_cut;
}

void frames_fill_placeholder(struct snapshot *snapshot, struct stack *stack, const char *name)
{
	struct frame frame = {.name = name, .kind = FRAME_NATIVE};

	stack->frames = snapshot_alloc(snapshot, 1, sizeof(*stack->frames));
	stack->frames[0] = snapshot_intern_frame(snapshot, &frame);
	stack->frame_count = 1;
}
