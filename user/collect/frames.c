// SPDX-License-Identifier: BSD-2-Clause
#include "frames.h"

#include <stdio.h>
#include <string.h>

#include "../target/functions.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A name for code that has none, or the perf map's. */
static const char *fallback_name(const struct known_stack *known, const struct address *address,
				 uint64_t vaddr, char *buffer, size_t size)
{
	const char *name = NULL;

	if (!address->module && known->image->perf_map)
		name = perf_map_lookup(known->image->perf_map, address->value);
	if (name)
		return name;
	if (address->module)
		snprintf(buffer, size, "[%.200s+0x%llx]", base_name(address->module->path),
			 (unsigned long long)vaddr);
	else
		snprintf(buffer, size, "[0x%llx]", (unsigned long long)address->value);
	return buffer;
}

static const struct frame *make_frame(struct snapshot *snapshot, const struct known_stack *known,
				      const struct address *address, const struct symbol *symbol,
				      uint64_t vaddr)
{
	char buffer[256];
	struct frame frame = {
		.name = symbol->name,
		.file = symbol->file,
		.line = symbol->line,
		.module = address->module ? address->module->path : NULL,
		.offset = vaddr,
		.kind = symbol->inlined ? FRAME_INLINED : FRAME_NATIVE,
	};

	if (!frame.name)
		frame.name = fallback_name(known, address, vaddr, buffer, sizeof(buffer));
	return snapshot_intern_frame(snapshot, &frame);
}

static size_t count_frames(const struct known_stack *known, const struct names *names)
{
	size_t total = 0;

	for (size_t i = 0; i < known->frame_count; i++) {
		uint64_t vaddr;
		size_t count;

		names_get(names, &known->frames[i], &count, &vaddr);
		total += count;
	}
	return total;
}

/* An allocation function that ended in a call of another one, where the probe was. */
static bool is_allocator(const struct frame *frame)
{
	return !strncmp(frame->name, "operator new", strlen("operator new")) ||
	       alloc_function_find(frame->name);
}

void frames_fill(struct snapshot *snapshot, struct stack *stack, const struct known_stack *known,
		 const struct names *names)
{
	size_t total = count_frames(known, names);
	size_t next = total;

	stack->frames = snapshot_alloc(snapshot, total, sizeof(*stack->frames));
	for (size_t i = 0; i < known->frame_count; i++) {
		const struct address *address = &known->frames[i];
		uint64_t vaddr;
		size_t count;
		const struct symbol *symbols = names_get(names, address, &count, &vaddr);

		for (size_t j = 0; j < count; j++)
			stack->frames[--next] =
				make_frame(snapshot, known, address, &symbols[j], vaddr);
	}
	while (total > 1 && is_allocator(stack->frames[total - 1]))
		total--;
	stack->frame_count = total;
}

void frames_fill_placeholder(struct snapshot *snapshot, struct stack *stack, const char *name)
{
	struct frame frame = {.name = name, .kind = FRAME_NATIVE};

	stack->frames = snapshot_alloc(snapshot, 1, sizeof(*stack->frames));
	stack->frames[0] = snapshot_intern_frame(snapshot, &frame);
	stack->frame_count = 1;
}
