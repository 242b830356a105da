/* SPDX-License-Identifier: BSD-2-Clause */
#include "name_hints.h"

#include <string.h>

#include "../lib/escape.h"
#include "../lib/path.h"
#include "../lib/quantity.h"
#include "runtime_tools.h"

/* Less of all live bytes is worth no line. */
#define SHARE_MIN 5

/* What runs code of its own making, and how it tells the names. */
static const struct runtime {
	const char *program; /* how the name of its executable begins */
	const char *advice;
} runtimes[] = {
	{"java", NULL}, /* by a command that takes its PID */
	{"node", "start it with --perf-basic-prof"},
	{"dotnet", "start it with DOTNET_PerfMapEnabled=1"},
};

struct unnamed {
	uint64_t jit_bytes;
	size_t jit_target;
	uint64_t file_bytes;
	uint64_t most_bytes; /* of one stack */
	const char *module;  /* that the largest of these runs through */
};

static const struct frame *find_unnamed(const struct stack *stack, bool in_file)
{
	for (size_t i = stack->frame_count; i > 0; i--) {
		const struct frame *frame = stack->frames[i - 1];

		if (!frame_is_named(frame) && (frame->module != NULL) == in_file)
			return frame;
	}
	return NULL;
}

static void add_stack(struct unnamed *unnamed, const struct stack *stack)
{
	const struct frame *in_file = find_unnamed(stack, true);

	if (find_unnamed(stack, false)) {
		unnamed->jit_bytes += stack->live_bytes;
		unnamed->jit_target = stack->target;
	}
	if (!in_file)
		return;
	unnamed->file_bytes += stack->live_bytes;
	if (stack->live_bytes >= unnamed->most_bytes) {
		unnamed->most_bytes = stack->live_bytes;
		unnamed->module = in_file->module;
	}
}

static const struct runtime *find_runtime(const struct target *target)
{
	const char *name = target->exe ? path_base(target->exe) : "";

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++)
		if (!strncmp(name, runtimes[i].program, strlen(runtimes[i].program)))
			return &runtimes[i];
	return NULL;
}

static void begin_hint(struct columns *columns)
{
	fputs("hint: ", columns->file);
	columns_hang(columns, strlen("hint: "));
}

static void begin_name_hint(struct columns *columns, uint64_t bytes, uint64_t total)
{
	begin_hint(columns);
	quantity_print_percent(columns->file, (double)bytes, (double)total);
	fputs(" of that runs through code without a name, ", columns->file);
}

static void print_jit(struct columns *columns, const struct target *target)
{
	const struct runtime *runtime = find_runtime(target);

	fputs("made while it ran: ", columns->file);
	if (!runtime)
		fputs("what makes it can tell its names in /tmp/perf-PID.map\n", columns->file);
	else if (!runtime->advice)
		fprintf(columns->file,
			"jcmd %u Compiler.perfmap names it, shortly before the report\n",
			target->pid);
	else
		fprintf(columns->file, "%s\n", runtime->advice);
}

static void print_file(struct columns *columns, const char *module)
{
	fputs("such as of ", columns->file);
	escape_print(columns->file, path_base(module));
	fputs(": its debug symbols name it (Debian: the package's -dbgsym; or set "
	      "DEBUGINFOD_URLS)\n",
	      columns->file);
}

/* New memory of such a heap is touched by whoever moves objects, not by whoever makes them. */
static void print_heap(struct columns *columns, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];

		if (!runtime_has_tool(target->own_mappings))
			continue;
		begin_hint(columns);
		fprintf(columns->file, "which objects fill the heap of %s: ", target->own_mappings);
		runtime_print_tool(columns->file, target->own_mappings, (int)target->pid);
		putc('\n', columns->file);
		return;
	}
}

void name_hints_print(struct columns *columns, const struct snapshot *snapshot)
{
	uint64_t total = snapshot->totals.live_bytes;
	struct unnamed unnamed = {0};

	if (snapshot->mode == MODE_GROWTH)
		print_heap(columns, snapshot);
	for (size_t i = 0; i < snapshot->stack_count; i++)
		add_stack(&unnamed, &snapshot->stacks[i]);
	if (unnamed.jit_bytes > total / SHARE_MIN) {
		begin_name_hint(columns, unnamed.jit_bytes, total);
		print_jit(columns, &snapshot->targets[unnamed.jit_target]);
	}
	if (unnamed.file_bytes > total / SHARE_MIN) {
		begin_name_hint(columns, unnamed.file_bytes, total);
		print_file(columns, unnamed.module);
	}
}
