/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile as a text that people compare: what a stream expects. */
#ifndef TEST_REPLAY_PRINT_H
#define TEST_REPLAY_PRINT_H

#include <inttypes.h>
#include <stdio.h>

#include "profile/snapshot.h"

/* Calls that were inlined have no address of their own, and are left out. */
static inline void replay_print_stack(FILE *file, const struct snapshot *snapshot,
				      const struct stack *stack)
{
	const struct target *target = &snapshot->targets[stack->target];

	fprintf(file, "%u %s %s %" PRIu64 "/%" PRIu64 " of %" PRIu64 "/%" PRIu64, target->pid,
		target->comm, domain_name(stack->domain), stack->live_bytes, stack->live_blocks,
		stack->alloc_bytes, stack->alloc_blocks);
	if (stack->oldest_ns)
		fprintf(file, " age %" PRIu64, stack->oldest_ns);
	fprintf(file, "%s%s:", stack->truncated ? " truncated" : "",
		stack->guessed ? " guessed" : "");
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct frame *frame = stack->frames[i];

		if (frame->kind == FRAME_INLINED)
			continue;
		fprintf(file, "%s%s", i ? ";" : " ", frame->name);
		if (frame->kind == FRAME_PYTHON)
			fprintf(file, " (%s:%u)", frame->file, frame->line);
	}
	fputc('\n', file);
}

static inline void replay_print(FILE *file, const struct snapshot *snapshot)
{
	const struct totals *totals = &snapshot->totals;

	for (size_t i = 0; i < snapshot->stack_count; i++)
		replay_print_stack(file, snapshot, &snapshot->stacks[i]);
	fprintf(file, "live %" PRIu64 "/%" PRIu64 " of %" PRIu64 "/%" PRIu64, totals->live_bytes,
		totals->live_blocks, totals->alloc_bytes, totals->alloc_blocks);
	fprintf(file, ", freed %" PRIu64 "/%" PRIu64 "\n", totals->free_bytes, totals->free_blocks);
	if (snapshot->unknown_frees)
		fprintf(file, "unknown frees %" PRIu64 "\n", snapshot->unknown_frees);
	for (int i = 0; i < LOSS_COUNT; i++)
		if (snapshot->losses[i])
			fprintf(file, "lost %s %" PRIu64 "\n", loss_name((enum loss)i),
				snapshot->losses[i]);
}

#endif
