/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects of living interpreters, each against what it says of them itself
 * (tests/programs/python_told.py): their types, sizes, lengths, names, and whom they refer to; what
 * grew, and what became garbage. Once with room for all of their memory and once streamed. Of each
 * CPython that is here and needs no rights to be looked at. Run from the top directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "confine/confined.h"
#include "living.h"
#include "python/objects/growth.h"
#include "python/objects/names.h"
#include "service/patient.h"

enum { SOME = 2, BUDGET_MB = 256, LITTLE_MB = 2 };

static const struct procfs procfs = {.root = "/proc"};
static struct confined *confined;
static glob_t pythons;

/* --- a look at it --- */

static void take_look(struct patient *patient)
{
	struct failure failure = {0};

	if (patient_look(patient, true, &failure))
		fail_msg("%s", failure.text);
}

static struct patient *open_patient(const struct living *living, uint64_t megabytes)
{
	struct patient *patient = calloc(1, sizeof(*patient));
	struct failure failure = {0};

	if (patient_open(patient, &procfs, confined, living->pid, megabytes << 20, &failure))
		fail_msg("%s", failure.text);
	if (!patient->is_python)
		fail_msg("no Python: %s", patient->python_problem.text);
	return patient;
}

static void close_patient(struct patient *patient)
{
	patient_close(patient);
	free(patient);
}

/* Of what an object leads to: what is surely a reference, and words that may be. */
struct found {
	const struct object_reader *reader;
	uint64_t *sure, *maybe;
	size_t sure_count, maybe_count, room;
};

/* The interpreter itself leaves keys out that are strings. */
static bool is_string(const struct object_reader *reader, uint64_t address)
{
	return reader->types->items[object_type_at(reader, address)].kind == KIND_STR;
}

static void take_reference(void *context, uint64_t target, uint32_t label)
{
	struct found *found = context;
	enum label_kind kind = label_kind(label);

	assert_true(found->sure_count + found->maybe_count < found->room);
	if (kind == LABEL_FIELD || kind == LABEL_RAW ||
	    (kind == LABEL_KEY && is_string(found->reader, target)))
		found->maybe[found->maybe_count++] = target;
	else
		found->sure[found->sure_count++] = target;
}

static bool has(const uint64_t *items, size_t count, uint64_t wanted)
{
	for (size_t i = 0; i < count; i++)
		if (items[i] == wanted)
			return true;
	return false;
}

static bool is_one_of(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(text, *names))
			return true;
	return false;
}

/* Attributes of these are not looked for where the type says from their end where they are. */
static const char *const have_more[] = {"SUB_TUPLE", "SUB_STR", NULL};

/* Something of these is told of what lies between: a frame, a closure,
 * values that are a dictionary's. */
static const char *const lead_further[] = {"GENERATOR", "COROUTINE", "FRAME",       "FUNCTION",
					   "LOCAL",     "OPENED",    "OPENED_DICT", NULL};

static void check_references(const struct patient *patient, const struct told *told)
{
	const struct graph *graph = &patient->objects.graph;
	struct found found = {.reader = graph->reader, .room = 1 << 16};
	struct object object;

	found.sure = calloc(found.room, sizeof(*found.sure));
	found.maybe = calloc(found.room, sizeof(*found.maybe));
	assert_true(graph_object(graph, graph_find(graph, told->address, false), &object));
	object_references(graph->reader, &object, take_reference, NULL, &found);
	for (size_t i = 0; i < told->referent_count && !is_one_of(told->name, have_more); i++)
		if (!has(found.sure, found.sure_count, told->referents[i]) &&
		    !has(found.maybe, found.maybe_count, told->referents[i]))
			fail_msg("%s (%s): of %zu referents number %zu is missing", told->name,
				 told->type, told->referent_count, i);
	for (size_t i = 0; i < found.sure_count && !is_one_of(told->name, lead_further); i++)
		if (!has(told->referents, told->referent_count, found.sure[i]))
			fail_msg("%s (%s): of %zu references number %zu is none", told->name,
				 told->type, found.sure_count, i);
	free(found.sure);
	free(found.maybe);
}

static void check_number(const struct told *told, const char *what, uint64_t is, uint64_t wanted)
{
	if (is != wanted)
		fail_msg("%s (%s): %s %lu, not %lu", told->name, told->type, what, is, wanted);
}

/* What is in pools counts there. */
static void check_size(struct object_reader *reader, const struct told *told, uint32_t type)
{
	static const char *const of_one_block[] = {"builtins.tuple", "builtins.bytes",
						   "builtins.str", NULL};
	uint64_t basic = reader->types->items[type].basic_bytes;
	uint64_t beside = (uint64_t)told->size - basic;

	if (is_one_of(told->type, of_one_block)) {
		check_number(told, "bytes", object_bytes(reader, told->address, type),
			     (uint64_t)told->size);
		beside = 0;
	}
	check_number(told, "bytes beside it", object_payload(reader, told->address, type),
		     beside > POOL_BLOCK_BYTES_MAX ? beside : 0);
}

static void check_figures(const struct patient *patient, const struct told *told)
{
	static const char builtins[] = "builtins.";
	const struct graph *graph = &patient->objects.graph;
	struct object_reader *reader = graph->reader;
	uint32_t type = graph_type(graph, graph_find(graph, told->address, false));
	bool is_builtin = !strncmp(told->type, builtins, strlen(builtins));

	assert_string_equal(reader->types->items[type].name,
			    told->type + (is_builtin ? strlen(builtins) : 0));
	if (told->size >= 0)
		check_size(reader, told, type);
	if (told->length >= 0)
		check_number(told, "entries", object_length(reader, told->address, type),
			     (uint64_t)told->length);
	check_number(told, "bound", object_bound(reader, told->address, type),
		     (uint64_t)told->bound);
}

static void check_name(const struct patient *patient, const struct told *told)
{
	const struct graph *graph = &patient->objects.graph;
	char name[OBJECT_NAME_BYTES] = "", expected[64];

	snprintf(expected, sizeof(expected), "__main__.%s", told->name);
	name_of_node(graph, graph_find(graph, told->address, false), 0, name);
	assert_string_equal(name, expected);
}

static struct look *report(struct patient *patient)
{
	const struct objects_request request = {.containers = 100};

	return patient_report(patient, &request);
}

static void check_near(const char *what, uint64_t is, uint64_t wanted, uint64_t most)
{
	if (is > wanted + most || is + most < wanted)
		fail_msg("%s: %lu, not %lu", what, is, wanted);
}

/* Where it is, by whom, and what malloc says of itself; the parts are all of it. */
static void check_memory(const struct living *living, const struct look *look)
{
	uint64_t resident = 0;

	assert_true(look->parts_known);
	for (size_t i = 0; i < PART_COUNT; i++)
		resident += look->parts[i].resident_bytes;
	assert_int_equal(resident, look->resident_bytes);
	assert_true(look->parts[PART_PYTHON_LIVE].bytes > 500000);
	assert_true(look->parts[PART_STACKS].resident_bytes > 4096);
	assert_true(look->parts[PART_FILES].resident_bytes > 1000000);
	assert_true(look->swapped_bytes || look->anonymous_bytes < look->resident_bytes);
	if (!living->system_bytes)
		return; /* its C library does not say */
	assert_non_null(look->malloc);
	assert_int_equal(look->malloc->system_bytes, living->system_bytes);
	assert_int_equal(look->malloc->mmapped_chunks, living->mmapped_chunks);
	assert_int_equal(look->malloc->mmapped_bytes, living->mmapped_bytes);
	/* what printing that took is not */
	check_near("free", look->malloc->free_bytes, living->free_bytes, 16384);
}

static void check_told(const char *path)
{
	struct living *living = start(path);
	struct patient *patient = open_patient(living, BUDGET_MB);

	assert_true(living->count > 40);
	take_look(patient);
	assert_true(patient->objects.has_graph);
	for (size_t i = 0; i < living->count; i++) {
		const struct told *told = &living->told[i];

		if (!graph_find(&patient->objects.graph, told->address, false))
			fail_msg("%s was not found", told->name);
		check_name(patient, told);
		check_figures(patient, told);
		check_references(patient, told);
	}
	struct look *look = report(patient);

	check_memory(living, look);
	assert_true(look->gc.known);
	look_free(look);
	close_patient(patient);
	stop(living);
}

static void test_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < pythons.gl_pathc; i++) {
		print_message("%s\n", pythons.gl_pathv[i]);
		check_told(pythons.gl_pathv[i]);
	}
}

/* --- what grew --- */

static const struct look_grown *find_grown(const struct look *look, const char *name)
{
	for (size_t i = 0; look->growth && i < look->growth->container_count; i++) {
		const struct look_grown *grown = &look->growth->containers[i];

		if (grown->name && !strcmp(grown->name, name))
			return grown;
	}
	fail_msg("%s does not grow", name);
	return NULL;
}

static const struct look_count *find_count(const struct look_count *items, size_t count,
					   const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(items[i].name, name))
			return &items[i];
	return NULL;
}

/* Three looks tell, of what grew in between twice. */
static void check_growth(const char *path, uint64_t megabytes)
{
	static const struct {
		const char *name, *type;
		uint64_t length;
	} grows[] = {{"__main__.GROWING", "list", 2 * ROUND + 1},
		     {"__main__.GROWING_DICT", "dict", 2 * ROUND},
		     {"__main__.GROWING_DEQUE", "collections.deque", 2 * ROUND}};
	struct living *living = start(path);
	struct patient *patient = open_patient(living, megabytes);

	take_look(patient);
	for (int i = 0; i < 2; i++) {
		tell(living, "grow");
		take_look(patient);
	}
	bool streamed = patient->objects.streamed;

	assert_int_equal(streamed, megabytes == LITTLE_MB);
	assert_int_equal(objects_find_chains(&patient->objects), 0);
	struct look *look = report(patient);

	assert_int_equal(look->growth->looks, 3);
	for (size_t i = 0; i < sizeof(grows) / sizeof(grows[0]); i++) {
		const struct look_grown *grown = find_grown(look, grows[i].name);

		assert_string_equal(grown->type, grows[i].type);
		assert_int_equal(grown->length, grows[i].length);
		assert_int_equal(grown->containers, 1);
		if (streamed) { /* it counts since it was first seen to grow */
			assert_in_range(grown->grown, ROUND, 2 * ROUND);
			continue;
		}
		assert_int_equal(grown->grown, 2 * ROUND);
		assert_string_equal(grown->of, "list");
		assert_false(grown->garbage);
	}
	const struct look_count *lists =
		find_count(look->growth->types, look->growth->type_count, "list");

	assert_non_null(lists);
	assert_in_range(lists->count, 6 * ROUND, 6 * ROUND + 4);
	look_free(look);
	close_patient(patient);
	stop(living);
}

static void test_growth(void **state)
{
	(void)state;
	for (size_t i = 0; i < pythons.gl_pathc && i < SOME; i++) {
		print_message("%s\n", pythons.gl_pathv[i]);
		check_growth(pythons.gl_pathv[i], BUDGET_MB);
		check_growth(pythons.gl_pathv[i], LITTLE_MB);
	}
}

/* --- garbage --- */

static uint64_t garbage_of(const struct look *look, const char *type)
{
	for (size_t i = 0; i < look->garbage_count; i++)
		if (!strcmp(look->garbage[i].type, type) && !strcmp(look->garbage[i].why, "cycle"))
			return look->garbage[i].count;
	return 0;
}

static const struct look_type *find_type(const struct look *look, const char *name)
{
	for (size_t i = 0; i < look->type_count; i++)
		if (!strcmp(look->types[i].name, name))
			return &look->types[i];
	return NULL;
}

static void check_garbage(const char *path)
{
	struct living *living = start(path);
	struct patient *patient = open_patient(living, BUDGET_MB);

	take_look(patient);
	struct look *before = report(patient);
	tell(living, "drop");
	take_look(patient);
	take_look(patient); /* what is garbage at one look alone may just have been torn */
	struct look *after = report(patient);

	assert_int_equal(garbage_of(before, "__main__.Node"), 0);
	assert_in_range(garbage_of(after, "__main__.Node"), ROUND - 1, ROUND);
	assert_in_range(garbage_of(after, "list") - garbage_of(before, "list"), ROUND - 1, ROUND);
	assert_null(find_type(before, "__main__.Node"));
	assert_int_equal(find_type(after, "__main__.Node")->count, ROUND);
	assert_int_equal(find_type(after, "__main__.Plain")->count, ROUND + 3);
	assert_false(after->gc.enabled);
	look_free(before);
	look_free(after);
	close_patient(patient);
	stop(living);
}

static void test_garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < pythons.gl_pathc && i < SOME; i++) {
		print_message("%s\n", pythons.gl_pathv[i]);
		check_garbage(pythons.gl_pathv[i]);
	}
}

static int begin(void **state)
{
	(void)state;
	confined = confined_new();
	find_pythons("{[89],1[0-4]}", &pythons);
	return confined ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	confined_free(confined);
	globfree(&pythons);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests_name("told objects", tests, begin, end);
}
