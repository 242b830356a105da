/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two answers: findings are matched by what they are about, a container by its name and type, what
 * is no container by what it is called and by the function put forward, not its line, which a mend
 * moves. Several that are so alike are one, and their rates add up.
 */
#include "difference_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/path.h"
#include "../lib/zone.h"

/* The frame that a finding is told by; NULL: none is known. */
static const struct answer_frame *front_frame(const struct finding *finding)
{
	const struct answer_fill *fill = finding->fill_count ? &finding->fills[0] : NULL;

	if (!fill || !fill->frame_count)
		return NULL;
	return &fill->frames[fill->own < fill->frame_count ? fill->own : 0];
}

static void print_part(FILE *file, const char *text)
{
	if (text)
		fputs(text, file);
	putc('\0', file);
}

/* To be freed; aborts on out of memory. */
static char *key_of(const struct finding *finding, size_t *size)
{
	const struct look_container *container = finding->container;
	const struct answer_frame *frame = front_frame(finding);
	char *key = NULL;
	FILE *file = open_memstream(&key, size);

	if (!file)
		abort();
	putc(container ? 'c' : 's', file);
	if (container) {
		print_part(file, container->name);
		print_part(file, container->type);
	} else {
		print_part(file, finding->subject);
		if (!finding->subject || finding->verdict == VERDICT_UNEXPLAINED)
			print_part(file, verdict_name(finding->verdict));
	}
	if (frame && !(container && container->name)) {
		print_part(file, frame->function);
		print_part(file, frame->file ? path_base(frame->file) : NULL);
	}
	if (fclose(file))
		abort();
	return key;
}

static bool is_python(const char *file)
{
	return file && path_ends_in(file, ".py");
}

/* Root first, as stacks are, up to the frame put forward. */
static size_t add_stack(struct difference *difference, const struct finding *finding)
{
	const struct answer_fill *fill = finding->fill_count ? &finding->fills[0] : NULL;
	const struct answer_frame *front = front_frame(finding);
	struct snapshot *names = difference->names;
	const struct frame **frames;
	struct stack *stack;

	if (!front)
		return SIZE_MAX;
	size_t count = fill->frame_count - (size_t)(front - fill->frames);

	frames = snapshot_alloc(names, count, sizeof(*frames));
	for (size_t i = 0; i < count; i++) {
		const struct answer_frame *frame = &fill->frames[fill->frame_count - 1 - i];
		const struct frame shown = {
			.name = frame->function,
			.file = frame->file,
			.line = frame->line,
			.kind = is_python(frame->file) ? FRAME_PYTHON : FRAME_NATIVE,
		};

		frames[i] = snapshot_intern_frame(names, &shown);
	}
	if (!names->target_count)
		snapshot_add_target(names);
	stack = snapshot_add_stack(names);
	stack->frames = frames;
	stack->frame_count = count;
	stack->live_bytes = 1; /* path tails are of what is live */
	return names->stack_count - 1;
}

static const char *name_of(struct difference *difference, const struct finding *finding)
{
	if (finding->container)
		return difference_string(difference, finding->container->name);
	return difference_string(difference, finding->subject ? finding->subject
							      : verdict_name(finding->verdict));
}

static void add_findings(struct difference_builder *builder, const struct answer *answer,
			 bool is_after)
{
	struct difference *difference = builder->difference;

	for (size_t i = 0; i < answer->finding_count; i++) {
		const struct finding *finding = &answer->findings[i];
		const struct difference_side side = {
			.there = true,
			.rated = true,
			.bytes = finding->holds_bytes,
			.count = finding->container ? finding->container->length : 0,
			.rate = finding->rate,
		};
		size_t size;
		char *key = key_of(finding, &size);
		struct difference_entry *entry = builder_entry(builder, ENTRY_FINDING, key, size);

		free(key);
		if (!entry->before.there && !entry->after.there) {
			entry->name = name_of(difference, finding);
			entry->type =
				finding->container
					? difference_string(difference, finding->container->type)
					: NULL;
		}
		if (entry->stack == SIZE_MAX)
			entry->stack = add_stack(difference, finding);
		side_add(is_after ? &entry->after : &entry->before, &side);
		if (is_after)
			entry->verdict_after = verdict_name(finding->verdict);
		else
			entry->verdict_before = verdict_name(finding->verdict);
	}
}

static struct difference_side whole_of(const struct answer *answer)
{
	return (struct difference_side){.there = true,
					.rated = answer->growth_known,
					.bytes = answer->resident_bytes,
					.rate = answer->growth};
}

static struct difference_origin origin_of(struct difference *difference,
					  const struct answer *answer)
{
	return (struct difference_origin){
		.comm = difference_string(difference, answer->comm),
		.pid = (uint32_t)answer->pid,
		.processes = answer->process_count,
		.at_ns = answer->look ? answer->look->taken_at_ns : 0,
		.seconds = answer->watched_s > 0 && answer->watched_s < 1e9 ? answer->watched_s : 0,
	};
}

/* The later one first: its names are those of now. */
struct difference *difference_of_answers(const struct answer *before, const struct answer *after)
{
	struct difference_builder builder;
	struct difference *difference;

	builder_init(&builder, DIFFERENCE_ANSWERS);
	difference = builder.difference;
	difference->before = origin_of(difference, before);
	difference->after = origin_of(difference, after);
	difference->total.before = whole_of(before);
	difference->total.after = whole_of(after);
	add_findings(&builder, after, true);
	add_findings(&builder, before, false);
	return builder_finish(&builder);
}
