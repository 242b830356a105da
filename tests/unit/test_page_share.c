/* SPDX-License-Identifier: BSD-2-Clause */
/* Which share of new pages is taken, by what that costs, and for how many each of them stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../bpf/growth.h"
#include "tracer/page_share.h"

static void test_next_mask(void **state)
{
	static const struct {
		uint64_t mask;
		double program_s, used_s, passed_s;
		uint64_t next;
	} cases[] = {
		{0, 0.000, 0, 1, 0},  /* nothing is done */
		{0, 0.005, 0, 1, 0},  /* as much as may be, of a processor, */
		{0, 0.0051, 0, 1, 1}, /* and more: one in two */
		{0, 0.010, 0, 2, 0},  /* in two seconds twice as much may be */
		{0, 0.030, 1, 1, 0},  /* of what a busy one uses itself */
		{0, 0.031, 1, 1, 1},
		{0, 0.121, 1, 1, 7}, /* until it is cheap enough: one in eight */
		{3, 0.031, 1, 1, 7},
		{3, 0.008, 1, 1, 3},  /* cheap, but not by far */
		{3, 0.0074, 1, 1, 1}, /* by far: twice as many */
		{1, 0.0001, 1, 1, 0},
		{2047, 9.0, 1, 1, 4095}, /* no further */
		{4095, 9.0, 1, 1, 4095},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (page_share_next(cases[i].mask, cases[i].program_s, cases[i].used_s,
				    cases[i].passed_s) != cases[i].next)
			fail_msg("case %zu", i);
}

enum { PAGE = 4096, HUGE_PAGES = 512 };

/* An address of which one in `mask` + 1 is taken, or of which it is not. */
static uint64_t find_page(uint64_t mask, bool taken)
{
	uint64_t address = UINT64_C(0x7f0000000000);

	while (!PAGE_IS_TAKEN(address, mask) == taken)
		address += PAGE;
	return address;
}

static void test_bytes(void **state)
{
	static const struct {
		uint64_t mask, pages;
		bool taken, there, huge, fresh;
		uint64_t stands_for; /* pages */
	} cases[] = {
		{3, 4, true, true, false, true, 4},
		{3, 4, true, true, false, false, 4},
		{3, 4, true, false, false, true, 0}, /* gone */
		{3, 4, false, true, false, true, 0}, /* taken before, when more were */
		{3, 1, true, true, false, false, 4}, /* likewise: it stands for those */
		{3, 8, true, true, false, false, 8}, /* made when fewer were taken */
		{3, 4, true, true, true, true, 4 * HUGE_PAGES},
		{3, 4, true, true, true, false, 4}, /* became a part of a huge one later */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_fate fate = {
			.address = find_page(cases[i].mask, cases[i].taken),
			.there = cases[i].there,
			.huge = cases[i].huge,
		};

		if (page_share_bytes(cases[i].mask, &fate, cases[i].fresh, cases[i].pages * PAGE) !=
		    cases[i].stands_for * PAGE)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_mask),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("page share", tests, NULL, NULL);
}
