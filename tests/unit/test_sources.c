/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of sources of evidence: each row is whole, and says where its probes go. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../bpf/probes.h"
#include "evidence/sources.h"
#include "plan/request.h"

static const struct python_slots slots = {
	.refill = 1,
	.refill_pools = 1,
	.refill_site = {.cookie = 0x10, .file_offset = 500},
	.functions = {{.site.file_offset = 100},
		      {.site.file_offset = 200,
		       .has_alias_site = true,
		       .alias_site.file_offset = 204},
		      {.site.file_offset = 300},
		      {.site.file_offset = 400}},
};

static void test_rows(void **state)
{
	size_t of_malloc = 0;

	(void)state;
	assert_true(evidence_sources.count >= 4);
	for (size_t i = 0; i < evidence_sources.count; i++) {
		const struct source *source = evidence_sources.items[i];
		const char *const *names = source->covers == COVERS_MALLOC ? malloc_request_names
									   : python_request_names;
		struct site sites[SOURCE_SITES_MAX];

		assert_string_equal(source->name, names[source->asked_as]);
		assert_false(source->by_pools && source->every_block);
		if (source->covers == COVERS_MALLOC) {
			of_malloc++;
			continue;
		}
		assert_non_null(source->lacks);
		assert_in_range(source->find_sites(&slots, 4096, sites), 1, SOURCE_SITES_MAX);
	}
	assert_int_equal(of_malloc, 1);
}

/* What tells more stands first, and what writes behind what does not. */
static void test_order(void **state)
{
	(void)state;
	assert_ptr_equal(evidence_sources.items[0], &malloc_exact);
	assert_ptr_equal(evidence_sources.items[1], &python_exact);
	assert_ptr_equal(evidence_sources.items[2], &python_steered);
	assert_ptr_equal(evidence_sources.items[3], &python_pools);
	for (size_t i = 0; i < evidence_sources.count; i++)
		assert_int_equal(evidence_sources.items[i]->writes,
				 evidence_sources.items[i] == &python_steered);
}

static void test_sites_of_each_block(void **state)
{
	struct python_slots inlined = slots;
	struct site sites[SOURCE_SITES_MAX];

	(void)state;
	inlined.inlined = true;
	sites[CALLS].file_offset = 4711;
	assert_int_equal(python_exact.find_sites(&slots, 4096, sites), CALLS);
	for (size_t i = 0; i < CALLS; i++)
		assert_int_equal(sites[i].file_offset, 100 * (i + 1));
	assert_int_equal(python_steered.find_sites(&inlined, 4096, sites), CALLS);
	assert_int_equal(sites[0].file_offset, 100);
	assert_int_equal(sites[1].file_offset, 204);
	assert_int_equal(sites[CALLS - 1].file_offset, 400);
	assert_int_equal(sites[CALLS].file_offset, 4711);
}

static void test_site_of_pools(void **state)
{
	struct python_slots other = slots;
	struct site sites[SOURCE_SITES_MAX];

	(void)state;
	assert_int_equal(python_pools.find_sites(&slots, 16384, sites), 1);
	assert_int_equal(sites[0].file_offset, 500);
	assert_true(sites[0].cookie == (0x10 | PROBE_FREES_UNSEEN | PROBE_POOL(14)));
	python_pools.find_sites(&slots, 0, sites); /* nobody asks how large pools are */
	assert_true(sites[0].cookie == (0x10 | PROBE_FREES_UNSEEN));
	other.refill_pools = 64;
	python_pools.find_sites(&other, 16384, sites);
	assert_true(sites[0].cookie == (0x10 | PROBE_FREES_UNSEEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sites_of_each_block),
		cmocka_unit_test(test_site_of_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
