/* SPDX-License-Identifier: BSD-2-Clause */
/* What a report says for people, and that it keeps to a screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "output/columns.h"
#include "profile/snapshot_since.h"
#include "snapshots.h"

/* A request that a view of one's own makes, and a library serves with more frames than are
 * shown. */
static void add_query(struct snapshot *snapshot, size_t target)
{
	enum { LIBRARY_FRAMES = 40 };
	struct frame frames[LIBRARY_FRAMES + 2] = {
		{"<module>", "/usr/lib/python3/dist-packages/gunicorn/app.py", NULL, 0, 3,
		 FRAME_PYTHON},
		{"recommend", "/srv/shop/views.py", NULL, 0, 7, FRAME_PYTHON},
	};

	for (int i = 0; i < LIBRARY_FRAMES; i++)
		frames[2 + i] = (struct frame){
			"QuerySet.fetch", "/usr/lib/python3/dist-packages/orm.py", NULL, 0, 9,
			FRAME_PYTHON};
	add_stack(snapshot, target, frames, LIBRARY_FRAMES + 2, 1000, 1);
}

static void test_text_names_own_code_behind_a_library(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	char *text;

	(void)state;
	add_target(snapshot, 7, "shop", "/usr/bin/python3", "serve.py");
	add_query(snapshot, 0);
	text = render(snapshot, "text", NULL, NULL);
	assert_non_null(strstr(text, " more\n        <- recommend (views.py:7) <- … 1 more\n"));
	free(text);
	snapshot_free(snapshot);
}

/* What holds next to nothing fills no second screen, unless it is asked for. */
static void test_text_leaves_trifles_out(void **state)
{
	struct output_options all = {.top = 20};
	struct snapshot *snapshot = snapshot_new();
	char name[16], *text;

	(void)state;
	add_target(snapshot, 7, "broker", "/usr/sbin/broker", "broker");
	for (int i = 0; i < 13; i++) {
		struct frame frame = {name, "/usr/sbin/broker", NULL, 0, i + 1, FRAME_NATIVE};

		snprintf(name, sizeof(name), "keep_%d", i);
		add_stack(snapshot, 0, &frame, 1, i ? 490 + (uint64_t)i : 1000000, 1);
	}
	snapshot_sort(snapshot);
	text = render(snapshot, "text", NULL, NULL);
	assert_non_null(strstr(text, "10. 494 B  0.0 %  1 block"));
	assert_non_null(strstr(text, "    3 more stacks with 1.5 kB\n"));
	assert_null(strstr(text, "11. "));
	free(text);
	text = render(snapshot, "text", &all, NULL);
	assert_non_null(strstr(text, "13. "));
	assert_null(strstr(text, "more stacks"));
	free(text);
	snapshot_free(snapshot);
}

static void test_text_says_when_a_place_is_of_several_processes(void **state)
{
	struct output_options by_line = {.by = BY_LINE}, apart = {.by = BY_PID};
	struct snapshot *snapshot = snapshot_new();
	char *text;

	(void)state;
	add_target(snapshot, 7, "shop", "/usr/bin/python3", "serve.py");
	add_target(snapshot, 8, "shop", "/usr/bin/python3", "serve.py");
	add_query(snapshot, 0);
	add_query(snapshot, 1);
	text = render(snapshot, "text", &by_line, NULL);
	assert_non_null(strstr(text, " 1. 2.0 kB  100 %  2 blocks"));
	assert_non_null(strstr(text, "  in several processes\n      freed "));
	free(text);
	snapshot->targets[1].exe = snapshot->targets[0].exe;
	snapshot->targets[1].comm = snapshot->targets[0].comm;
	text = render(snapshot, "text", &apart, NULL);
	assert_non_null(strstr(text, "shop (7), shop (8)"));
	assert_non_null(strstr(text, "  in shop (8)  freed "));
	free(text);
	snapshot_free(snapshot);
}

/* Twelve stacks through a library, each small, that one function of the service is behind. */
static struct snapshot *scattered_snapshot(void)
{
	static const struct frame own = {"load", "/srv/shop/views.py", NULL, 0, 41, FRAME_PYTHON};
	static const struct frame other = {"tick", "/srv/shop/cron.py", NULL, 0, 7, FRAME_PYTHON};
	struct snapshot *snapshot = snapshot_new();

	add_target(snapshot, 7, "shop", "/usr/bin/python3", "serve.py");
	for (uint32_t i = 0; i < 12; i++) {
		struct frame library = {"compile", "/usr/lib/python3/dist-packages/sql/engine.py",
					NULL,      0,
					100 + i,   FRAME_PYTHON};

		add_stack(snapshot, 0, (struct frame[]){own, library}, 2, 1000 + i, 1);
	}
	add_stack(snapshot, 0, &other, 1, 2000, 1);
	snapshot_sort(snapshot);
	return snapshot;
}

/* A process that sleeps is many times dearer when a hundredth of nothing is added. */
static void test_overhead_of_what_hardly_runs(void **state)
{
	static const struct {
		double percent, core_percent;
		const char *says;
	} cases[] = {
		{-1, -1, "exact\n"},
		{2, 0.01, "overhead ~2.0 % of its CPU, 0.0 % of a core\n"},
		{1680, 94.4, "overhead ~1680 % of its CPU, 94 % of a core\n"},
		{8508, 3.3, "overhead ~3.3 % of a core, more than its own\n"},
		{8508, -1, "overhead ~8508 %\n"},
	};
	struct snapshot *snapshot = snapshot_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snapshot->overhead_percent = cases[i].percent;
		snapshot->overhead_core_percent = cases[i].core_percent;
		char *text = render(snapshot, "text", NULL, NULL);

		assert_non_null(strstr(text, cases[i].says));
		free(text);
	}
	snapshot_free(snapshot);
}

static void test_text_by_own_code(void **state)
{
	struct output_options by_app = {.by = BY_APP};
	struct snapshot *snapshot = scattered_snapshot();
	char *text = render(snapshot, "text", &by_app, NULL);

	(void)state;
	assert_non_null(strstr(text, " 1. 12.1 kB  86 %  12 blocks"));
	assert_non_null(strstr(text, "      load (/srv/shop/views.py), 12 stacks, the largest:\n"));
	assert_non_null(strstr(text, " 2. 2.0 kB  14 %  1 block"));
	assert_null(strstr(text, "hint"));
	free(text);
	text = render(snapshot, "text", NULL, NULL);
	assert_non_null(
		strstr(text, "hint: load (/srv/shop/views.py) holds 86 % of that, by 12 stacks:"));
	free(text);
	snapshot->stack_count = 9;
	text = render(snapshot, "text", NULL, NULL);
	assert_null(strstr(text, "hint"));
	free(text);
	snapshot_free(snapshot);
}

/* A function of the program's own that allocates under many callers is in many stacks, all
 * small. */
static void test_text_hints_at_a_native_leaf(void **state)
{
	static const struct frame leafy = {"leafy", "/src/a.c", "/app", 9, 3, FRAME_NATIVE};
	static const struct frame wrapper = {"wrap", NULL, "/lib/wrap.so", 5, 0, FRAME_NATIVE};
	struct snapshot *snapshot = snapshot_new();
	char *text;

	(void)state;
	add_target(snapshot, 7, "app", "/app", "");
	for (uint64_t i = 0; i < 40; i++) {
		struct frame caller = {"caller", "/src/a.c", "/app", i, i, FRAME_NATIVE};

		add_stack(snapshot, 0, (struct frame[]){caller, leafy, wrapper}, 3, 64, 1);
	}
	text = render(snapshot, "text", NULL, NULL);
	assert_non_null(strstr(text, "hint: leafy (/src/a.c) holds 100 % of that, by 40 stacks"));
	free(text);
	snapshot_free(snapshot);
}

/* Two snapshots of one recording: one stack grew, whose name was not known
 * yet, one shrank, one is new. */
static void test_reports_say_what_changed(void **state)
{
	static const struct frame frames[] = {{"grows", "a.c", "/a", 1, 1, FRAME_NATIVE},
					      {"shrinks", "a.c", "/a", 2, 2, FRAME_NATIVE},
					      {"comes", "a.c", "/a", 3, 3, FRAME_NATIVE}};
	static const struct frame unnamed = {"[a+0x1]", NULL, "/a", 1, 0, FRAME_NATIVE};
	static const uint64_t sizes[][3] = {{1000000, 5000000, 0}, {3500000, 2000000, 1000000}};
	struct since *since = since_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct snapshot *snapshot = snapshot_new();
		char *text;

		add_target(snapshot, 7, "app", "/a", "");
		snapshot->duration_ns = (i + 1) * 10000000000;
		for (size_t j = 0; j < 3; j++)
			if (sizes[i][j]) {
				add_stack(snapshot, 0, i || j ? &frames[j] : &unnamed, 1,
					  sizes[i][j], sizes[i][j] / 1000);
				snapshot->stacks[snapshot->stack_count - 1].number = j + 1;
			}
		since_fill(since, snapshot);
		snapshot_sort(snapshot);
		text = render(snapshot, "text", NULL, NULL);
		assert_int_equal(!strstr(text, "last 10 s"), !i);
		if (i) {
			assert_non_null(strstr(text, "3 stacks; +500.0 kB in the last 10 s\n"));
			assert_non_null(strstr(text, "last 10 s +2.5 MB"));
			assert_non_null(strstr(text, "last 10 s -3.0 MB"));
			assert_non_null(strstr(text, "last 10 s +1.0 MB"));
		}
		free(text);
		text = render(snapshot, "json", NULL, NULL);
		assert_non_null(strstr(text, i ? "\"since_s\":10.0,\"change\":{\"bytes\":500000,"
						 "\"blocks\":500}"
					       : "\"since_s\":null,\"change\":null"));
		free(text);
		snapshot_free(snapshot);
	}
	since_free(since);
}

static void assert_app(const char *path, const char *expected)
{
	struct output_options by_app = {.by = BY_APP, .app = {&path, 1}};
	struct snapshot *snapshot = scattered_snapshot();
	char *text = render(snapshot, "text", &by_app, NULL);

	if (!strstr(text, expected))
		fail_msg("--app %s: no \"%s\" in\n%s", path, expected, text);
	free(text);
	snapshot_free(snapshot);
}

static void test_own_code_is_what_the_user_says(void **state)
{
	(void)state;
	assert_app("/srv/shop", "load (/srv/shop/views.py), 12 stacks");
	assert_app("shop/", "load (/srv/shop/views.py), 12 stacks");
	assert_app("/usr/lib", "compile (/usr/li…on3/dist-packages/sql/engine.py), 12 stacks");
	assert_app("sql/engine.py", "compile (/usr/li…on3/dist-packages/sql/engine.py), 12");
	assert_app("/", "compile (/usr/li…on3/dist-packages/sql/engine.py), 12 stacks");
	/* no part of a name: then all stacks go by their innermost frame */
	assert_app("/srv/sho", "compile (/usr/li…on3/dist-packages/sql/engine.py), 12 stacks");
}

/* Files of one name show as much of their path as tells them apart; __init__.py never stands
 * alone. */
static void test_text_tells_files_of_one_name_apart(void **state)
{
	static const char *const files[] = {
		"/app/db/models/query.py", "/app/db/sql/query.py",  "/srv/models/query.py",
		"/app/views.py",           "/app/shop/__init__.py", "query.py",
		"/app/views.py/",
	};
	static const char *const tails[] = {
		"(db/models/query.py:7)", "(sql/query.py:7)",     "(srv/models/query.py:7)",
		"(views.py:7)",           "(shop/__init__.py:7)", "(query.py:7)",
		"(/app/views.py/:7)",
	};
	struct snapshot *snapshot = snapshot_new();
	char *text;

	(void)state;
	add_target(snapshot, 7, "shop", "/usr/bin/python3", "serve.py");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		add_stack(snapshot, 0, &(struct frame){"f", files[i], NULL, 0, 7, FRAME_PYTHON}, 1,
			  100 - i, 1);
	text = render(snapshot, "text", NULL, NULL);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (!strstr(text, tails[i]))
			fail_msg("no %s in\n%s", tails[i], text);
	free(text);
	snapshot_free(snapshot);
}

static void test_text_keeps_to_a_screen(void **state)
{
	struct snapshot *(*const make[])(void) = {service_snapshot, judged_snapshot,
						  hostile_snapshot, wide_snapshot,
						  scattered_snapshot};

	(void)state;
	for (size_t i = 0; i < sizeof(make) / sizeof(make[0]); i++) {
		for (enum group_by by = BY_STACK; by <= BY_MODULE; by++) {
			struct output_options options = {.by = by};
			struct snapshot *snapshot = make[i]();
			char *text = render(snapshot, "text", &options, NULL);

			for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
				if (columns_count(line) > SCREEN_COLUMNS)
					fail_msg("by %d: \"%s\"", by, line);
			free(text);
			snapshot_free(snapshot);
		}
	}
}

/* Two calls on one line of source are two stacks: they differ in an address alone. */
static void test_text_tells_stacks_that_look_the_same_apart(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	char *text;

	(void)state;
	add_target(snapshot, 7, "app", "/bin/app", "");
	for (uint64_t i = 0; i < 2; i++)
		add_stack(snapshot, 0,
			  (struct frame[]){{"main", "a.c", "/bin/app", 0x100 + i, 9, FRAME_NATIVE},
					   {"take", "a.c", "/bin/app", 0x55, 3, FRAME_NATIVE}},
			  2, 100 - i, 1);
	text = render(snapshot, "text", NULL, NULL);
	assert_non_null(strstr(text, "        told apart by main (a.c:9) at app+0x100\n"));
	assert_non_null(strstr(text, "        told apart by main (a.c:9) at app+0x101\n"));
	free(text);
	snapshot_free(snapshot);
	/* a line says more than an address, and chains show none of native frames */
	snapshot = snapshot_new();
	add_target(snapshot, 7, "app", "/bin/app", "");
	for (uint64_t i = 0; i < 2; i++)
		add_stack(snapshot, 0,
			  (struct frame[]){{"main", "a.c", "/bin/app", 0x100, 9 + i, FRAME_NATIVE},
					   {"take", "a.c", "/bin/app", 0x55 + i, 3, FRAME_NATIVE}},
			  2, 100 - i, 1);
	text = render(snapshot, "text", NULL, NULL);
	assert_non_null(strstr(text, "        told apart by main (a.c:9)\n"));
	assert_non_null(strstr(text, "        told apart by main (a.c:10)\n"));
	free(text);
	snapshot_free(snapshot);
}

/* Makes one line of each paragraph. */
static void unwrap(char *text)
{
	static const char wrap[] = "\n        ";

	for (char *at = strstr(text, wrap); at; at = strstr(at, wrap)) {
		*at = ' ';
		memmove(at + 1, at + strlen(wrap), strlen(at + strlen(wrap)) + 1);
	}
}

/* What pools cannot tell is said wherever their bytes are shown. */
static void test_how_python_was_seen_is_said(void **state)
{
	static const char *const readable[] = {"text", "svg", "html"};
	struct snapshot *snapshot = snapshot_new();

	(void)state;
	add_target(snapshot, 7, "shop", "/usr/bin/python3", "serve.py");
	snapshot->targets[0].python_mode = snapshot_intern(snapshot, "pools");
	snapshot->targets[0].python_version = snapshot_intern(snapshot, "3.11.2");
	snapshot->targets[0].python_coverage = 98.25;
	add_query(snapshot, 0);
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		char *text = render(snapshot, readable[i], NULL, NULL);

		unwrap(text);
		assert_non_null(strstr(text, "Python 3.11.2: pools: bytes of size classes"));
		assert_non_null(strstr(text, "seen: 98.2 % of the blocks that it counts itself"));
		free(text);
	}
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_names_own_code_behind_a_library),
		cmocka_unit_test(test_how_python_was_seen_is_said),
		cmocka_unit_test(test_text_leaves_trifles_out),
		cmocka_unit_test(test_text_says_when_a_place_is_of_several_processes),
		cmocka_unit_test(test_overhead_of_what_hardly_runs),
		cmocka_unit_test(test_text_by_own_code),
		cmocka_unit_test(test_text_hints_at_a_native_leaf),
		cmocka_unit_test(test_reports_say_what_changed),
		cmocka_unit_test(test_own_code_is_what_the_user_says),
		cmocka_unit_test(test_text_tells_files_of_one_name_apart),
		cmocka_unit_test(test_text_keeps_to_a_screen),
		cmocka_unit_test(test_text_tells_stacks_that_look_the_same_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
