/* SPDX-License-Identifier: BSD-2-Clause */
#include "pprof_page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../lib/escape.h"
#include "../../output/look_label.h"
#include "../../profile/pprof.h"
#include "api.h"

#define REST "in no container or type that is listed"

enum { NAME_BYTES = 512, DEPTH_MAX = 8, ITEMS_MAX = TOLD_CONTAINERS_MAX + TOLD_CACHES_MAX };

_Static_assert((int)ITEMS_MAX >= (int)TOLD_TYPES_MAX, "there is room");

/* A container or a type, and what is counted of it. */
struct item {
	const char *name; /* NULL: a container without a name */
	const char *type; /* NULL: it is a type itself */
	int64_t bytes;    /* with those within it, until these are taken out */
	int64_t count;
	size_t within; /* index of the item that holds it; ITEMS_MAX: none */
};

struct items {
	struct item items[ITEMS_MAX];
	size_t count;
};

struct asked {
	int64_t pid;      /* -1: all */
	char target[256]; /* "": all */
	bool has_target;
	bool by_type;
};

/* --- what is asked for --- */

/* Returns 0 or -EINVAL. */
static int read_request(const struct http_request *request, struct asked *asked)
{
	char by[16];

	*asked = (struct asked){.pid = -1};
	if (http_has(request, "pid") && !http_number(request, "pid", &asked->pid))
		return -EINVAL;
	asked->has_target = http_has(request, "target");
	if (asked->has_target &&
	    !http_text(request, "target", asked->target, sizeof(asked->target)))
		return -EINVAL;
	if (!http_has(request, "by"))
		return 0;
	if (!http_text(request, "by", by, sizeof(by)) ||
	    (strcmp(by, "type") && strcmp(by, "container")))
		return -EINVAL;
	asked->by_type = !strcmp(by, "type");
	return 0;
}

static bool has_process(const struct roster *roster, const struct watched_service *service,
			int64_t pid)
{
	for (size_t i = 0; i < roster->instance_count; i++)
		if (roster->instances[i].service == service &&
		    roster->instances[i].status.tgid == pid)
			return true;
	return false;
}

static bool is_asked_for(const struct asked *asked, const struct roster *roster,
			 const struct watched_service *service)
{
	return (asked->pid < 0 || has_process(roster, service, asked->pid)) &&
	       (!asked->has_target || !strcmp(asked->target, service->name));
}

/* --- containers and types --- */

static void add_containers(const struct told_memory *memory, struct items *items)
{
	for (size_t i = 0; i < memory->container_count; i++)
		items->items[items->count++] = (struct item){
			.name = memory->containers[i].name,
			.type = memory->containers[i].type,
			.bytes = (int64_t)memory->containers[i].bytes,
			.count = (int64_t)memory->containers[i].length,
			.within = ITEMS_MAX,
		};
}

static void add_types(const struct told_memory *memory, struct items *items)
{
	for (size_t i = 0; i < memory->type_count; i++)
		items->items[items->count++] = (struct item){
			.name = memory->types[i].name,
			.bytes = (int64_t)memory->types[i].bytes,
			.count = (int64_t)memory->types[i].count,
			.within = ITEMS_MAX,
		};
}

static void add_items(const struct told_memory *memory, bool by_type, struct items *items)
{
	items->count = 0;
	if (by_type)
		add_types(memory, items);
	else
		add_containers(memory, items);
}

/* Whether one's path goes on where another's ends. */
static bool is_within(const struct item *item, const struct item *other)
{
	size_t length = other->name && other->type ? strlen(other->name) : 0;

	return length && item->name && !strncmp(item->name, other->name, length) &&
	       (item->name[length] == '.' || item->name[length] == '[');
}

static void find_holders(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		for (size_t j = 0; j < items->count; j++) {
			struct item *item = &items->items[i];
			const struct item *other = &items->items[j];

			if (is_within(item, other) &&
			    (item->within == ITEMS_MAX ||
			     is_within(other, &items->items[item->within])))
				item->within = j;
		}
}

/* What is within another one counts for itself alone. */
static void take_apart(struct items *items)
{
	int64_t whole[ITEMS_MAX];

	find_holders(items);
	for (size_t i = 0; i < items->count; i++)
		whole[i] = items->items[i].bytes;
	for (size_t i = 0; i < items->count; i++)
		if (items->items[i].within < ITEMS_MAX)
			items->items[items->items[i].within].bytes -= whole[i];
	for (size_t i = 0; i < items->count; i++)
		if (items->items[i].bytes < 0)
			items->items[i].bytes = 0;
}

static const struct item *find_item(const struct items *items, const struct item *like)
{
	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->items[i];

		if (item->name && !strcmp(item->name, like->name) &&
		    (!item->type || !strcmp(item->type, like->type)))
			return item;
	}
	return NULL;
}

/* Of what an earlier look did not list no more counts than what is beyond
 * the smallest that it did. */
static void subtract(struct items *items, const struct items *before, double times)
{
	int64_t smallest = before->count ? INT64_MAX : 0;

	for (size_t i = 0; i < before->count && i < TOLD_CONTAINERS_MAX; i++)
		if (before->items[i].bytes < smallest)
			smallest = before->items[i].bytes;
	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->items[i];
		const struct item *was = item->name ? find_item(before, item) : NULL;

		item->bytes -= was ? was->bytes : item->name ? smallest : item->bytes;
		item->count -= was ? was->count : item->count;
		item->bytes = (int64_t)((double)item->bytes * times);
		item->count = (int64_t)((double)item->count * times);
	}
}

/* --- stacks --- */

struct stack_builder {
	struct snapshot *snapshot;
	size_t target;
	enum domain domain;
	const struct frame *frames[DEPTH_MAX + TOLD_FRAMES_MAX + 2];
	size_t count;
};

static void push(struct stack_builder *builder, const char *name, const char *file, uint32_t line)
{
	char *text = escape_name(name, NAME_BYTES),
	     *path = file ? escape_name(file, NAME_BYTES) : NULL;
	const struct frame frame = {
		.name = text ? text : "",
		.file = path,
		.line = line,
		.kind = FRAME_PYTHON,
	};

	builder->frames[builder->count++] = snapshot_intern_frame(builder->snapshot, &frame);
	free(text);
	free(path);
}

/* Ends it; the next one begins anew. */
static void add_stack(struct stack_builder *builder, int64_t bytes, int64_t count)
{
	struct stack *stack = bytes > 0 ? snapshot_add_stack(builder->snapshot) : NULL;

	if (stack) {
		stack->target = builder->target;
		stack->domain = builder->domain;
		stack->live_bytes = (uint64_t)bytes;
		stack->live_blocks = (uint64_t)(count > 0 ? count : 0);
		stack->frames =
			snapshot_alloc(builder->snapshot, builder->count, sizeof(*stack->frames));
		memcpy(stack->frames, builder->frames, builder->count * sizeof(*stack->frames));
		stack->frame_count = builder->count;
	}
	builder->count = 0;
}

static void push_way(struct stack_builder *builder, const struct items *items, size_t number)
{
	size_t way[DEPTH_MAX], depth = 0;

	for (; number < ITEMS_MAX && depth < DEPTH_MAX; number = items->items[number].within)
		way[depth++] = number;
	while (depth-- > 0) {
		const char *name = items->items[way[depth]].name;

		push(builder, name ? name : "container without a name", NULL, 0);
	}
}

static int64_t add_stacks(struct stack_builder *builder, const struct items *items, bool is_python,
			  const struct findings *told)
{
	int64_t sum = 0;

	builder->domain = is_python ? DOMAIN_PYTHON : DOMAIN_MALLOC;
	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->items[i];

		if (told && item->name && findings_have(told, item->name))
			continue;
		push_way(builder, items, i);
		if (item->type)
			push(builder, item->type, NULL, 0);
		add_stack(builder, item->bytes, item->count);
		sum += item->bytes > 0 ? item->bytes : 0;
	}
	return sum;
}

/* --- all services --- */

static bool is_held(size_t part)
{
	return part != PART_FILES && part != PART_SHARED && part != PART_OTHER;
}

/* What of it is objects' is told by these already. */
static void add_parts(struct stack_builder *builder, const struct told_memory *memory, int64_t told)
{
	int64_t rest = (int64_t)memory->parts[PART_PYTHON_LIVE] +
		       (int64_t)memory->parts[PART_MALLOC_LIVE] - told;

	builder->domain = DOMAIN_MALLOC;
	push(builder, REST, NULL, 0);
	add_stack(builder, rest, 0);
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!is_held(i) || i == PART_PYTHON_LIVE || i == PART_MALLOC_LIVE)
			continue;
		push(builder, look_part_label((enum look_part_id)i), NULL, 0);
		add_stack(builder, (int64_t)memory->parts[i], 0);
	}
}

static void add_heap(struct stack_builder *builder, const struct watched_service *service,
		     bool by_type)
{
	struct items items;

	add_items(&service->memory, by_type, &items);
	take_apart(&items);
	add_parts(builder, &service->memory,
		  add_stacks(builder, &items, service->memory.gc.known, NULL));
}

/* Outermost first, as stacks are here. */
static void add_finding(struct stack_builder *builder, const struct told_finding *finding)
{
	for (size_t i = finding->frame_count; i-- > 0;)
		push(builder, finding->frames[i].function, finding->frames[i].file,
		     finding->frames[i].line);
	if (!finding->frame_count && finding->filled_by)
		push(builder, finding->filled_by, NULL, 0);
	push(builder, finding->name, NULL, 0);
	if (finding->type)
		push(builder, finding->type, NULL, 0);
	builder->domain = finding->type ? DOMAIN_PYTHON : DOMAIN_MALLOC;
	add_stack(builder, (int64_t)fmin(fmax(finding->rate.value, 0), 1e15), 0);
}

static void add_growth(struct stack_builder *builder, const struct watched_service *service,
		       bool by_type)
{
	const struct told_memory *memory = &service->memory, *before = &service->before;
	double passed_s = (double)(memory->taken_at_ns - before->taken_at_ns) / 1e9;
	struct items items, earlier;

	for (size_t i = 0; i < service->findings.count && !by_type; i++)
		add_finding(builder, &service->findings.items[i].told);
	if (!before->known || !(passed_s > 0))
		return;
	add_items(memory, by_type, &items);
	add_items(before, by_type, &earlier);
	subtract(&items, &earlier, HOUR_S / passed_s);
	take_apart(&items);
	add_stacks(builder, &items, memory->gc.known, by_type ? NULL : &service->findings);
}

static void add_target(struct stack_builder *builder, const struct instance *instance)
{
	struct snapshot *snapshot = builder->snapshot;
	struct target *target = snapshot_add_target(snapshot);
	char *comm = escape_string(instance->status.comm);

	builder->target = snapshot->target_count - 1;
	*target = (struct target){
		.pid = (uint32_t)instance->status.tgid,
		.processes = 1,
		.comm = snapshot_intern(snapshot, comm ? comm : ""),
		.python_coverage = -1,
	};
	free(comm);
}

typedef void add_fn(struct stack_builder *builder, const struct watched_service *service,
		    bool by_type);

static bool add_services(const struct roster *roster, const struct asked *asked, add_fn *add,
			 struct snapshot *snapshot)
{
	struct stack_builder builder = {.snapshot = snapshot};
	bool any = asked->pid < 0 && !asked->has_target;

	for (size_t i = 0; i < roster->service_count; i++) {
		const struct watched_service *service = roster->services[i];
		const struct instance *instance = roster_looked_at(roster, service);

		if (!is_asked_for(asked, roster, service))
			continue;
		any = true;
		if (!instance)
			continue;
		add_target(&builder, instance);
		add(&builder, service, asked->by_type);
		if (service->memory.taken_at_ns > snapshot->started_at_ns)
			snapshot->started_at_ns = service->memory.taken_at_ns;
	}
	return any;
}

static int write_profile(void *context, const struct http_request *request, add_fn *add,
			 double duration_s, FILE *file)
{
	const struct api *api = context;
	struct snapshot *snapshot;
	struct asked asked;
	int error = read_request(request, &asked);

	if (error)
		return error;
	snapshot = snapshot_new();
	if (!snapshot)
		return -ENOMEM;
	snapshot->duration_ns = (uint64_t)(duration_s * 1e9);
	if (add_services(api->roster, &asked, add, snapshot))
		error = profile_write_plain(snapshot, file);
	else
		error = -ENOENT;
	snapshot_free(snapshot);
	return error;
}

int pprof_write_heap(void *context, const struct http_request *request, FILE *file)
{
	return write_profile(context, request, add_heap, 0, file);
}

int pprof_write_growth(void *context, const struct http_request *request, FILE *file)
{
	return write_profile(context, request, add_growth, HOUR_S, file);
}
