/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers as text, JSON and page: against tests/golden, on a screen of 80 columns, and
 * with names that attack. UPDATE_GOLDEN=1 writes what is there now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ctype.h>

#include "golden.h"
#include "looks.h"
#include "screen.h"
#include "strict_json.h"
#include "output/why.h"

static char *render_answer(const struct answer *answer, why_output_fn *write)
{
	static const struct why_output_options options;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(write(answer, &options, file), 0);
	fclose(file);
	return text;
}

static void compare_answer(const struct answer *answer, why_output_fn *write, const char *golden)
{
	char *text = render_answer(answer, write);

	compare_with_file(text, strlen(text), golden);
	if (write == why_text)
		assert_screen(text);
	free(text);
}

static void test_why(void **state)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	answer->open_known = true;
	answer->open = (struct open_memory){.files = 3,
					    .file_bytes = 512000000,
					    .sockets = 97,
					    .unread_bytes = 8242304,
					    .unsent_bytes = 147456};
	add_findings(answer);
	compare_answer(answer, why_text, "why.txt");
	compare_answer(answer, why_json, "why.json");
	add_lines(answer);
	compare_answer(answer, why_html, "why.html");
	look_free(look);
}

/* A name that is too long to stand beside the figures, and not for a line, is not shortened. */
static void test_names_are_whole(void **state)
{
	static struct look_container container = {
		.type = "dict", .name = "anyio._backends._asyncio._task_states.data"};
	static const struct finding findings[] = {{.verdict = VERDICT_FILLING_CACHE,
						   .rate = {1e6, 1e6, 1e6},
						   .container = &container}};
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	answer->findings = COPY(answer->zone, findings, &answer->finding_count);
	char *text = render_answer(answer, why_text);
	assert_screen(text);
	assert_non_null(strstr(text, "\n      dict anyio._backends._asyncio._task_states.data\n"));
	free(text);
	look_free(look);
}

static void test_why_without_growth(void **state)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	answer->process_count = 1;
	answer->pid = look->pid;
	answer->growth = (struct rate){0.1e6, -0.3e6, 0.5e6};
	answer->full_in_s = -1;
	answer->lacks = "no BPF: stacks and filling lines were not watched";
	compare_answer(answer, why_text, "why-flat.txt");
	answer->growth_known = false;
	answer->watched_s = 12;
	answer->crew = (struct answer_crew){.seen = 14, .ended = 12, .told = 3, .life_s = 11.4};
	compare_answer(answer, why_text, "why-early.txt");
	compare_answer(answer, why_json, "why-early.json");
	compare_answer(answer, why_html, "why-early.html");
	look_free(look);
}

static void assert_first_lines(const struct answer *answer, const char *wanted)
{
	char *text = render_answer(answer, why_text);

	bool found = strstr(text, wanted) != NULL;

	if (!found)
		fail_msg("\"%s\" is not in:\n%s", wanted, text);
	free(text);
}

static void test_what_is_known_of_the_growth_is_said(void **state)
{
	static const struct finding shared[] = {{.verdict = VERDICT_FILLING_CACHE,
						 .rate = {60e6, 50e6, 70e6},
						 .subject = "shared memory",
						 .apart = true}};
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	answer->explained = 0;
	answer->growth = (struct rate){0.1e6, -0.3e6, 0.5e6};
	answer->findings = COPY(answer->zone, shared, &answer->finding_count);
	assert_first_lines(answer,
			   "does not grow (0.1 MB/h, ± 0.4); shared memory grows 60.0 MB/h");
	answer->growth_known = false;
	answer->growth_measured = true;
	answer->growth = (struct rate){10e6, -30e6, 50e6};
	assert_first_lines(answer, "too early to tell, -30.0 to 50.0 MB/h so far; shared memory "
				   "grows 60.0 MB/h:\nwatch 10 min");
	answer->finding_count = 0;
	answer->aside = "what collections leave does not grow";
	assert_first_lines(answer, "so far; what collections leave does not\ngrow: watch 10 min");
	answer->aside = NULL;
	answer->saved_as = "why.json";
	assert_first_lines(answer, "next    unfreed heap -p");
	answer->ended = true; /* nothing can be asked of it any more */
	assert_first_lines(answer, "too early to tell, -30.0 to 50.0 MB/h so far\n");
	assert_first_lines(answer, ", ended after 3.5 d");
	char *text = render_answer(answer, why_text);

	assert_null(strstr(text, "unfreed heap"));
	free(text);
	look_free(look);
}

static void add_hostile_findings(struct answer *answer)
{
	static const struct answer_frame frames[] = {{HOSTILE_NAME, HOSTILE_NAME, 4294967295, true},
						     {HOSTILE_NAME, NULL, 0, false}};
	static const struct answer_fill fills[] = {{INT64_MIN, UINT64_MAX, frames, 2, 0},
						   {INT64_MAX, UINT64_MAX, frames, 2, 2},
						   {0, 0, NULL, 0, 0}};
	struct finding findings[VERDICT_COUNT * 2];

	for (size_t i = 0; i < VERDICT_COUNT * 2; i++)
		findings[i] = (struct finding){
			.verdict = i / 2,
			.rate = {1e300, -1e300, 0.0 / 0.0},
			.holds_bytes = UINT64_MAX,
			.container = i % 2 ? &answer->look->containers[0] : NULL,
			.subject = HOSTILE_NAME,
			.of = HOSTILE_NAME,
			.fills = fills,
			.fill_count = 3,
			.empties = fills,
			.empty_count = 2,
			.watched_s = 1.0 / 0.0,
			.evidence = ~0u,
			.reason = HOSTILE_NAME,
		};
	answer->findings = COPY(answer->zone, findings, &answer->finding_count);
	answer->growth = (struct rate){1e300, 1, 1e300};
	answer->resident_growth = (struct rate){1e300, 1, 1.0 / 0.0};
	answer->explained = -1e300;
	answer->full_in_s = 1e300;
	answer->uptime_s = answer->look_uptime_s = 0.0 / 0.0;
	answer->lacks = answer->saved_as = HOSTILE_NAME;
	static const struct sample wild[] = {{0, 1e300}, {1, -1e300}, {2, 0.0 / 0.0}};
	struct answer_line lines[] = {{HOSTILE_NAME, wild, 2}, {HOSTILE_NAME, wild, 3}};

	answer->lines = COPY(answer->zone, lines, &answer->line_count);
}

static void test_hostile_names(void **state)
{
	struct look *look = hostile_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	add_hostile_findings(answer);
	char *text = render_answer(answer, why_text);

	assert_screen(text);
	free(text);
	assert_json(render_answer(answer, why_json), "unfreed/why/1");
	compare_answer(answer, why_html, "why-hostile.html");
	look_free(look);
}

/* What containers show can be sure while the whole is not yet. */
static void test_what_is_known_before_the_whole(void **state)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	add_findings(answer);
	answer->growth_known = false;
	char *text = render_answer(answer, why_text);

	assert_non_null(strstr(text, "\ngrows at least 13.6 MB/h; of the rest it is too early to "
				     "tell: watch 10 min\n"));
	assert_null(strstr(text, "largest holders"));
	free(text);
	answer->watched_s = 600;
	text = render_answer(answer, why_text);
	assert_non_null(strstr(text, "watch 50 min\n"));
	free(text);
	look_free(look);
}

/* What a process takes in as it starts does not go on to come. */
static void test_a_warm_up_is_no_growth_at_least(void **state)
{
	static const struct finding findings[] = {
		{.verdict = VERDICT_WARM_UP, .rate = {9e6, 8e6, 10e6}, .subject = "C memory"},
		{.verdict = VERDICT_GROWS, .rate = {2e6, 1.5e6, 2.5e6}, .subject = "C memory"}};
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	answer->growth_known = false;
	answer->growth_measured = true;
	answer->growth = (struct rate){10e6, -30e6, 50e6};
	answer_set_findings(answer, findings, 1);
	assert_first_lines(answer, "too early to tell, -30.0 to 50.0 MB/h so far: watch 10 min");
	answer_set_findings(answer, findings, 2);
	assert_first_lines(answer,
			   "grows at least 1.5 MB/h; of the rest it is too early to tell: watch");
	look_free(look);
}

/* The sum of what containers show has errors of its own. */
static void test_more_than_all_is_explained(void **state)
{
	struct finding finding = {
		.verdict = VERDICT_GROWS, .rate = {10.3e6, 10e6, 10.6e6}, .subject = "C memory"};
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);

	(void)state;
	answer->growth = (struct rate){10e6, 9.5e6, 10.5e6};
	answer_set_findings(answer, &finding, 1);
	assert_first_lines(answer, "grows 10.0 MB/h (9.5 to 10.5), all explained\n");
	finding.rate.value = 11e6;
	answer_set_findings(answer, &finding, 1);
	assert_first_lines(answer, "grows 10.0 MB/h (9.5 to 10.5), explained 11.0\n");
	look_free(look);
}

/* As a line: one space where there are more, or a line ends. */
static void assert_reads(const char *text, const char *words)
{
	char *line = calloc(1, strlen(text) + 1), *end = line;

	for (; *text; text++)
		if (!isspace((unsigned char)*text))
			*end++ = *text;
		else if (end > line && end[-1] != ' ')
			*end++ = ' ';
	if (!strstr(line, words))
		fail_msg("\"%s\" is not in:\n%s", words, line);
	free(line);
}

static size_t count_of(const char *text, const char *word)
{
	size_t count = 0;

	for (; (text = strstr(text, word)); text++)
		count++;
	return count;
}

/* How an answer reads that has this one finding; the caller's. */
static char *render_finding(struct answer *answer, struct finding finding)
{
	struct finding findings[] = {finding};

	answer->findings = COPY(answer->zone, findings, &answer->finding_count);
	return render_answer(answer, why_text);
}

/* Of an interpreter's executable main is all that is its own: what it called says more, by name. */
static void test_stacks_of_c_memory(void **state)
{
	static const struct answer_frame ruby[] = {
		{"[libruby-3.1.so+0xd8484]", "/usr/lib/libruby-3.1.so", 0, false},
		{"rb_str_plus", "/usr/lib/libruby-3.1.so", 0, false},
		{"[libruby-3.1.so+0x249530]", "/usr/lib/libruby-3.1.so", 0, false},
		{"rb_vm_exec", "/usr/lib/libruby-3.1.so", 0, false},
		{"[ruby3.1+0x110b]", "/usr/bin/ruby3.1", 0, true},
		{"__libc_start_main", "/usr/lib/libc.so.6", 0, false},
	};
	static const struct answer_frame program[] = {
		{"g_malloc", "/usr/lib/libglib-2.0.so.0", 0, false},
		{"g_list_append", "/usr/lib/libglib-2.0.so.0", 0, false},
		{"g_main_loop_run", "/usr/lib/libglib-2.0.so.0", 0, false},
		{"main", "/srv/app/main.c", 12, true},
	};
	static const struct answer_frame nameless[] = {{"[app+0x11]", "/srv/app", 0, true},
						       {"[app+0x12]", "/srv/app", 0, true}};
	static const struct answer_frame stripped[] = {
		{"[postgres+0x5c7860]", "/usr/bin/postgres", 0, true},
		{"palloc", "/usr/bin/postgres", 0, true},
		{"[postgres+0x362167]", "/usr/bin/postgres", 0, true},
		{"PG_qsort", "/usr/lib/libpq.so", 0, false},
		{"StorePreparedStatement", "/usr/bin/postgres", 0, true},
	};
	static const struct answer_frame extension[] = {
		{"keep_row", "/usr/lib/python3/features.so", 0, false},
		{"[libffi.so.8+0x7e2e]", "/usr/lib/libffi.so.8", 0, false},
		{"compute", "/srv/app/shop/engine.py", 40, true},
		{"loads", "/usr/lib/python3.11/json/__init__.py", 9, false},
		{"recommend", "/srv/app/shop/views.py", 18, true},
	};
	static const struct answer_frame library[] = {
		{"loads", "/usr/lib/python3.11/json/__init__.py", 9, false},
		{"compute", "/srv/app/shop/engine.py", 41, true},
		{"recommend", "/srv/app/shop/views.py", 18, true},
	};
	const struct answer_fill fills[] = {{1, 1, ruby, 6, 4},      {1, 1, program, 4, 3},
					    {1, 1, nameless, 2, 0},  {1, 1, stripped, 5, 0},
					    {1, 1, extension, 5, 2}, {1, 1, library, 3, 1}};
	static const char *const read[] = {
		"allocated rb_str_plus (libruby-3.1.so) < rb_vm_exec "
		"(libruby-3.1.so) holds",
		"allocated g_malloc (libglib-2.0.so.0) < g_list_append "
		"(libglib-2.0.so.0) < main (app/main.c:12) holds",
		"allocated [app+0x11] < [app+0x12] holds",
		"allocated palloc (postgres) < StorePreparedStatement (postgres) holds",
		"allocated keep_row (features.so) < compute (shop/engine.py:40) < "
		"recommend (views.py:18) holds",
		"allocated compute (shop/engine.py:41) < recommend (views.py:18) holds",
	};
	struct look *look = service_look();

	(void)state;
	for (size_t i = 0; i < sizeof(fills) / sizeof(*fills); i++) {
		struct answer *answer = answer_new_of(look);
		char *text = render_finding(answer, (struct finding){.subject = "C memory",
								     .fills = &fills[i],
								     .fill_count = 1});

		assert_reads(text, read[i]);
		assert_null(strstr(text, "unfreed record"));
		free(text);
	}
	look_free(look);
}

/* Where no stack is known, the command comes next that would tell it. */
static void test_what_to_do_about_c_memory(void **state)
{
	static const struct {
		enum finding_advice advice;
		const char *mappings; /* what they seem to be */
		const char *command;
	} cases[] = {{ADVICE_RECORD, "Java", "next unfreed record -p 1235 -d 60"},
		     {ADVICE_GROWTH, "Go", "next unfreed record -p 1235 -d 60 --growth"},
		     {ADVICE_GROWTH, NULL, "next unfreed record -p 1235 -d 60 --growth"},
		     {ADVICE_GROWTH, "Java", "next jcmd 1235 GC.class_histogram"}};
	struct look *look = service_look();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct answer *answer = answer_new_of(look);
		struct look_count mappings = {cases[i].mappings, 1, 1 << 20};

		look->mappings = &mappings;
		look->mapping_count = cases[i].mappings ? 1 : 0;
		char *text = render_finding(
			answer, (struct finding){.subject = "C memory", .advice = cases[i].advice});

		assert_screen(text);
		assert_reads(text, cases[i].command);
		assert_int_equal(count_of(text, "next") + count_of(text, "later"), 1);
		assert_int_equal(strstr(text, "--growth") != NULL,
				 strstr(cases[i].command, "--growth") != NULL);
		free(text);
	}
	look_free(look);
}

/* Six in full, six more by name, and how much the rest is. */
static void test_many_findings(void **state)
{
	enum { FINDINGS = 15 };
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);
	struct finding findings[FINDINGS];

	(void)state;
	for (size_t i = 0; i < FINDINGS; i++)
		findings[i] = (struct finding){
			.verdict = VERDICT_GROWS,
			.rate = {2e6, 1e6, 3e6},
			.container = &look->containers[0],
			.reason = "so",
		};
	answer->findings = findings;
	answer->finding_count = FINDINGS;
	char *text = render_answer(answer, why_text);
	assert_int_equal(count_of(text, "evidence"), 6);
	assert_int_equal(count_of(text, "  2.0 MB/h"), 12);
	assert_non_null(strstr(text, "\n12. grows"));
	assert_non_null(strstr(text, "\n    3 more with 6.0 MB/h\n"));
	free(text);
	look_free(look);
}

/* What is to be copied to a shell holds no command. */
static void test_next_is_a_word(void **state)
{
	struct look *look = service_look();
	struct answer *answer = answer_new_of(look);
	struct look_container container = look->containers[0];
	struct finding finding = {.container = &container};

	(void)state;
	container.name = "a'; reboot '";
	answer->findings = &finding;
	answer->finding_count = 1;
	char *text = render_answer(answer, why_text);

	assert_non_null(strstr(text, "--holders 'a'\\''; reboot '\\'''\n"));
	free(text);
	look_free(look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_names_are_whole),
		cmocka_unit_test(test_why_without_growth),
		cmocka_unit_test(test_what_is_known_of_the_growth_is_said),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_what_is_known_before_the_whole),
		cmocka_unit_test(test_a_warm_up_is_no_growth_at_least),
		cmocka_unit_test(test_more_than_all_is_explained),
		cmocka_unit_test(test_stacks_of_c_memory),
		cmocka_unit_test(test_what_to_do_about_c_memory),
		cmocka_unit_test(test_many_findings),
		cmocka_unit_test(test_next_is_a_word),
	};

	return cmocka_run_group_tests_name("why_output", tests, NULL, NULL);
}
