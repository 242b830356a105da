/* SPDX-License-Identifier: BSD-2-Clause */
/* Which functions of a program allocate for others: by name, and by what they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "output/own_frame.h"
#include "snapshots.h"

#define EXE "/srv/shop/bin/shop"

enum { MANY = 12 };

/* `names`: from the outermost to what called the allocator; of a library
 * those that begin with a dot. */
static void add(struct snapshot *snapshot, const char *const *names, uint64_t size)
{
	struct frame frames[8];
	size_t count = 0;

	for (; names[count]; count++)
		frames[count] = (struct frame){
			.name = names[count] + (*names[count] == '.'),
			.module = *names[count] == '.' ? "/usr/lib/libc.so.6" : EXE,
			.offset = size,
		};
	add_stack(snapshot, 0, frames, count, 10 * size, 10);
	snapshot->stacks[snapshot->stack_count - 1].alloc_bytes = 10 * size;
	snapshot->stacks[snapshot->stack_count - 1].alloc_blocks = 10;
}

#define ADD(snapshot, size, ...) \
	add(snapshot, (const char *const[]){"main", __VA_ARGS__, NULL}, size)

static struct snapshot *begin(void)
{
	struct snapshot *snapshot = snapshot_new();

	add_target(snapshot, 1, "shop", EXE, "-v");
	return snapshot;
}

/* What the stack that was added last is told by, until the next one is. */
static const char *told(struct snapshot *snapshot)
{
	static char name[64];
	struct alloc_functions functions;
	struct app_paths app = {.alloc_functions = &functions};
	const struct frame *frame;

	alloc_functions_find(&functions, snapshot);
	frame = stack_own_frame(snapshot, &snapshot->stacks[snapshot->stack_count - 1], &app);
	snprintf(name, sizeof(name), "%s", frame ? frame->name : "");
	alloc_functions_release(&functions);
	snapshot_free(snapshot);
	return name;
}

static const char *told_of(const char *name)
{
	struct snapshot *snapshot = begin();

	ADD(snapshot, 100, "load", name);
	return told(snapshot);
}

static void test_by_the_end_of_a_name(void **state)
{
	static const char *const names[] = {"xmalloc",
					    "zcalloc",
					    "git_xstrdup",
					    "util::XRealloc(void*, long)",
					    "ztrymalloc_usable",
					    "my_memdup<int>(int)",
					    "pool_alloc",
					    "Pool::allocate(unsigned long)",
					    NULL};

	(void)state;
	for (const char *const *name = names; *name; name++)
		assert_string_equal(told_of(*name), "load");
	assert_string_equal(told_of("allocated"), "allocated");
	assert_string_equal(told_of("alloc_session"), "alloc_session"); /* by one caller */
	assert_string_equal(told_of("Pool<malloc>::get()"), "Pool<malloc>::get()");
}

static void test_over_each_other(void **state)
{
	struct snapshot *snapshot = begin();

	(void)state;
	ADD(snapshot, 100, "load", "xmalloc", "do_xmalloc");
	assert_string_equal(told(snapshot), "load");
	snapshot = begin();
	ADD(snapshot, 100, "load", "xstrdup", ".strdup");
	assert_string_equal(told(snapshot), "load");
	snapshot = begin();
	ADD(snapshot, 100, "load", "parse", ".xmlNewNode"); /* that is no way to an allocator */
	assert_string_equal(told(snapshot), "parse");
}

/* What is called for sizes that its callers want, and what makes objects. */
static void test_names_that_speak_of_it(void **state)
{
	struct snapshot *snapshot = begin();

	(void)state;
	ADD(snapshot, 100, "load", "ngx_alloc_in");
	ADD(snapshot, 200, "store", "ngx_alloc_in");
	assert_string_equal(told(snapshot), "store");
	snapshot = begin();
	ADD(snapshot, 100, "load", "alloc_session");
	ADD(snapshot, 100, "store", "alloc_session");
	assert_string_equal(told(snapshot), "alloc_session");
}

static void add_many(struct snapshot *snapshot, const char *name, size_t callers, uint64_t step)
{
	static const char *const names[MANY] = {"a", "b", "c", "d", "e", "f",
						"g", "h", "i", "j", "k", "l"};

	for (size_t i = 0; i < callers; i++)
		ADD(snapshot, 100 + step * i, names[i], name);
}

static void test_by_what_it_does(void **state)
{
	struct snapshot *snapshot = begin();

	(void)state;
	add_many(snapshot, "memory_get", MANY, 100);
	assert_string_equal(told(snapshot), "l");
	snapshot = begin();
	add_many(snapshot, "make_node", MANY, 0);
	assert_string_equal(told(snapshot), "make_node");
	snapshot = begin();
	add_many(snapshot, "memory_get", 6, 100); /* too few */
	assert_string_equal(told(snapshot), "memory_get");
}

/* It is more than a way to the allocator: code of its own allocates below it. */
static void test_what_allocates_by_others_too(void **state)
{
	struct snapshot *snapshot = begin();

	(void)state;
	ADD(snapshot, 100, "a", "parse", "make_node");
	add_many(snapshot, "parse", MANY, 100);
	assert_string_equal(told(snapshot), "parse");
	snapshot = begin();
	ADD(snapshot, 100, "a", "parse", ".xmlNewNode");
	add_many(snapshot, "parse", MANY, 100);
	assert_string_equal(told(snapshot), "parse");
}

static void test_where_there_is_no_allocator(void **state)
{
	struct snapshot *snapshot = begin();

	(void)state;
	ADD(snapshot, 100, "load", "xmalloc");
	snapshot->mode = MODE_GROWTH; /* who touches a page */
	assert_string_equal(told(snapshot), "xmalloc");
	snapshot = begin();
	add(snapshot, (const char *const[]){"xmalloc", NULL}, 100); /* nothing called it */
	assert_string_equal(told(snapshot), "xmalloc");
}

static void test_that_are_given(void **state)
{
	const char *names[] = {"fetch"};
	const struct app_paths app = {.alloc_names = names, .alloc_name_count = 1};
	struct snapshot *snapshot = begin();

	(void)state;
	ADD(snapshot, 100, "load", "fetch(unsigned long)");
	ADD(snapshot, 100, "load", "fetch_all");
	assert_string_equal(stack_own_frame(snapshot, &snapshot->stacks[0], &app)->name, "load");
	assert_string_equal(stack_own_frame(snapshot, &snapshot->stacks[1], &app)->name,
			    "fetch_all");
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_the_end_of_a_name),
		cmocka_unit_test(test_over_each_other),
		cmocka_unit_test(test_names_that_speak_of_it),
		cmocka_unit_test(test_by_what_it_does),
		cmocka_unit_test(test_what_allocates_by_others_too),
		cmocka_unit_test(test_where_there_is_no_allocator),
		cmocka_unit_test(test_that_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
