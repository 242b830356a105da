/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_label.h"

#include <string.h>

#include "../lib/quantity.h"

enum { INDENT = 8, WORTH_SHARE = 100 };

void net_print_rate(FILE *file, const struct snapshot *snapshot, const struct net *net,
		    const struct stack *stack)
{
	double megabytes = net_rate_per_hour(snapshot, net, stack) / 1e6;

	if (net_stack_turns_over(snapshot, stack))
		fputs("  turns over", file);
	else if (megabytes >= 9.95)
		fprintf(file, "  +%.0f MB/h", megabytes);
	else if (megabytes > 0)
		fprintf(file, "  +%.2g MB/h", megabytes);
}

void net_print_freed(FILE *file, const struct snapshot *snapshot, const struct stack *stack)
{
	char freed[QUANTITY_SIZE], all[QUANTITY_SIZE];

	if (snapshot->older_than_ns || snapshot->has_peak || snapshot->mode == MODE_WINDOWS ||
	    stack->alloc_bytes <= stack->live_bytes)
		return;
	quantity_bytes(freed, stack->alloc_bytes - stack->live_bytes);
	quantity_bytes(all, stack->alloc_bytes);
	char *unit = strchr(freed, ' ');

	if (unit && !strcmp(unit, strchr(all, ' ')))
		*unit = '\0';
	fprintf(file, "  freed %s of %s", freed, all);
}

static void print_net(struct columns *columns, const struct net *net)
{
	fputs("net     ", columns->file);
	columns_hang(columns, INDENT);
	fputs(net->at_most ? "at most " : "", columns->file);
	quantity_print_signed_bytes(columns->file, net->bytes);
	fputs(": ", columns->file);
	quantity_print_bytes(columns->file, net->gross_bytes);
	fputs(" not freed", columns->file);
	if (net->older_bytes) {
		fputs(", ", columns->file);
		quantity_print_bytes(columns->file, net->older_bytes);
		fputs(" that was older freed meanwhile", columns->file);
	}
	if (net->at_most && net->unsized_frees) {
		fputs(", ", columns->file);
		quantity_print_count(columns->file, net->unsized_frees);
		fputs(" older blocks of unknown size freed meanwhile", columns->file);
	}
	if (net->turns_over)
		fputs(": most of it took the place of that, so that no rate is told",
		      columns->file);
	else if (net->pools && net->turned[DOMAIN_PYTHON])
		fputs(": what is Python's took the place of that, and has no rate", columns->file);
	else if (net->pools && net->turned[DOMAIN_MALLOC])
		fputs(": what is malloc's took the place of that, and has no rate", columns->file);
	putc('\n', columns->file);
}

/* Of all interpreters that could be asked at both ends. */
static void print_own_count(struct columns *columns, const struct snapshot *snapshot)
{
	uint64_t blocks = 0, grown = 0, bytes = 0, bytes_grown = 0;

	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];

		if (!target->python_counted)
			continue;
		blocks += target->python_last.blocks;
		grown += target->python_last.blocks - target->python_first.blocks;
		bytes += target->python_last.bytes;
		bytes_grown += target->python_last.bytes - target->python_first.bytes;
	}
	if (!blocks)
		return;
	fputs("        Python counts ", columns->file);
	columns_hang(columns, INDENT);
	quantity_print_count(columns->file, blocks);
	fputs((int64_t)grown < 0 ? " blocks itself, -" : " blocks itself, +", columns->file);
	quantity_print_count(columns->file, (int64_t)grown < 0 ? -grown : grown);
	if (bytes) {
		fputs("; those in pools ", columns->file);
		quantity_print_signed_bytes(columns->file, (int64_t)bytes_grown);
	}
	putc('\n', columns->file);
}

void net_print(struct columns *columns, const struct snapshot *snapshot)
{
	struct net net;

	net_sum(snapshot, &net);
	if (snapshot->has_peak)
		return;
	if (net.older_bytes || net.pools ||
	    net.unsized_frees > snapshot->totals.live_blocks / WORTH_SHARE)
		print_net(columns, &net);
	print_own_count(columns, snapshot);
}
