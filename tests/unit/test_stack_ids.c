/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "output/output.h"
#include "profile/pprof.h"
#include "profile/snapshot_merge.h"
#include "profile/stack_ids.h"
#include "snapshots.h"

#define ID "5e0f1c2d3b4a59687786a5b4c3d2e1f00f1e2d3c"

/* A process of one program: its numbers, what was there before it, and where its code lies. */
struct run {
	uint32_t pid;
	const char *directory;
	uint64_t start;
	const char *build_id;
	const char *jit; /* what code outside of files is called */
	uint64_t address;
	bool stripped;
};

static const struct run one_run = {1234,           "/srv/a",   0x555555554000, ID,
				   "[0x7f0000a0]", 0x7f0000a0, false};

static uint64_t id_of(const struct snapshot *snapshot, size_t stack)
{
	struct stack_ids *ids = stack_ids_new(snapshot);
	uint64_t id = stack_id(ids, &snapshot->stacks[stack]);

	stack_ids_free(ids);
	return id;
}

/* main, a JIT's code, a Python function and, inlined into a native one, an allocator. */
static struct snapshot *snapshot_of(const struct run *run)
{
	struct snapshot *snapshot = snapshot_new();
	char path[64];
	size_t count = run->stripped ? 4 : 5;
	const char *file = run->stripped ? NULL : "main.c";

	snprintf(path, sizeof(path), "%s/app", run->directory);
	const struct snapshot_module module = {.path = path,
					       .build_id = run->build_id,
					       .start = run->start,
					       .limit = run->start + 0x1000,
					       .bias = run->start};
	const struct frame frames[] = {
		{run->stripped ? "[app+0x1200]" : "main", file, path, 0x1200, 12, FRAME_NATIVE},
		{run->jit, NULL, NULL, run->address, 0, FRAME_NATIVE},
		{"View.handle", "/srv/app/views.py", NULL, 0, 88, FRAME_PYTHON},
		{run->stripped ? "[app+0x1300]" : "fill", file, path, 0x1300, 20, FRAME_NATIVE},
		{"allocate", "new.h", path, 0x1300, 3, FRAME_INLINED},
	};

	add_target(snapshot, run->pid, "app", path, "");
	snapshot_note_module(snapshot, &module);
	add_stack(snapshot, 0, frames, count, 1000, 10);
	return snapshot;
}

/* Whether a run has the ids of the first one. */
static bool is_same(const struct run *run)
{
	struct snapshot *first = snapshot_of(&one_run), *second = snapshot_of(run);
	bool same = id_of(first, 0) == id_of(second, 0);

	snapshot_free(first);
	snapshot_free(second);
	return same;
}

static void test_runs_of_a_program_share_ids(void **state)
{
	struct run run = one_run;

	(void)state;
	assert_true(is_same(&run));
	run.pid = 99;
	run.directory = "/proc/1/root/elsewhere";
	run.start = 0x7fffdead0000;
	assert_true(is_same(&run));
	run.jit = "[0x7fffbeef]"; /* no more than that it has no name is known of either */
	run.address = 0x7fffbeef;
	assert_true(is_same(&run));
	run.stripped = true; /* names and lines are found once and not another time */
	assert_true(is_same(&run));
}

static void test_other_programs_have_others(void **state)
{
	struct run run = one_run;

	(void)state;
	run.build_id = "00" ID;
	assert_false(is_same(&run));
	run.build_id = NULL;
	assert_false(is_same(&run));
	run = one_run;
	run.jit = "LazyCompile:*fill";
	assert_false(is_same(&run));
}

/* Then its name is what remains of a file. */
static void test_files_without_a_build_id(void **state)
{
	struct run first = one_run, second = one_run;

	(void)state;
	first.build_id = second.build_id = NULL;
	second.directory = "/elsewhere";
	struct snapshot *a = snapshot_of(&first), *b = snapshot_of(&second);

	assert_true(id_of(a, 0) == id_of(b, 0));
	snapshot_free(b);
	b = snapshot_of(&one_run);
	snapshot_note_module(b, &(struct snapshot_module){.path = "/srv/a/app", .build_id = "77"});
	assert_true(id_of(a, 0) == id_of(b, 0));
	snapshot_free(a);
	snapshot_free(b);
}

static struct frame python_frame(const char *name, const char *file, uint32_t line)
{
	return (struct frame){.name = name, .file = file, .line = line, .kind = FRAME_PYTHON};
}

static void test_different_stacks_have_different_ids(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	const struct frame native = {"f", NULL, "/bin/a", 0x10, 0, FRAME_NATIVE};
	const struct frame later = {"f", NULL, "/bin/a", 0x18, 0, FRAME_NATIVE};
	const struct frame both[] = {native, later, native};
	const struct frame pythons[] = {python_frame("f", "a.py", 1), python_frame("g", "a.py", 1),
					python_frame("f", "b.py", 1), python_frame("f", "a.py", 2),
					python_frame("fa.py", "", 1)};
	const struct frame bare[] = {{.name = "[stack table full]"}, {.name = "[0x10]"}};

	(void)state;
	add_target(snapshot, 1, "a", "/bin/a", "");
	add_stack(snapshot, 0, NULL, 0, 1, 1);
	add_stack(snapshot, 0, &native, 1, 1, 1);
	add_stack(snapshot, 0, &native, 1, 1, 1)->domain = DOMAIN_PYTHON;
	add_stack(snapshot, 0, &native, 1, 1, 1)->truncated = true;
	add_stack(snapshot, 0, &later, 1, 1, 1);
	add_stack(snapshot, 0, both, 2, 1, 1);
	add_stack(snapshot, 0, both + 1, 2, 1, 1);
	for (size_t i = 0; i < sizeof(pythons) / sizeof(*pythons); i++)
		add_stack(snapshot, 0, &pythons[i], 1, 1, 1);
	add_stack(snapshot, 0, &bare[0], 1, 1, 1);
	add_stack(snapshot, 0, &bare[1], 1, 1, 1);
	for (size_t i = 0; i < snapshot->stack_count; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(id_of(snapshot, i) != id_of(snapshot, j));
	snapshot_free(snapshot);
}

static void test_saved_profiles_keep_them(void **state)
{
	struct snapshot *snapshot = snapshot_of(&one_run), *read, *merged;
	char *data = NULL, error[128] = "";
	size_t size;
	FILE *file = open_memstream(&data, &size);

	(void)state;
	assert_int_equal(output_format_by_name("pprof")->write(snapshot, NULL, file), 0);
	fclose(file);
	read = profile_read_memory(data, size, error, sizeof(error));
	assert_non_null(read);
	merged = snapshot_merge((struct snapshot *[]){snapshot, read}, 2);
	assert_int_equal(merged->stack_count, 1);
	assert_true(id_of(read, 0) == id_of(snapshot, 0));
	assert_true(id_of(merged, 0) == id_of(snapshot, 0));
	snapshot_free(merged);
	snapshot_free(read);
	snapshot_free(snapshot);
	free(data);
}

static uint64_t name_id_of(struct frame frame, const char *exe)
{
	struct snapshot *snapshot = snapshot_new();

	add_target(snapshot, 1, "app", exe, "");
	add_stack(snapshot, 0, &frame, 1, 1, 1);
	struct stack_ids *ids = stack_ids_new(snapshot);
	uint64_t id = stack_name_id(ids, &snapshot->stacks[0]);

	stack_ids_free(ids);
	snapshot_free(snapshot);
	return id;
}

static uint64_t native_name_id(const char *name, const char *module, uint64_t offset)
{
	return name_id_of((struct frame){name, "a.c", module, offset, 7, FRAME_NATIVE},
			  "/srv/app-2");
}

/* Two builds and two hosts. */
static void test_ids_by_names_outlive_a_build(void **state)
{
	const uint64_t here = native_name_id("put", "/usr/lib/libcache.so.2", 0x10);

	(void)state;
	assert_true(native_name_id("put", "/opt/lib/libcache.so.2.1", 0x99) == here);
	assert_true(native_name_id("put.constprop.0", "/usr/lib/libcache.so", 0x10) == here);
	assert_true(native_name_id("get", "/usr/lib/libcache.so.2", 0x10) != here);
	assert_true(native_name_id("put", "/usr/lib/libother.so.2", 0x10) != here);
	assert_true(native_name_id("main", "/srv/app-2", 1) ==
		    name_id_of((struct frame){"main", "a.c", "/srv/app", 2, 9, FRAME_NATIVE},
			       "/srv/app"));
	assert_true(native_name_id("[app+0x10]", "/srv/app-2", 0x10) !=
		    native_name_id("[app+0x20]", "/srv/app-2", 0x20));
	assert_true(name_id_of(python_frame("f", "/srv/a/shop/views.py", 7), NULL) ==
		    name_id_of(python_frame("f", "/opt/shop/views.py", 9), NULL));
	assert_true(name_id_of(python_frame("f", "/srv/shop/views.py", 7), NULL) !=
		    name_id_of(python_frame("f", "/srv/blog/views.py", 7), NULL));
}

/* Reports that were saved are compared with new ones: what an id is made of may not change. */
static void test_ids_stay_what_they_are(void **state)
{
	struct snapshot *snapshot = snapshot_of(&one_run);

	(void)state;
	assert_true(id_of(snapshot, 0) == UINT64_C(0xec6a82b4e22b1fc5));
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_of_a_program_share_ids),
		cmocka_unit_test(test_other_programs_have_others),
		cmocka_unit_test(test_files_without_a_build_id),
		cmocka_unit_test(test_different_stacks_have_different_ids),
		cmocka_unit_test(test_saved_profiles_keep_them),
		cmocka_unit_test(test_ids_by_names_outlive_a_build),
		cmocka_unit_test(test_ids_stay_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
