/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts on processes that do less as time goes by: what grows more slowly for
 * that alone does not fill up.
 */
#include "trial.h"

enum { LOOKS = 60, STEP_S = 2 };

#define HOUR 3600.0

/* What happens in a second, in the earlier half and in the later one. */
struct halves {
	double early;
	double late;
};

struct row {
	const char *name;
	struct halves entries;
	struct halves used; /* of a processor; 0: not known */
	double uptime_s;
	double before; /* entries, when it is looked at first */
	enum verdict verdict;
};

static double amount_at(const struct halves *halves, size_t look)
{
	size_t middle = LOOKS / 2;
	double early = look < middle ? (double)look : (double)middle;

	return STEP_S * (halves->early * early + halves->late * ((double)look - early));
}

static void judge(const struct row *row, struct trial *trial)
{
	trial_begin(trial, row->uptime_s);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add_at(trial, (double)i * STEP_S, row->before + amount_at(&row->entries, i));
		trial->samples[i].used_s = 40 + amount_at(&row->used, i);
	}
	trial_judge(trial);
}

static const struct row rows[] = {
	/* clang-format off */
	{"as much is done: a cache", {20, 4}, {0.4, 0.4}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"more is done: a cache", {20, 4}, {0.4, 0.8}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"a little less is done: a cache", {20, 4}, {0.4, 0.3}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"work is not known: a cache", {20, 4}, {0, 0}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"next to no work: a cache", {20, 4}, {0.006, 0.001}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"less is done, and far less comes: a cache", {20, 1}, {0.4, 0.2}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"it is full, and less is done", {20, 0}, {0.4, 0.1}, 3 * HOUR, 40000, VERDICT_FILLING_CACHE},
	{"a fifth is done", {20, 4}, {0.4, 0.08}, 3 * HOUR, 40000, VERDICT_GROWS},
	{"a fifth is done, and is idle otherwise", {20, 4}, {0.4, 0.1}, 3 * HOUR, 40000, VERDICT_GROWS},
	{"nothing is done any more", {20, 0}, {0.4, 0}, 3 * HOUR, 40000, VERDICT_GROWS},
	{"a fifth is done, in proportion", {20, 4}, {0.4, 0.08}, 3 * HOUR, 12 * 3 * HOUR, VERDICT_LEAK},
	{"a fifth is done, of a young one", {20, 4}, {0.4, 0.08}, 300, 3000, VERDICT_GROWS},
	{"as much is done, of a young one", {20, 4}, {0.4, 0.4}, 300, 3000, VERDICT_WARM_UP},
	{"it has started up, and waits", {20, 0}, {0.4, 0.01}, 130, 40, VERDICT_WARM_UP},
	{"even growth, less is done", {20, 20}, {0.4, 0.08}, 3 * HOUR, 40000, VERDICT_GROWS},
	/* clang-format on */
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct trial trial;

		judge(&rows[i], &trial);
		if (trial.verdict != rows[i].verdict)
			fail_msg("%s: %s, not %s", rows[i].name,
				 trial.verdict == NONE ? "nothing" : trial.finding.reason,
				 verdict_name(rows[i].verdict));
		trial_release(&trial);
	}
}

static void test_the_reason(void **state)
{
	const struct row row = {"", {20, 4}, {0.4, 0.08}, 300, 3000, VERDICT_GROWS};
	struct trial trial;

	(void)state;
	judge(&row, &trial);
	assert_string_equal(trial.finding.reason,
			    "+728 entries/min, none leaves, slower only as the process does less; "
			    "up only 5 min: too young to tell it from a cache");
	trial_release(&trial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
