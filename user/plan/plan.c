/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan.h"

#include "share.h"

enum reason plan_probes(const struct kernel *kernel)
{
	if (!kernel->privileged)
		return REASON_NO_PRIVILEGE;
	return kernel_best_attach(kernel) == ATTACH_AUTO ? REASON_NO_PROBES : REASON_NONE;
}

enum reason plan_attach(const struct request *request, const struct kernel *kernel,
			enum attach_kind *attach)
{
	*attach = request->attach;
	if (*attach == ATTACH_AUTO)
		*attach = kernel_best_attach(kernel);
	if (!kernel->privileged)
		return REASON_NO_PRIVILEGE;
	if (!kernel->host_pids)
		return REASON_OTHER_PIDS;
	return kernel_has_attach(kernel, *attach) ? REASON_NONE : REASON_NO_SUCH_PROBES;
}

/* Page faults are seen without a return probe. */
enum reason plan_process(const struct request *request, const struct target_survey *survey,
			 const struct kernel *kernel)
{
	if (survey->gone)
		return REASON_GONE;
	if (!survey->executable)
		return survey->may_look ? REASON_NO_EXECUTABLE : REASON_NOT_ALLOWED;
	if (survey->is_32_bit)
		return REASON_32_BIT;
	return kernel->return_kills_seccomp && survey->seccomp && !request->growth ? REASON_SECCOMP
										   : REASON_NONE;
}

static bool is_dear(const struct request *request, double percent)
{
	return percent > SHARE_PERCENT && !request->exact && request->budget == 0;
}

/* Whether what the pools of an interpreter show is worth having without malloc's calls. Whether the
 * process is one is seen later, when it is attached to: plan_seen(). */
static bool may_leave_malloc_out(const struct request *request)
{
	return request->malloc == MALLOC_AUTO && !request->peak &&
	       (request->python == PYTHON_AUTO || request->python == PYTHON_POOLS);
}

/* Whether moments tell what was asked for. */
static bool may_window(const struct request *request)
{
	return !request->exact && request->budget == 0 && !request->growth && !request->peak &&
	       !request->old && !request->reachability && request->malloc == MALLOC_AUTO &&
	       (request->python == PYTHON_AUTO || request->python == PYTHON_OFF);
}

struct ruling plan_malloc(const struct request *request, double percent)
{
	struct ruling ruling = {.over = percent > BUDGET_PERCENT && may_window(request)};

	if (request->malloc == MALLOC_OFF || !is_dear(request, percent))
		return ruling;
	ruling.dear = may_leave_malloc_out(request);
	if (!ruling.dear && !ruling.over)
		ruling.refusal = REASON_MALLOC_DEAR;
	return ruling;
}

struct ruling plan_objects(const struct request *request, double percent)
{
	if (!is_dear(request, percent))
		return (struct ruling){REASON_NONE};
	if (request->python == PYTHON_AUTO)
		return (struct ruling){.note = REASON_OBJECTS_CHEAPER, .dear = true};
	return (struct ruling){.note = REASON_OBJECTS_DEAR, .refusal = REASON_OBJECTS_REFUSED};
}

static enum site_kind cost_of(const struct site *site, bool nops_emulated)
{
	return site->kind == SITE_EMULATED_NOP && !nops_emulated ? SITE_STEPPED : site->kind;
}

static enum site_kind costliest(const struct source *source, const struct python_slots *slots,
				bool nops_emulated)
{
	struct site sites[SOURCE_SITES_MAX];
	size_t count = source->find_sites ? source->find_sites(slots, 0, sites) : 0;
	enum site_kind worst = SITE_EMULATED;

	for (size_t i = 0; i < count; i++) {
		enum site_kind cost = cost_of(&sites[i], nops_emulated);

		worst = cost > worst ? cost : worst;
	}
	return worst;
}

static enum reason lack_of(const struct source *source, const struct python_slots *slots)
{
	return source->lacks ? source->lacks(slots) : REASON_NONE;
}

/* `slots` NULL: none are needed for what is covered. */
struct choice {
	enum covered covers;
	const struct python_slots *slots;
	bool dear; /* no source that costs something for each block */
	bool nops_emulated;
};

static bool is_eligible(const struct choice *choice, const struct source *source, bool stepped)
{
	if (source->covers != choice->covers || source->writes ||
	    lack_of(source, choice->slots) != REASON_NONE)
		return false;
	return !source->every_block ||
	       (!choice->dear && (stepped || costliest(source, choice->slots,
						       choice->nops_emulated) != SITE_STEPPED));
}

/* The one that tells most; each block by single-stepped probes where there is nothing else. */
static const struct source *find_best(const struct sources *sources, const struct choice *choice)
{
	for (int stepped = false; stepped <= true; stepped++)
		for (size_t i = 0; i < sources->count; i++)
			if (is_eligible(choice, sources->items[i], stepped))
				return sources->items[i];
	return NULL;
}

/* Else *lack: of what tells least of those that go by that name. */
static const struct source *find_asked(const struct sources *sources, const struct choice *choice,
				       int asked, enum reason *lack)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct source *source = sources->items[i];

		if (source->covers != choice->covers || source->asked_as != asked)
			continue;
		*lack = lack_of(source, choice->slots);
		if (*lack == REASON_NONE)
			return source;
	}
	return NULL;
}

#define WINDOW_NS         30000000.0
#define WINDOW_OF_SLOW_NS 5000000.0
#define WINDOW_LEAST_NS   1000000.0
#define WINDOW_APART_NS   100000000.0
#define SLOW_PERCENT      100
#define WINDOWS_LEAST     20

uint64_t plan_window_ns(const struct request *request, double percent, uint64_t duration_ns)
{
	bool slow = percent > SLOW_PERCENT || percent < 0;
	double length = slow ? WINDOW_OF_SLOW_NS : WINDOW_NS;
	double spending = request->budget / 100 * WINDOW_APART_NS;
	double affordable = (double)duration_ns * request->budget / 100 / WINDOWS_LEAST;

	if (spending > length)
		length = spending;
	if (duration_ns && affordable < length)
		length = affordable;
	return (uint64_t)(length > WINDOW_LEAST_NS ? length : WINDOW_LEAST_NS);
}

/*
 * Whether frees of Python's objects may be read from its pools when a report is due, in the place
 * of a probe: not where some may have ended by then, nor what needs the moment of each. What is
 * beyond pools malloc's probes see.
 */
static bool may_read_frees(const struct request *request, const struct source *malloc)
{
	return malloc && request->there && !request->peak && !request->reachability;
}

void plan_make(struct plan *plan, const struct sources *sources, const struct request *request,
	       const struct cost *cost)
{
	const struct choice choice = {.covers = COVERS_MALLOC,
				      .dear = cost->malloc_is_dear && request->budget == 0};
	size_t notes = 0;

	if (request->growth) {
		*plan = (struct plan){.growth = true, .python = {.frames_alone = true}};
		return;
	}
	*plan = (struct plan){
		.malloc = request->malloc == MALLOC_OFF ? NULL : find_best(sources, &choice),
		.python = {.request = request->python,
			   .dear = cost->malloc_is_dear || cost->objects_are_dear,
			   .nops_emulated = cost->nops_emulated},
	};
	plan->python.frees_read = may_read_frees(request, plan->malloc);
	if (request->budget > 0) {
		plan->windows = true;
		plan->python = (struct python_terms){.frames_alone = true};
	}
	if (!plan->malloc && request->malloc != MALLOC_OFF)
		plan->notes[notes++] = REASON_MALLOC_LEFT_OUT;
	if (!plan->malloc && request->reachability)
		plan->notes[notes++] = REASON_NOTHING_TO_JUDGE;
}

bool plan_prefers_windows(const struct plan *plan, const struct request *request, bool over,
			  bool sees_objects)
{
	return may_window(request) && !sees_objects && (over || !plan->malloc);
}

enum reason plan_seen(const struct plan *plan, const struct request *request, bool sees_objects)
{
	if (plan->malloc || plan->growth || sees_objects)
		return REASON_NONE;
	return request->malloc == MALLOC_OFF ? REASON_NO_OBJECTS : REASON_MALLOC_DEAR;
}

static enum reason reason_of_backend(enum python_backend backend)
{
	if (backend == BACKEND_SYSTEM)
		return REASON_SYSTEM_MALLOC;
	return backend == BACKEND_MIMALLOC ? REASON_MIMALLOC : REASON_UNKNOWN_ALLOCATOR;
}

static enum reason reason_of_hook(enum python_hook hook)
{
	if (hook == HOOK_NONE)
		return REASON_NONE;
	if (hook == HOOK_DEBUG)
		return REASON_HOOK_DEBUG;
	return hook == HOOK_TRACEMALLOC ? REASON_HOOK_TRACEMALLOC : REASON_HOOK;
}

static bool was_left_steered(const struct python_slots *slots)
{
	for (int i = 0; i < CALLS; i++)
		if (slots->functions[i].steered)
			return true;
	return false;
}

/* Slots that a tool left steered are ours to give back too, where writing was asked for. */
static void see_to_slots(struct python_plan *plan, const struct python_slots *slots,
			 enum python_request request)
{
	bool left = was_left_steered(slots);

	plan->steer = request == PYTHON_EXACT && (plan->source->writes || left);
	if (left && !plan->steer)
		plan->steered = REASON_LEFT_STEERED;
}

static void take(struct python_plan *plan, const struct python_slots *slots,
		 const struct python_terms *terms)
{
	plan->costliest = costliest(plan->source, slots, terms->nops_emulated);
	plan->notice = reason_of_hook(slots->hook);
	if (!plan->source->every_block)
		return;
	plan->frees_read = terms->frees_read && slots->hook == HOOK_NONE;
	if (plan->costliest == SITE_STEPPED)
		plan->notice = REASON_STEPPED;
	see_to_slots(plan, slots, terms->request);
}

enum reason plan_python(struct python_plan *plan, const struct sources *sources,
			const struct python_slots *slots, const struct python_terms *terms)
{
	const bool asked = terms->request == PYTHON_EXACT || terms->request == PYTHON_POOLS;
	const struct choice choice = {
		.covers = COVERS_PYTHON,
		.slots = slots,
		.dear = terms->dear,
		.nops_emulated = terms->nops_emulated,
	};
	enum reason lack = REASON_NONE;

	*plan = (struct python_plan){.costliest = SITE_EMULATED,
				     .frames_alone = terms->frames_alone};
	if (terms->request == PYTHON_OFF || terms->frames_alone)
		return REASON_NONE;
	if (!slots && asked)
		return REASON_NO_ALLOCATORS;
	if (!slots)
		plan->notice = REASON_ALLOCATOR_NOT_FOUND;
	else if (slots->backend != BACKEND_PYMALLOC)
		plan->notice = reason_of_backend(slots->backend);
	else if (asked)
		plan->source = find_asked(sources, &choice, (int)terms->request, &lack);
	else if (!(plan->source = find_best(sources, &choice)))
		plan->notice = terms->dear ? REASON_TOO_OFTEN : REASON_INLINED;
	if (plan->source)
		take(plan, slots, terms);
	return lack;
}

const char *python_plan_name(const struct python_plan *plan, const struct python_slots *slots)
{
	if (!plan->source)
		return plan->frames_alone ? "growth" : "malloc";
	return plan->source->by_pools && slots->refill_pools > 1 ? "arenas" : plan->source->name;
}
