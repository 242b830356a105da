/* SPDX-License-Identifier: BSD-2-Clause */
/* Where names are missing, what would give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "output/name_hints.h"
#include "snapshots.h"

static const struct frame named = {"main", "/src/a.c", "/srv/app", 0x10, 3, FRAME_NATIVE};
static const struct frame jit = {"[0x7f3000000010]", NULL, NULL, 0x7f3000000010, 0, FRAME_NATIVE};
static const struct frame stripped = {"[libx.so.1+0x20]", NULL, "/lib/libx.so.1", 0x20, 0,
				      FRAME_NATIVE};

/* What is said of a snapshot, which is freed; to be freed. */
static char *hints_in(struct snapshot *snapshot)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct columns columns;

	assert_int_equal(columns_init(&columns, file), 0);
	name_hints_print(&columns, snapshot);
	columns_release(&columns);
	fclose(file);
	snapshot_free(snapshot);
	return text;
}

/* What is said where `bytes` of 1000 have that frame; to be freed. */
static char *hints_of(const char *exe, const struct frame *frame, uint64_t bytes)
{
	struct snapshot *snapshot = snapshot_new();

	add_target(snapshot, 77, "app", exe, "");
	add_stack(snapshot, 0, (struct frame[]){named, *frame}, 2, bytes, 1);
	add_stack(snapshot, 0, (struct frame[]){named}, 1, 1000 - bytes, 1);
	return hints_in(snapshot);
}

static void expect(const char *exe, const struct frame *frame, const char *said)
{
	char *text = hints_of(exe, frame, 600);
	char flat[500];
	size_t length = 0;

	for (const char *at = text; *at; at++) /* broken at 80 columns */
		if (*at != '\n' && !(*at == ' ' && length && flat[length - 1] == ' '))
			flat[length++] = *at;
		else if (*at == '\n' && length && flat[length - 1] != ' ')
			flat[length++] = ' ';
	flat[length] = '\0';
	if (!strstr(flat, said))
		fail_msg("\"%s\" does not say \"%s\"", flat, said);
	free(text);
}

static void what_names_code_depends_on_what_makes_it(void **state)
{
	(void)state;
	expect("/usr/lib/jvm/bin/java", &jit, "60 % of that");
	expect("/usr/lib/jvm/bin/java", &jit, "jcmd 77 Compiler.perfmap");
	expect("/usr/bin/node", &jit, "--perf-basic-prof");
	expect("/srv/app", &jit, "/tmp/perf-PID.map");
	expect("/srv/app", &stripped, "libx.so.1: its debug symbols");
	expect("/srv/app", &stripped, "-dbgsym");
	expect("/srv/app", &stripped, "DEBUGINFOD_URLS");
}

/* Who moves the objects of a heap is nobody's question. */
static void a_runtime_tells_what_fills_its_heap(void **state)
{
	static const struct {
		enum trace_mode mode;
		const char *mappings, *hint;
	} cases[] = {
		{MODE_GROWTH, "Java", "jcmd 77 GC.class_histogram\n"},
		{MODE_GROWTH, ".NET", "dotnet-gcdump report -p 77\n"},
		{MODE_GROWTH, "Go", ""},
		{MODE_GROWTH, NULL, ""},
		{MODE_EXACT, "Java", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct snapshot *snapshot = snapshot_new();

		add_target(snapshot, 77, "app", "/srv/app", "");
		snapshot->mode = cases[i].mode;
		snapshot->targets[0].own_mappings = cases[i].mappings;
		char *text = hints_in(snapshot);

		assert_true(*cases[i].hint ? strstr(text, cases[i].hint) != NULL : !*text);
		free(text);
	}
}

static void little_is_worth_no_word(void **state)
{
	char *few = hints_of("/usr/bin/java", &jit, 100), *none = hints_of("/app", &named, 900);

	(void)state;
	assert_string_equal(few, "");
	assert_string_equal(none, "");
	free(few);
	free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_names_code_depends_on_what_makes_it),
		cmocka_unit_test(a_runtime_tells_what_fills_its_heap),
		cmocka_unit_test(little_is_worth_no_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
