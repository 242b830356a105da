/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan.h"

#include <errno.h>
#include <stdio.h>

static enum site_kind cost_of(const struct site *site, bool nops_emulated)
{
	return site->kind == SITE_EMULATED_NOP && !nops_emulated ? SITE_STEPPED : site->kind;
}

static enum site_kind costliest(const struct python_slots *slots, bool steered, bool nops_emulated)
{
	enum site_kind worst = SITE_EMULATED;

	for (int i = 0; i < CALLS; i++) {
		enum site_kind cost =
			cost_of(python_function_site(&slots->functions[i], steered), nops_emulated);

		worst = cost > worst ? cost : worst;
	}
	return worst;
}

static bool is_steered(const struct python_slots *slots)
{
	for (int i = 0; i < CALLS; i++)
		if (!slots->functions[i].steered)
			return false;
	return true;
}

static bool can_steer(const struct python_slots *slots)
{
	for (int i = 0; i < CALLS; i++)
		if (!slots->functions[i].alias)
			return false;
	return slots->hook == HOOK_NONE;
}

/* A hook stands in the slot itself, but may have a copy of pymalloc of its own. */
static bool needs_steering(const struct python_slots *slots)
{
	return slots->inlined && !is_steered(slots);
}

static void plan_without_pymalloc(const struct python_slots *slots, struct python_plan *plan)
{
	const char *what = "its allocator was set by an extension and is not known: only what it "
			   "takes from malloc is seen";

	if (slots->backend == BACKEND_SYSTEM)
		what = "PYTHONMALLOC=malloc: malloc's probes see all of its blocks";
	if (slots->backend == BACKEND_MIMALLOC)
		what = "its built-in mimalloc is not covered: only what it takes from malloc is "
		       "seen";
	snprintf(plan->notice, sizeof(plan->notice), "%s", what);
}

static void note_hook(const struct python_slots *slots, struct python_plan *plan)
{
	const char *what = "an allocator hook of an extension is on: sizes are those that it asks "
			   "of pymalloc";

	if (slots->hook == HOOK_DEBUG)
		what = "the debug allocator is on: sizes are those that it asks of pymalloc";
	if (slots->hook == HOOK_TRACEMALLOC)
		what = "tracemalloc is on: sizes are those that it asks of pymalloc, and what it "
		       "keeps of each block itself is among malloc's";
	if (slots->hook != HOOK_NONE)
		snprintf(plan->notice, sizeof(plan->notice), "%s", what);
}

static int plan_exact(const struct python_slots *slots, bool nops_emulated,
		      struct python_plan *plan, struct failure *failure)
{
	plan->mode = PYTHON_MODE_EXACT;
	plan->steer = needs_steering(slots);
	if (plan->steer && !can_steer(slots)) {
		failure_set(
			failure, STATUS_TARGET,
			"exact is not to be had: the interpreter inlines its allocator, and %s; "
			"try --python pools",
			slots->hook != HOOK_NONE ? "a hook stands in front of it"
						 : "a function of it has no second address");
		return -ENOTSUP;
	}
	plan->costliest = costliest(slots, slots->inlined, nops_emulated);
	note_hook(slots, plan);
	if (plan->costliest == SITE_STEPPED)
		snprintf(plan->notice, sizeof(plan->notice),
			 "a probe on the allocator is single-stepped on this kernel, at 10 to 60 "
			 "times the cost of another: --python pools is near-free");
	return 0;
}

static int plan_pools(const struct python_slots *slots, bool nops_emulated,
		      struct python_plan *plan, struct failure *failure)
{
	if (!slots->refill) {
		failure_set(
			failure, STATUS_TARGET,
			"pools are not to be had: this interpreter has no pool refill to probe; "
			"try --python exact");
		return -ENOTSUP;
	}
	plan->mode = PYTHON_MODE_POOLS;
	plan->costliest = cost_of(&slots->refill_site, nops_emulated);
	note_hook(slots, plan);
	return 0;
}

static int plan_automatically(const struct python_slots *slots, bool may_be_exact,
			      bool nops_emulated, struct python_plan *plan, struct failure *failure)
{
	bool cheap = costliest(slots, slots->inlined, nops_emulated) != SITE_STEPPED;

	if (may_be_exact && !needs_steering(slots) && (cheap || !slots->refill))
		return plan_exact(slots, nops_emulated, plan, failure);
	if (slots->refill)
		return plan_pools(slots, nops_emulated, plan, failure);
	snprintf(
		plan->notice, sizeof(plan->notice),
		"only what the interpreter takes from malloc is seen: it %s and has no pool refill "
		"to probe; --python exact may see more",
		may_be_exact ? "inlines its allocator" : "allocates too often for exact");
	return 0;
}

int python_plan(const struct python_slots *slots, enum python_request request, bool nops_emulated,
		struct python_plan *plan, struct failure *failure)
{
	*plan = (struct python_plan){.mode = PYTHON_MODE_MALLOC, .costliest = SITE_EMULATED};
	if (request == REQUEST_OFF)
		return 0;
	if (slots->backend != BACKEND_PYMALLOC) {
		plan_without_pymalloc(slots, plan);
		return 0;
	}
	if (request == REQUEST_EXACT)
		return plan_exact(slots, nops_emulated, plan, failure);
	if (request == REQUEST_POOLS)
		return plan_pools(slots, nops_emulated, plan, failure);
	return plan_automatically(slots, request == REQUEST_AUTO, nops_emulated, plan, failure);
}
