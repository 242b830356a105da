/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports on services: what is told of their growth, limits and changes; as text and as a
 * page, against tests/golden. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

#include "golden.h"
#include "output/health.h"

#define AT    INT64_C(1775000000)
#define DAY_S 86400

static struct health *health;

static struct health_service *add_service(const char *name, const char *group)
{
	struct health_service *service = calloc(1, sizeof(*service));

	assert_non_null(service);
	service->name = strdup(name);
	service->group = strdup(group);
	service->findings = calloc(4, sizeof(*service->findings));
	service->first_at = AT - 3 * DAY_S;
	service->last_at = AT - 30;
	service->processes = 1;
	health->services[health->service_count++] = service;
	return service;
}

/* So many bytes at its end, and so many more each hour until then; with a little noise. */
static void fill_line(struct health_line *line, double span_s, double bytes, double bytes_per_h)
{
	line->count = HEALTH_SAMPLES;
	for (size_t i = 0; i < line->count; i++) {
		double before_s =
			span_s * (double)(line->count - 1 - i) / (double)(line->count - 1);

		line->samples[i] = (struct sample){
			(double)AT - before_s,
			round(bytes - before_s / 3600 * bytes_per_h +
			      (double)(i * 7919 % 13) * 1e5),
		};
	}
}

static struct health_finding *add_finding(struct health_service *service, const char *name,
					  enum verdict verdict)
{
	struct health_finding *finding = &service->findings[service->finding_count++];

	*finding = (struct health_finding){
		.verdict = verdict,
		.name = strdup(name),
		.rate = {9.1e6, 8.6e6, 9.6e6},
		.holds_bytes = 764000000,
		.first_at = AT - 2 * DAY_S,
		.last_at = AT - 600,
	};
	return finding;
}

static int setup(void **state)
{
	(void)state;
	health = calloc(1, sizeof(*health));
	if (!health)
		return -1;
	*health = (struct health){.host = "shop<1>", .at = AT, .since = AT - DAY_S};
	health->services = calloc(8, sizeof(*health->services));
	return health->services ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	health_release(health);
	free(health);
	return 0;
}

/* Two ways to one function, of three, and one that nothing fills; their names are hostile. */
static void answer(struct health_service *service)
{
	static const struct answer_frame remember[] = {
		{"remember", "/srv/shop/behaviour.py", 29, true},
		{"recommend", "/srv/shop/views.py", 18, true},
		{"<b>\x1b[2J&\"", "/usr/lib/\u202e.py", 7, false},
	};
	static const struct answer_frame emit[] = {
		{"emit", "/srv/shop/audit.py", 24, true},
		{"recommend", "/srv/shop/views.py", 18, true},
		{"<b>\x1b[2J&\"", "/usr/lib/\u202e.py", 7, false},
	};
	static const struct answer_frame start = {"start", NULL, 0, false};
	static const struct answer_fill fills[] = {{30, 3, remember, 3, 0}, {10, 1, emit, 3, 0}},
					native[] = {{1, 1, &start, 1, 1}, {1, 1, NULL, 0, 0}};
	static const struct finding findings[] = {
		{.verdict = VERDICT_LEAK, .rate = {8e6, 7e6, 9e6}, .fills = fills, .fill_count = 2},
		{.verdict = VERDICT_GROWS,
		 .rate = {2e6, 1e6, 3e6},
		 .fills = native,
		 .fill_count = 2},
		{.verdict = VERDICT_UNEXPLAINED, .rate = {1e6, 0, 2e6}},
		{.verdict = VERDICT_CHURN,
		 .rate = {-1e6, -2e6, 1e6},
		 .fills = fills,
		 .fill_count = 2},
	};

	service->answer = answer_new();
	assert_non_null(service->answer);
	service->answer->findings = findings;
	service->answer->finding_count = sizeof(findings) / sizeof(*findings);
	service->answered_at = AT - 3600;
}

/* A service that leaks, and one whose names are hostile. */
static void fill(void)
{
	struct health_service *shop = add_service("gunicorn", "/system.slice/shop.service");
	struct health_service *other = add_service("<b>\x1b[2J&\"", "");

	shop->processes = 5;
	shop->bytes = 1400000000;
	shop->bytes_before = 1040000000;
	shop->most_bytes = 1500000000;
	shop->limit_bytes = 3000000000;
	fill_line(&shop->day, DAY_S, 1.4e9, 15e6);
	fill_line(&shop->weeks, 14 * DAY_S, 1.4e9, 3e6);
	shop->gc = (struct health_gc){true, true, 200000, 500000, 3, 100000, 400000};
	shop->caches[shop->cache_count++] =
		(struct health_cache){strdup("prices (shop/prices.py:12)"), 8912, 10000, 93, 7};
	shop->caches[shop->cache_count++] = (struct health_cache){strdup("users"), 1, 0, 0, 0};
	shop->pools[shop->pool_count++] =
		(struct health_pool){strdup("shop.db.ENGINE.pool"), 4, 3, 15};
	struct health_finding *leak = add_finding(shop, "shop.history", VERDICT_LEAK);
	leak->type = strdup("dict");
	leak->filled_by = strdup("remember (shop/behaviour.py:29) < recommend (views.py:18)");
	leak->reason = strdup("+1,920 entries/min, none leaves");
	struct health_finding *cache = add_finding(shop, "prices", VERDICT_FILLING_CACHE);
	cache->first_at = AT - 3600;
	struct health_finding *over = add_finding(shop, "log.records", VERDICT_GROWS);
	over->over_at = AT - 7200;
	other->bytes = 60000000;
	other->bytes_before = 61000000;
	other->first_at = AT - 7200;
	fill_line(&other->day, 7200, 6e7, 0);
	fill_line(&other->weeks, 7200, 6e7, 0);
	other->caches[other->cache_count++] = (struct health_cache){strdup("<i>\x1b"), 5, 5, 0, 10};
	other->pools[other->pool_count++] = (struct health_pool){strdup("<i>\x1b"), 1, 0, 0};
	struct health_finding *hostile =
		add_finding(other, "</li><script>alert(1)</script>\u202e", VERDICT_KEPT);
	hostile->type = strdup("<i>");
	hostile->filled_by = strdup("f\n(<b>.py:1)");
	hostile->reason = strdup("\x1b[31m");
	hostile->first_at = AT - 60;
	answer(shop);
	health_judge(health);
}

static void compare(health_output_fn *write, const char *golden)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(write(health, file), 0);
	fclose(file);
	compare_with_file(text, size, golden);
	free(text);
}

static void test_text(void **state)
{
	(void)state;
	fill();
	compare(health_text, "health.txt");
}

static void test_page(void **state)
{
	(void)state;
	fill();
	compare(health_html, "health.html");
}

static bool has_stacks(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(health_html(health, file), 0);
	fclose(file);
	bool has = strstr(text, "<figure class=\"stacks\">");
	free(text);
	return has;
}

/* What a service was once filled by, of which all is over, fills it no more. */
static void test_stacks_of_what_grows_alone(void **state)
{
	(void)state;
	struct health_service *shop = add_service("shop", "");
	struct health_finding *leak = add_finding(shop, "history", VERDICT_LEAK);
	assert_false(has_stacks());
	answer(shop);
	assert_true(has_stacks());
	leak->over_at = AT - 60;
	assert_false(has_stacks());
}

static void test_nothing_to_tell(void **state)
{
	(void)state;
	health_judge(health);
	compare(health_text, "health-empty.txt");
}

static void test_what_is_judged(void **state)
{
	(void)state;
	fill();
	struct health_service *shop = health->services[0];
	assert_string_equal(shop->name, "gunicorn"); /* the one that grows */
	assert_true(shop->day.slope.low * 3600 > 14e6 && shop->day.slope.high * 3600 < 16e6);
	assert_true(shop->foreseen);
	double hours = (3e9 - 1.4e9) / 15e6;
	assert_true(fabs(shop->forecast.likely_s / 3600 - hours) < 0.05 * hours);
	assert_true(shop->forecast.early_s < shop->forecast.likely_s);
	assert_int_equal(shop->weeks.count, HEALTH_SAMPLES);
	assert_int_equal(health->services[1]->weeks.count, 0); /* as long as the day */
	assert_false(health->services[1]->foreseen);
	assert_int_equal(health_findings(health), 3);
}

struct changes {
	char text[400];
};

static void note_change(void *context, enum health_change change,
			const struct health_service *service, const struct health_finding *finding)
{
	struct changes *changes = context;
	size_t used = strlen(changes->text);

	snprintf(changes->text + used, sizeof(changes->text) - used, "%s %.8s %s\n",
		 health_change_label(change), service->name, finding ? finding->name : "-");
}

static void test_what_changed(void **state)
{
	struct changes changes = {""};

	(void)state;
	struct health_service *gone = add_service("gone", "");
	struct health_service *before = add_service("before", "");
	struct health_service *shop = add_service("shop", "");
	gone->last_at = AT - 3 * 3600;
	before->last_at = AT - 2 * DAY_S; /* which the last report told */
	shop->first_at = AT - 3600;
	add_finding(shop, "old", VERDICT_LEAK);
	struct health_finding *both = add_finding(shop, "both", VERDICT_LEAK);
	both->first_at = AT - 3600;
	both->over_at = AT - 1800;
	assert_int_equal(health_changes(health, note_change, &changes), 4);
	assert_string_equal(changes.text,
			    "went gone -\ncame shop -\nnew shop both\nover shop both\n");
	assert_int_equal(health_changes(health, NULL, NULL), 4);
}

static void test_what_a_collection_frees(void **state)
{
	double before, now;

	(void)state;
	assert_true(health_yields(&(struct health_gc){true, true, 300, 700, 0, 100, 500}, &before,
				  &now));
	assert_true(before == 5 && now == 1);
	/* none before, none since, another process, and no Python */
	assert_false(
		health_yields(&(struct health_gc){true, true, 300, 700, 0, 0, 0}, &before, &now));
	assert_false(health_yields(&(struct health_gc){true, true, 300, 700, 0, 300, 700}, &before,
				   &now));
	assert_false(health_yields(&(struct health_gc){true, true, 300, 70, 0, 100, 700}, &before,
				   &now));
	assert_false(health_yields(&(struct health_gc){false, true, 300, 700, 0, 100, 500}, &before,
				   &now));
}

int main(void)
{
#define OF_HEALTH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		OF_HEALTH(test_text),
		OF_HEALTH(test_page),
		OF_HEALTH(test_stacks_of_what_grows_alone),
		OF_HEALTH(test_nothing_to_tell),
		OF_HEALTH(test_what_is_judged),
		OF_HEALTH(test_what_changed),
		OF_HEALTH(test_what_a_collection_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
