/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports in JSON read back, and refused where somebody changed them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "profile/snapshot_read.h"
#include "snapshots.h"

static struct snapshot *read_back(const char *text, size_t size)
{
	char error[300] = "";
	struct snapshot *snapshot = snapshot_read_json(text, size, error, sizeof(error));

	if (!snapshot)
		fail_msg("%s", error);
	return snapshot;
}

static void assert_reads_the_same(struct snapshot *snapshot)
{
	const struct output_options all = {.all_stacks = true};
	static const char *const formats[] = {"text", "folded", "json"};
	size_t size;
	char *json = render(snapshot, "json", &all, &size);
	struct snapshot *read = read_back(json, size);

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		char *expected = render(snapshot, formats[i], &all, NULL);
		char *text = render(read, formats[i], &all, NULL);

		assert_string_equal(text, expected);
		free(expected);
		free(text);
	}
	free(json);
	snapshot_free(read);
	snapshot_free(snapshot);
}

static void test_reports_read_back(void **state)
{
	struct snapshot *snapshot = service_snapshot();

	(void)state;
	snapshot->host = snapshot_intern(snapshot, "web-3");
	snapshot->older_than_ns = 1500000000;
	assert_reads_the_same(snapshot);
	assert_reads_the_same(wide_snapshot());
	snapshot = service_snapshot();
	snapshot->has_peak = true;
	snapshot->peak_ns = 12345678901;
	assert_reads_the_same(snapshot);
	assert_reads_the_same(windows_snapshot());
	snapshot = windows_snapshot();
	snapshot->windows.problem = snapshot_intern(snapshot, "no arena of glibc was found");
	assert_reads_the_same(snapshot);
}

/* As `jq .` lays it out. */
static void test_another_layout_reads_the_same(void **state)
{
	struct snapshot *snapshot = service_snapshot();
	size_t size;
	char *json = render(snapshot, "json", NULL, &size), *expected, *text;

	(void)state;
	for (char *at = json; *at; at++)
		*at = *at == '\n' ? ' ' : *at;
	struct snapshot *read = read_back(json, size);

	expected = render(snapshot, "folded", NULL, NULL);
	text = render(read, "folded", NULL, NULL);
	assert_string_equal(text, expected);
	free(expected);
	free(text);
	free(json);
	snapshot_free(read);
	snapshot_free(snapshot);
}

static void assert_refused(const char *text, size_t size, const char *reason)
{
	char error[300] = "";
	struct snapshot *snapshot = snapshot_read_json(text, size, error, sizeof(error));

	assert_null(snapshot);
	if (!strstr(error, reason) || strchr(error, '\n'))
		fail_msg("\"%s\" in: %s", reason, error);
}

static void assert_replacement_refused(const char *what, const char *by, const char *reason)
{
	struct snapshot *snapshot = service_snapshot();
	char *json = render(snapshot, "json", NULL, NULL), *damaged;
	const char *place = strstr(json, what);

	assert_non_null(place);
	assert_true(asprintf(&damaged, "%.*s%s%s", (int)(place - json), json, by,
			     place + strlen(what)) > 0);
	assert_refused(damaged, strlen(damaged), reason);
	free(damaged);
	free(json);
	snapshot_free(snapshot);
}

static void test_what_was_changed_is_refused(void **state)
{
	(void)state;
	assert_refused("", 0, "is damaged");
	assert_refused("[]", 2, "is damaged");
	assert_refused("\"stacks\":[\n]}\n", 14, "is damaged");
	assert_refused(",\"stacks\":[\n]}\n", 15, "is damaged");
	assert_replacement_refused("\"pid\":1234,\"id\"", "\"pid\":7,\"id\"", "one of its stacks");
	assert_replacement_refused("\"malloc\",\"live_bytes\"", "\"heap\",\"live_bytes\"",
				   "one of its stacks");
	assert_replacement_refused("\"live_blocks\":2900", "\"live_blocks\":-1",
				   "one of its stacks");
	assert_replacement_refused("\"kind\":\"python\"", "\"kind\":7", "one of its stacks");
	assert_replacement_refused("\"line\":88", "\"line\":4294967296", "one of its stacks");
	assert_replacement_refused("\"oldest_s\":58.0", "\"oldest_s\":-1", "one of its stacks");
	assert_replacement_refused("\"duration_s\":60.0", "\"duration_s\":1e300", "its times");
	assert_replacement_refused("\"started_at\":\"2023", "\"started_at\":\"x", "its times");
	assert_replacement_refused("\"mode\":\"exact\"", "\"mode\":\"later\"", "newer unfreed");
	assert_replacement_refused("\"totals\":{", "\"totals\":[],\"x\":{", "is damaged");
}

static void test_what_was_cut_is_refused(void **state)
{
	struct snapshot *snapshot = service_snapshot();
	char error[300];
	size_t size;
	char *json = render(snapshot, "json", NULL, &size);

	(void)state;
	for (size_t cut = 0; cut + 3 < size; cut += 7)
		assert_null(snapshot_read_json(json, cut, error, sizeof(error)));
	assert_refused(json, size - 6, "is damaged");
	assert_refused(json, (size_t)(strrchr(json, ']') - json), "is cut off");
	assert_refused(json, (size_t)(strchr(json, '\n') - json), "is damaged");
	json[40] = '\0';
	assert_refused(json, size, "is damaged");
	free(json);
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports_read_back),
		cmocka_unit_test(test_another_layout_reads_the_same),
		cmocka_unit_test(test_what_was_changed_is_refused),
		cmocka_unit_test(test_what_was_cut_is_refused),
	};

	return cmocka_run_group_tests_name("snapshot_read", tests, NULL, NULL);
}
