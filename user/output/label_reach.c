/* SPDX-License-Identifier: BSD-2-Clause */
#include "label_reach.h"

#include <inttypes.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/quantity.h"
#include "../lib/saturate.h"
#include "../profile/holder_text.h"

enum { HOLDERS_SHOWN = 3 };

static void print_amount(FILE *file, const char *before, const struct amount *amount)
{
	fputs(before, file);
	quantity_print_count(file, amount->blocks);
	fputs(amount->blocks == 1 ? " block with " : " blocks with ", file);
	quantity_print_bytes(file, amount->bytes);
}

/* Of a stack that was judged: what came too late for that, or lies in no block of malloc. */
static uint64_t count_untold(const struct stack *stack)
{
	const struct reachability *found = stack->reachability;
	uint64_t told = saturating_add(found->lost.blocks, found->reachable.blocks);

	return stack->live_blocks > told ? stack->live_blocks - told : 0;
}

static void print_holder(FILE *file, const struct stack_holder *holder)
{
	uint64_t through = holder->held.blocks - holder->direct_blocks;

	fputs("      reachable by ", file);
	holder_print(file, &holder->holder);
	print_amount(file, ": ", &holder->held);
	if (through && holder->direct_blocks) {
		fputs(", ", file);
		quantity_print_count(file, through);
		fputs(" through other blocks", file);
	} else if (through) {
		fputs(", through other blocks", file);
	}
	putc('\n', file);
}

static void print_holders(FILE *file, const struct reachability *found)
{
	struct amount rest = {0};

	for (size_t i = 0; i < found->holder_count; i++) {
		const struct amount *held = &found->holders[i].held;

		if (i < HOLDERS_SHOWN) {
			print_holder(file, &found->holders[i]);
			continue;
		}
		amount_add(&rest, held);
	}
	if (!rest.blocks)
		return;
	fprintf(file, "      reachable by %zu more", found->holder_count - HOLDERS_SHOWN);
	print_amount(file, ": ", &rest);
	putc('\n', file);
}

void label_print_reach(FILE *file, const struct stack *stack, bool with_holders)
{
	const struct reachability *found = stack->reachability;

	if (!found)
		return;
	if (found->lost.blocks) {
		print_amount(file, "      lost: ", &found->lost);
		putc('\n', file);
	}
	if (with_holders) {
		print_holders(file, found);
	} else if (found->reachable.blocks) {
		print_amount(file, "      reachable: ", &found->reachable);
		putc('\n', file);
	}
	if (with_holders && count_untold(stack)) {
		fputs("      not judged: ", file);
		quantity_print_count(file, count_untold(stack));
		fputs(count_untold(stack) == 1 ? " block, too young for it\n"
					       : " blocks, too young for it\n",
		      file);
	}
}

static void print_stops(FILE *file, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];

		if (!target->reach_frozen_ns)
			continue;
		fprintf(file, "stopped: %" PRIu32 " (", target->pid);
		escape_print(file, target->comm);
		fprintf(file, ") for %.2f s in all: system calls that waited failed with EINTR\n",
			(double)target->reach_frozen_ns / 1e9);
	}
}

static void print_problems(FILE *file, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];

		if (!target->reach_problem)
			continue;
		fprintf(file, "lost: not judged of %" PRIu32 " (", target->pid);
		escape_print(file, target->comm);
		fputs("): ", file);
		escape_print(file, target->reach_problem);
		putc('\n', file);
	}
}

void label_print_reach_totals(FILE *file, const struct snapshot *snapshot)
{
	struct reachability sum = {0};
	uint64_t judged = 0;

	if (!snapshot_is_judged(snapshot))
		return;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct reachability *found = snapshot->stacks[i].reachability;

		if (!found)
			continue;
		amount_add(&sum.lost, &found->lost);
		amount_add(&sum.reachable, &found->reachable);
		judged++;
	}
	if (judged) {
		print_amount(file, "lost: ", &sum.lost);
		print_amount(file, ", to which nothing refers; reachable: ", &sum.reachable);
		putc('\n', file);
	}
	print_problems(file, snapshot);
	print_stops(file, snapshot);
}
