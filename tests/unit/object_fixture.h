/* SPDX-License-Identifier: BSD-2-Clause */
/* A made-up interpreter (object_space.h) that is looked at, for each test anew. */
#ifndef TEST_OBJECT_FIXTURE_H
#define TEST_OBJECT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "object_space.h"
#include "python/objects/names.h"

struct fixture {
	char root[64];
	struct procfs procfs;
	struct object_space *space;
	struct python_interpreter interpreter;
	struct objects objects;
};

static inline int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->procfs.root = space_make_procfs(fixture->root);
	fixture->space = space_new();
	fixture->interpreter = space_interpreter(fixture->space);
	*state = fixture;
	return space_open(fixture->space, &fixture->procfs, &fixture->interpreter,
			  &fixture->objects);
}

static inline int end(void **state)
{
	struct fixture *fixture = *state;

	objects_release(&fixture->objects);
	space_remove_procfs(fixture->root);
	free(fixture->space);
	free(fixture);
	return 0;
}

static inline const char *name_of(struct fixture *fixture, uint64_t address, unsigned int form)
{
	static char name[OBJECT_NAME_BYTES];
	const struct graph *graph = &fixture->objects.graph;

	if (!name_of_node(graph, graph_find(graph, address, false), form, name))
		return "";
	return name;
}

static inline void look(struct fixture *fixture)
{
	assert_int_equal(objects_look(&fixture->objects, true), 0);
	assert_true(fixture->objects.has_graph);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
