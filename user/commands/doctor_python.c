/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor_python.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../python/coverage.h"
#include "../evidence/sources.h"
#include "../plan/plan.h"

static void print_functions(const struct python_slots *slots)
{
	static const char *const names[CALLS] = {"malloc", "calloc", "realloc", "free"};

	if (slots->backend != BACKEND_PYMALLOC)
		return;
	for (int i = 0; i < CALLS; i++) {
		const struct python_function *function = &slots->functions[i];
		const struct site *site = python_function_site(function, slots->inlined);

		printf("  %-20s %s, %s%s%s\n", names[i], site_kind_name(site->kind),
		       site->instruction,
		       !slots->inlined    ? ""
		       : !function->alias ? ", no second address"
					  : ", steered by a second address",
		       function->steered ? " (is steered)" : "");
	}
	if (slots->refill)
		printf("  %-20s %s, %s\n", slots->refill_pools > 1 ? "arenas" : "pool refill",
		       site_kind_name(slots->refill_site.kind), slots->refill_site.instruction);
}

/* They stand for the entry and the return of malloc. */
static void print_direct(const struct python_interpreter *interpreter,
			 const struct mappings *mappings, const struct python_slots *slots)
{
	struct site *sites;
	size_t direct = 0;
	ssize_t count;

	if (slots->backend != BACKEND_PYMALLOC)
		return;
	count = python_direct_sites(interpreter, mappings, slots, &sites);
	for (ssize_t i = 0; i < count; i++)
		direct += sites[i].role == ROLE_DIRECT;
	if (count > 0)
		printf("  %-20s malloc's %zu, and %zu on calls that allocate for it\n",
		       "direct sites", direct, (size_t)count - direct);
	else
		printf("  %-20s malloc has none\n", "direct sites");
	free(sites);
}

static const char *mode_name(const struct python_slots *slots, const struct source *source)
{
	if (!source)
		return "what it takes from malloc";
	if (source->by_pools && slots->refill_pools > 1)
		return "arenas, as its refill of pools is inlined";
	if (source->writes)
		return "exact, by steering its slots: this writes into the process";
	return source->name;
}

static void print_plan(const struct python_slots *slots, enum python_request request,
		       bool nops_emulated)
{
	const struct python_terms terms = {.request = request, .nops_emulated = nops_emulated};
	char name[20], text[REASON_SIZE];
	struct python_plan plan;
	enum reason lack = plan_python(&plan, &evidence_sources, slots, &terms);

	snprintf(name, sizeof(name), "--python %s", python_request_names[request]);
	if (lack != REASON_NONE) {
		printf("  %-20s %s\n", name, reason_write(lack, NULL, text, sizeof(text)));
		return;
	}
	reason_write(plan.notice, NULL, text, sizeof(text));
	printf("  %-20s %s%s%s\n", name, mode_name(slots, plan.source), *text ? "; " : "", text);
}

static void print_blocks(const struct python_interpreter *interpreter)
{
	struct python_counters counters;
	struct python_blocks blocks;

	if (!python_counters_find(interpreter, &counters) &&
	    !python_blocks_read(interpreter, &counters, &blocks))
		printf("  %-20s %llu\n", "blocks in use", (unsigned long long)blocks.blocks);
}

static void print_interpreter(const struct python_interpreter *interpreter,
			      const struct mappings *mappings, bool nops_emulated)
{
	struct python_slots slots;
	char version[16];

	python_version_name(interpreter->layout.version, version);
	printf("\ninterpreter %s (CPython %s)\n", interpreter->binary.path, version);
	printf("  %-20s %s\n", "frames",
	       interpreter->frames_checked ? "compared with the process"
					   : "not compared: no thread was in Python code");
	print_blocks(interpreter);
	if (python_slots_read(interpreter, mappings, &slots)) {
		printf("  %-20s %s\n", "allocator", "its slots were not found");
		return;
	}
	printf("  %-20s %s%s%s\n", "allocator", python_backend_name(slots.backend),
	       slots.hook == HOOK_NONE ? "" : ", with ",
	       slots.hook == HOOK_NONE ? "" : python_hook_name(slots.hook));
	print_functions(&slots);
	print_direct(interpreter, mappings, &slots);
	printf("  %-20s not in the rate above: what exact costs, record sees in its first moment\n",
	       "its own calls");
	for (int request = PYTHON_AUTO; request < PYTHON_OFF; request++)
		print_plan(&slots, request, nops_emulated);
}

void doctor_print_python(const struct procfs *procfs, struct confined *confined, pid_t pid,
			 bool nops_emulated)
{
	struct python_interpreter interpreter;
	struct mappings mappings = {0};
	struct failure failure = {.text = ""};
	int error = mappings_read(procfs, pid, &mappings);

	if (!error)
		error = python_interpreter_find(procfs, confined, pid, &mappings, &interpreter,
						&failure);
	if (!error) {
		print_interpreter(&interpreter, &mappings, nops_emulated);
		python_interpreter_release(&interpreter);
	} else if (*failure.text) {
		printf("\ninterpreter\n  %s\n", failure.text);
	}
	mappings_release(&mappings);
}
