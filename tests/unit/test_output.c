// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every format against tests/golden, byte by byte. UPDATE_GOLDEN=1 writes what is there now.
 * The saved profile has none: what it holds is compared by test_profile, and zlib may change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output/columns.h"
#include "output/flamegraph.h"
#include "output/label.h"
#include "output/stack_tree.h"
#include "profile/snapshot_since.h"
#include "golden.h"
#include "snapshots.h"

static void compare_golden(const struct snapshot *snapshot, const char *format,
			   const struct output_options *options, const char *golden)
{
	size_t size;
	char *actual = render(snapshot, format, options, &size);

	compare_with_file(actual, size, golden);
	free(actual);
}

/* Only the data: the embedded program would make every golden file change with it. */
static void compare_golden_drawing(const struct snapshot *snapshot, const char *format,
				   const char *golden)
{
	char *actual = render(snapshot, format, NULL, NULL);
	char *data = strstr(actual, "id=\"stack-data\">");

	assert_non_null(data);
	data = strchr(data, '{');
	compare_with_file(data, (size_t)(strstr(data, "</script>") - data), golden);
	free(actual);
}

static void test_golden_service(void **state)
{
	struct snapshot *snapshot = service_snapshot();
	struct output_options blocks = {.count = COUNT_BLOCKS}, top = {.top = 2};

	(void)state;
	compare_golden(snapshot, "text", NULL, "service.txt");
	compare_golden(snapshot, "text", &top, "service-top2.txt");
	compare_golden(snapshot, "folded", NULL, "service.folded");
	compare_golden(snapshot, "folded", &blocks, "service-blocks.folded");
	compare_golden(snapshot, "json", NULL, "service.json");
	compare_golden_drawing(snapshot, "html", "service-drawing.json");
	snapshot_free(snapshot);
}

static void test_golden_hostile(void **state)
{
	struct snapshot *snapshot = hostile_snapshot();

	(void)state;
	compare_golden(snapshot, "text", NULL, "hostile.txt");
	compare_golden(snapshot, "folded", NULL, "hostile.folded");
	compare_golden(snapshot, "json", NULL, "hostile.json");
	compare_golden_drawing(snapshot, "svg", "hostile-drawing.json");
	snapshot_free(snapshot);
}

static void test_golden_lost(void **state)
{
	struct output_options blocks = {.count = COUNT_BLOCKS}, by_file = {.by = BY_FILE};
	struct snapshot *snapshot = judged_snapshot();

	(void)state;
	compare_golden(snapshot, "text", NULL, "lost.txt");
	compare_golden(snapshot, "text", &by_file, "lost-by-file.txt");
	compare_golden(snapshot, "folded", NULL, "lost.folded");
	compare_golden(snapshot, "folded", &blocks, "lost-blocks.folded");
	compare_golden(snapshot, "json", NULL, "lost.json");
	compare_golden_drawing(snapshot, "svg", "lost-drawing.json");
	snapshot_free(snapshot);
}

static void test_golden_objects(void **state)
{
	struct output_options blocks = {.count = COUNT_BLOCKS}, by_file = {.by = BY_FILE};
	struct snapshot *snapshot = objects_snapshot();

	(void)state;
	compare_golden(snapshot, "text", NULL, "objects.txt");
	compare_golden(snapshot, "text", &by_file, "objects-by-file.txt");
	compare_golden(snapshot, "folded", &blocks, "objects-blocks.folded");
	compare_golden(snapshot, "json", NULL, "objects.json");
	compare_golden_drawing(snapshot, "svg", "objects-drawing.json");
	snapshot_free(snapshot);
}

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

/* Two snapshots of one recording: one stack grew, one shrank, one is new. */
static void test_reports_say_what_changed(void **state)
{
	static const struct frame frames[] = {{"grows", "a.c", "/a", 1, 1, FRAME_NATIVE},
					      {"shrinks", "a.c", "/a", 2, 2, FRAME_NATIVE},
					      {"comes", "a.c", "/a", 3, 3, FRAME_NATIVE}};
	static const uint64_t sizes[][3] = {{1000000, 5000000, 0}, {3500000, 2000000, 1000000}};
	struct since *since = since_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct snapshot *snapshot = snapshot_new();
		char *text;

		add_target(snapshot, 7, "app", "/a", "");
		snapshot->duration_ns = (i + 1) * 10000000000;
		for (size_t j = 0; j < 3; j++)
			if (sizes[i][j])
				add_stack(snapshot, 0, &frames[j], 1, sizes[i][j],
					  sizes[i][j] / 1000);
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

static void test_json_has_live_stacks_unless_all_are_asked_for(void **state)
{
	struct output_options all = {.all_stacks = true};
	struct snapshot *snapshot = service_snapshot();
	char *some_text = render(snapshot, "json", NULL, NULL);
	char *all_text = render(snapshot, "json", &all, NULL);

	(void)state;
	assert_null(strstr(some_text, "\"live_bytes\":0,"));
	assert_non_null(strstr(all_text, "\"live_bytes\":0,"));
	assert_non_null(strstr(some_text, "\"freed_stacks\":{\"stacks\":1,\"alloc_bytes\":100,"
					  "\"alloc_blocks\":1}"));
	free(some_text);
	free(all_text);
	snapshot_free(snapshot);
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

static void assert_clean(const char *text)
{
	for (; *text; text++) {
		if (((unsigned char)*text < 0x20 && *text != '\n' && *text != '\t') ||
		    *text == 0x7f)
			fail_msg("control byte %02x", (unsigned char)*text);
		assert_false((unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0);
		assert_true(strncmp(text, "\xe2\x80\xae", 3));
	}
}

static void test_hostile_names_stay_text(void **state)
{
	static const char *const readable[] = {"text", "folded", "svg", "html"};
	struct snapshot *snapshot = hostile_snapshot();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *text = render(snapshot, readable[i], NULL, NULL);

		assert_clean(text);
		if (i >= 2) {
			assert_null(strstr(text, "<script>alert"));
			assert_null(strstr(text, "<img"));
			assert_null(strstr(text, "<b>"));
		}
		free(text);
	}
	snapshot_free(snapshot);
}

static void test_every_folded_line_parses(void **state)
{
	struct snapshot *snapshot = hostile_snapshot();
	char *text = render(snapshot, "folded", NULL, NULL);
	size_t lines = 0;

	(void)state;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		char *number = strrchr(line, ' ');
		char *end;

		assert_non_null(number);
		assert_true(strtoull(number + 1, &end, 10) >= 1000);
		assert_int_equal(*end, '\0');
		assert_non_null(strchr(line, ';'));
	}
	assert_int_equal(lines, snapshot->stack_count);
	free(text);
	snapshot_free(snapshot);
}

static void test_quantities(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	quantity_print_bytes(file, 999);
	fputs("|", file);
	quantity_print_bytes(file, 999949999);
	fputs("|", file);
	quantity_print_bytes(file, UINT64_MAX);
	fputs("|", file);
	quantity_print_count(file, 1234567);
	fputs("|", file);
	quantity_print_count(file, 999);
	fputs("|", file);
	quantity_print_age(file, 58400000000);
	fputs("|", file);
	quantity_print_age(file, 4250000000);
	fputs("|", file);
	quantity_print_age(file, 90000000000000);
	fputs("|", file);
	quantity_print_percent(file, 1, 3);
	fputs("|", file);
	quantity_print_percent(file, 1, 300);
	fclose(file);
	assert_string_equal(text, "999 B|999.9 MB|18.4 EB|1,234,567|999|58 s|4.3 s|25.0 h|33 %|"
				  "0.3 %");
	free(text);
}

static void test_formats_are_found(void **state)
{
	(void)state;
	assert_string_equal(output_format_by_path("a/b.pb.gz")->name, "pprof");
	assert_string_equal(output_format_by_path("x.tar.svg")->name, "svg");
	assert_null(output_format_by_path("x.gz"));
	assert_null(output_format_by_path(".svg"));
	assert_null(output_format_by_name("nope"));
	char *names = strdup(output_format_names());
	size_t count = 0;

	for (char *name = strtok(names, ", "); name; name = strtok(NULL, ", "), count++)
		assert_non_null(output_format_by_name(name));
	assert_int_equal(count, 6);
	free(names);
}

static void test_layout_fits_into_parents(void **state)
{
	static const struct output_options options;
	struct snapshot *snapshot = wide_snapshot();
	struct flame_graph graph;
	double ends[64] = {1};

	(void)state;
	assert_int_equal(flame_graph_init(&graph, snapshot, &options), 0);
	assert_true(graph.boxes[0].bytes == snapshot->totals.live_bytes);
	for (size_t i = 1; i < graph.box_count; i++) {
		const struct flame_box *box = &graph.boxes[i];

		assert_true(box->depth <= graph.boxes[i - 1].depth + 1);
		assert_true(box->start + box->width <= ends[box->depth - 1] + 1e-9);
		ends[box->depth] = box->start + box->width;
	}
	flame_graph_release(&graph);
	snapshot_free(snapshot);
}

/* More leaves than a page takes: the smallest lose frames of their middle, no byte is lost. */
static void test_pages_of_very_many_stacks_stay_small(void **state)
{
	static const struct output_options options;
	struct snapshot *snapshot = snapshot_new();
	struct frame frames[40] = {{.name = "root"}};
	struct stack_tree tree;
	char name[32];
	uint64_t sum = 0;
	size_t size;

	(void)state;
	add_target(snapshot, 1, "x", "/x", "");
	for (int i = 0; i < 60000; i++) {
		for (int j = 1; j < 40; j++) {
			snprintf(name, sizeof(name), "f%d", j * 50 + (i >> j % 12) % 50);
			frames[j] = (struct frame){.name = snapshot_intern(snapshot, name)};
		}
		frames[20] = (struct frame){.name = "own", .module = "/x"};
		frames[39] = (struct frame){.name = "leafy", .module = "/lib/a.so"};
		add_stack(snapshot, 0, frames, 40, 16, 1);
	}
	assert_int_equal(stack_tree_init(&tree, snapshot, &options), 0);
	assert_true(tree.node_count < 250000);
	for (size_t i = 0; i < tree.row_count; i++) {
		const struct tree_row *row = &tree.rows[i];
		bool own = false;

		sum += row->bytes;
		assert_string_equal(tree.frames[tree.nodes[row->node].frame].frame->name, "leafy");
		for (uint32_t node = row->node; node; node = tree.nodes[node].parent)
			own |= tree.frames[tree.nodes[node].frame].own;
		assert_true(own);
	}
	assert_int_equal(sum, snapshot->totals.live_bytes);
	assert_true(tree.cut_stacks > 0 && tree.other_stacks == 0);
	stack_tree_release(&tree);
	char *page = render(snapshot, "html", NULL, &size);

	assert_true(size < 8 << 20);
	free(page);
	snapshot_free(snapshot);
}

struct directory {
	char path[64];
	struct snapshot *snapshot;
	struct output_options options;
};

static int setup(void **state)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	strcpy(directory->path, "/tmp/unfreed-test-XXXXXX");
	directory->snapshot = service_snapshot();
	*state = directory;
	return !mkdtemp(directory->path) || chdir(directory->path);
}

static int teardown(void **state)
{
	static const char *const left[] = {"x.txt",    "x.svg", "fifo",
					   "link.txt", "old",   "full/x.txt"};
	struct directory *directory = *state;

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		unlink(left[i]);
	rmdir("full");
	int error = chdir("/") || rmdir(directory->path); /* fails where a temporary is left */

	snapshot_free(directory->snapshot);
	free(directory);
	return error;
}

static int write_text(struct directory *directory, const char *path)
{
	return output_write(path, output_format_by_name("text"), directory->snapshot,
			    &directory->options);
}

static void test_files_are_private_and_replaced(void **state)
{
	struct directory *directory = *state;
	struct stat status;

	umask(0);
	FILE *old = fopen("old", "w");

	fputs("old", old);
	fclose(old);
	assert_int_equal(symlink("old", "link.txt"), 0);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(stat("x.txt", &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(status.st_size > 100);
	assert_int_equal(write_text(directory, "link.txt"), 0);
	assert_int_equal(stat("old", &status), 0);
	assert_int_equal(status.st_size, 3);
	assert_int_equal(write_text(directory, "none/x.txt"), -ENOENT);
}

static void test_sudo_caller_owns_the_file(void **state)
{
	struct directory *directory = *state;
	struct stat status;

	if (geteuid()) {
		print_message("not root: nothing to give away\n");
		skip();
	}
	setenv("SUDO_UID", "1234", 1);
	setenv("SUDO_GID", "4321", 1);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(stat("x.txt", &status), 0);
	assert_int_equal(status.st_uid, 1234);
	assert_int_equal(status.st_gid, 4321);
	setenv("SUDO_UID", "-1", 1);
	assert_int_equal(write_text(directory, "x.txt"), 0);
	assert_int_equal(stat("x.txt", &status), 0);
	assert_int_equal(status.st_uid, 0);
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

static void test_fifo_is_written_to(void **state)
{
	struct directory *directory = *state;
	char text[4096] = "";

	assert_int_equal(mkfifo("fifo", 0600), 0);
	int fd = open("fifo", O_RDONLY | O_NONBLOCK);

	assert_int_equal(write_text(directory, "fifo"), 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 100);
	close(fd);
	assert_non_null(strstr(text, "recommend (1234)"));
	assert_int_equal(write_text(directory, "/dev/full"), -ENOSPC);
}

static void test_failure_leaves_the_old_file(void **state)
{
	struct directory *directory = *state;
	struct rlimit before, limit;

	assert_int_equal(write_text(directory, "x.txt"), 0);
	char *old = read_all("x.txt");

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 50;
	setrlimit(RLIMIT_FSIZE, &limit);
	directory->snapshot->duration_ns *= 2;
	int error = write_text(directory, "x.txt");

	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(error, -EFBIG);
	char *now = read_all("x.txt");

	assert_string_equal(old, now);
	free(old);
	free(now);
}

/* In a namespace of its own, on a file system of one page. Returns an exit status. */
static int fill_disk(struct directory *directory)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir("full", 0700) || mount("none", "full", "tmpfs", 0, "size=4k"))
		return 77;
	FILE *old = fopen("full/x.txt", "w");

	fputs("old", old);
	fclose(old);
	char *text;

	if (write_text(directory, "full/x.txt") != -ENOSPC)
		return 1;
	text = read_all("full/x.txt");
	int same = text && !strcmp(text, "old");

	free(text);
	return same ? 0 : 2;
}

static void test_full_disk(void **state)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(fill_disk(*state));
	waitpid(child, &status, 0);
	if (WEXITSTATUS(status) == 77) {
		print_message("cannot mount a file system here: needs root\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_service),
		cmocka_unit_test(test_golden_hostile),
		cmocka_unit_test(test_golden_lost),
		cmocka_unit_test(test_golden_objects),
		cmocka_unit_test(test_text_names_own_code_behind_a_library),
		cmocka_unit_test(test_how_python_was_seen_is_said),
		cmocka_unit_test(test_text_says_when_a_place_is_of_several_processes),
		cmocka_unit_test(test_text_by_own_code),
		cmocka_unit_test(test_text_hints_at_a_native_leaf),
		cmocka_unit_test(test_reports_say_what_changed),
		cmocka_unit_test(test_json_has_live_stacks_unless_all_are_asked_for),
		cmocka_unit_test(test_own_code_is_what_the_user_says),
		cmocka_unit_test(test_text_tells_files_of_one_name_apart),
		cmocka_unit_test(test_text_keeps_to_a_screen),
		cmocka_unit_test(test_text_tells_stacks_that_look_the_same_apart),
		cmocka_unit_test(test_hostile_names_stay_text),
		cmocka_unit_test(test_every_folded_line_parses),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_layout_fits_into_parents),
		cmocka_unit_test(test_pages_of_very_many_stacks_stay_small),
		cmocka_unit_test(test_formats_are_found),
		cmocka_unit_test_setup_teardown(test_files_are_private_and_replaced, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sudo_caller_owns_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_is_written_to, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_leaves_the_old_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
