/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/returns.h"

#define CODE(...)     {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define RET           0xc3
#define NOP           0x90
#define POP_RBX       0x5b
#define JE(distance)  0x74, (uint8_t)(distance)
#define JMP(distance) 0xeb, (uint8_t)(distance)
#define CALL          0xe8, 0, 1, 0, 0
#define MOV_RAX_R11   0x4c, 0x89, 0xd8
#define MOV_RAX_MEM   0x48, 0x8b, 0x07
#define ADD_RSP(n)    0x48, 0x81, 0xc4, (uint8_t)(n), (n) >> 8, 0, 0
#define CODE_OFFSET   0x400u
#define ANY           UINT64_MAX

enum { RAX = 0, RBX = 3, R11 = 11, ZERO = PROBE_CONDITION(4), NOT_ZERO = PROBE_CONDITION(5) };

/* A `ret` that stays, or a place short of one. */
#define AT_RET(offset)                    \
	{                                 \
		(offset), 0, SITE_STEPPED \
	}
#define SHORT(offset, result, condition, words)                                \
	{                                                                      \
		(offset), PROBE_PLACE(result, condition, words), SITE_EMULATED \
	}

struct end {
	uint64_t offset;
	uint64_t place;
	enum site_kind kind;
};

struct return_case {
	const char *what;
	uint8_t code[64];
	size_t size;
	bool complete;
	int count;
	struct end ends[4];
};

/* GOT words at 0x3000 (a function at 0x20 of the code), 0x3008 (elsewhere), 0x3010 (throws). */
static const struct code_slot slots[] = {
	{.address = 0x3000, .target = 0x1020},
	{.address = 0x3008, .target = CODE_NOWHERE},
	{.address = 0x3010, .target = CODE_NOWHERE, .never_returns = true},
};

/* jmp *0x3000(%rip) and the like, at an offset of code that lies at 0x1000 */
#define JUMP_SLOT(at, slot)                                                                      \
	0xff, 0x25, (uint8_t)((slot)-0x1000 - (at)-6), (uint8_t)(((slot)-0x1000 - (at)-6) >> 8), \
		0, 0
#define CALL_SLOT(at, slot)                                                                      \
	0xff, 0x15, (uint8_t)((slot)-0x1000 - (at)-6), (uint8_t)(((slot)-0x1000 - (at)-6) >> 8), \
		0, 0

/* Which `ret`s are found. A call right before keeps them as they are. */
static const struct return_case found_cases[] = {
	{"one", CODE(CALL, RET, NOP, RET), true, 1, {AT_RET(5)}},
	{"behind either side of a branch",
	 CODE(JE(6), CALL, RET, CALL, RET),
	 true,
	 2,
	 {AT_RET(7), AT_RET(13)}},
	{"a loop", CODE(JE(2), JMP(-4), CALL, RET), true, 1, {AT_RET(9)}},
	{"a tail jump", CODE(JMP(2), RET, RET, CALL, 0xf3, RET), true, 1, {AT_RET(9)}},
	{"an indirect jump", CODE(JE(2), 0xff, 0xe0, RET), false, 1, {AT_RET(4)}},
	{"out of the code", CODE(JE(0x7f), RET), false, 1, {AT_RET(2)}},
	{"off the end", CODE(NOP, NOP), false, 0, {{0}}},
	{"a trap", CODE(JE(2), 0x0f, 0x0b, CALL, RET), true, 1, {AT_RET(9)}},
	{"a system call", CODE(0x0f, 0x05, RET), true, 1, {AT_RET(2)}},
	{"garbage", CODE(JE(1), 0x06, RET), false, 1, {AT_RET(3)}},
	{"a GOT jump to the same code",
	 CODE(JE(6), JUMP_SLOT(2, 0x3000), MOV_RAX_MEM, RET, [0x20] = 0x5d, RET),
	 true,
	 2,
	 {AT_RET(11), AT_RET(0x21)}},
	{"a GOT jump elsewhere", CODE(JE(6), JUMP_SLOT(2, 0x3008), RET), false, 1, {AT_RET(8)}},
	{"a call that throws", CODE(JE(6), CALL_SLOT(2, 0x3010), 0x06), false, 0, {{0}}},
	{"a call that throws, then data",
	 CODE(JE(7), CALL_SLOT(2, 0x3010), 0x06, MOV_RAX_MEM, RET),
	 true,
	 1,
	 {AT_RET(12)}},
	{"a call through a stub that throws",
	 CODE(JE(6), 0xe8, 0x05, 0, 0, 0, 0x06, MOV_RAX_MEM, RET, JUMP_SLOT(12, 0x3010)),
	 true,
	 1,
	 {AT_RET(11)}},
	{"a call that returns", CODE(CALL_SLOT(0, 0x3008), RET), true, 1, {AT_RET(6)}},
};

/* Which can be done without. */
static const struct return_case short_cases[] = {
	{"fast and slow path, as in jemalloc",
	 CODE(JE(4), MOV_RAX_R11, RET, JMP(-6)),
	 true,
	 2,
	 {SHORT(0, R11, NOT_ZERO, 0), SHORT(6, R11, 0, 0)}},
	{"both sides of a branch",
	 CODE(JE(1), RET, RET),
	 true,
	 2,
	 {SHORT(0, RAX, ZERO, 0), SHORT(0, RAX, NOT_ZERO, 0)}},
	{"a branch to what follows it",
	 CODE(JE(0), RET),
	 true,
	 2,
	 {SHORT(0, RAX, ZERO, 0), SHORT(0, RAX, NOT_ZERO, 0)}},
	{"a near branch",
	 CODE(0x0f, 0x84, 1, 0, 0, 0, RET, 0x0f, 0x0b),
	 true,
	 1,
	 {SHORT(0, RAX, NOT_ZERO, 0)}},
	{"copied twice",
	 CODE(JMP(0), 0x4c, 0x89, 0xdb, 0x48, 0x89, 0xd8, RET),
	 true,
	 1,
	 {SHORT(0, R11, 0, 0)}},
	{"the register overwritten behind the copy",
	 CODE(JMP(0), MOV_RAX_R11, 0x4d, 0x31, 0xdb, RET),
	 true,
	 1,
	 {SHORT(0, R11, 0, 0)}},
	{"saved registers come back",
	 CODE(JMP(0), 0x41, 0x5c, POP_RBX, RET),
	 true,
	 1,
	 {SHORT(0, RAX, 0, 2)}},
	{"stack given back",
	 CODE(JMP(0), ADD_RSP(24), POP_RBX, RET),
	 true,
	 1,
	 {SHORT(0, RAX, 0, 4)}},
	{"stack given back by lea",
	 CODE(JMP(0), 0x48, 0x8d, 0x64, 0x24, 0x08, RET),
	 true,
	 1,
	 {SHORT(0, RAX, 0, 1)}},
	{"as far as a cookie can say",
	 CODE(JMP(0), ADD_RSP(0x7f8), RET),
	 true,
	 1,
	 {SHORT(0, RAX, 0, 255)}},
	{"a push last", CODE(CALL, 0x50, ADD_RSP(8), RET), true, 1, {SHORT(5, RAX, 0, 0)}},
	{"a nop last", CODE(CALL, NOP, POP_RBX, RET), true, 1, {SHORT(5, RAX, 0, 1)}},
	{"a constant 0", CODE(CALL, 0x31, 0xc0, RET), true, 0, {{0}}},
	{"a constant 0 or a block",
	 CODE(JE(2), 0x31, 0xc0, POP_RBX, RET),
	 true,
	 1,
	 {SHORT(0, RAX, ZERO, 1)}},
	{"a constant 0 by mov, copied",
	 CODE(CALL, 0xbb, 0, 0, 0, 0, 0x48, 0x89, 0xd8, RET),
	 true,
	 0,
	 {{0}}},
	{"one of two",
	 CODE(JE(3), POP_RBX, RET, NOP, CALL, RET),
	 true,
	 2,
	 {SHORT(0, RAX, NOT_ZERO, 1), AT_RET(10)}},
	{"a jump elsewhere that is not reached",
	 CODE(JE(2), POP_RBX, RET, RET, JMP(-3)),
	 true,
	 2,
	 {SHORT(0, RAX, NOT_ZERO, 1), AT_RET(4)}},
};

/* Which cannot. */
static const struct return_case kept_cases[] = {
	{"a value from memory", CODE(JMP(0), MOV_RAX_MEM, RET), true, 1, {AT_RET(5)}},
	{"a value that is computed", CODE(JMP(0), 0x48, 0x83, 0xc0, 8, RET), true, 1, {AT_RET(6)}},
	{"a value off the stack", CODE(JMP(0), 0x58, RET), true, 1, {AT_RET(3)}},
	{"half a register", CODE(JMP(0), 0x44, 0x89, 0xd8, RET), true, 1, {AT_RET(5)}},
	{"a conditional copy", CODE(JMP(0), 0x49, 0x0f, 0x44, 0xc3, RET), true, 1, {AT_RET(6)}},
	{"a multiplication", CODE(JMP(0), 0x48, 0xf7, 0xe1, RET), true, 1, {AT_RET(5)}},
	{"the entry in the tail", CODE(MOV_RAX_R11, RET), true, 1, {AT_RET(3)}},
	{"a branch that is stepped", CODE(0xe3, 1, NOP, RET), true, 1, {AT_RET(3)}},
	{"an unknown stack", CODE(JMP(0), 0xc9, RET), true, 1, {AT_RET(3)}},
	{"another stack", CODE(JMP(0), 0x48, 0x89, 0xec, RET), true, 1, {AT_RET(5)}},
	{"half a word of stack", CODE(JMP(0), ADD_RSP(4), RET), true, 1, {AT_RET(9)}},
	{"too much stack", CODE(JMP(0), ADD_RSP(0x800), RET), true, 1, {AT_RET(9)}},
	{"stack below the return address",
	 CODE(JMP(0), 0x48, 0x83, 0xec, 8, RET),
	 true,
	 1,
	 {AT_RET(6)}},
	{"a jump from code that is not reached",
	 CODE(JMP(0), POP_RBX, RET, JMP(-4)),
	 true,
	 1,
	 {AT_RET(3)}},
	{"a branch from code that is not reached",
	 CODE(JMP(0), POP_RBX, RET, NOP, JE(-4)),
	 true,
	 1,
	 {AT_RET(3)}},
};

static int compare_sites(const void *a, const void *b)
{
	const struct site *left = a, *right = b;

	if (left->file_offset != right->file_offset)
		return left->file_offset < right->file_offset ? -1 : 1;
	return left->cookie < right->cookie ? -1 : left->cookie > right->cookie;
}

static int find_in(const struct code *code, uint64_t entry_site, struct site *sites, size_t max,
		   bool *complete)
{
	const struct code_walk_request reached = {.code = code};
	const struct returns_request request = {.function = alloc_function_find("_Znwm"),
						.entry_site = entry_site};
	struct code_walk walk;

	assert_int_equal(code_walk_init(&walk, &reached), 0);
	int count = returns_find(&walk, &request, sites, max, complete);
	code_walk_release(&walk);
	return count;
}

static int find(const uint8_t *bytes, size_t size, uint64_t entry_site, struct site *sites,
		bool *complete)
{
	uint8_t *exact = malloc(size);
	const struct code code = {
		.bytes = exact,
		.size = size,
		.address = 0x1000,
		.file_offset = CODE_OFFSET,
		.slots = slots,
		.slot_count = sizeof(slots) / sizeof(slots[0]),
	};

	memcpy(exact, bytes, size);
	int count = find_in(&code, entry_site, sites, 8, complete);
	qsort(sites, (size_t)count, sizeof(sites[0]), compare_sites);
	free(exact);
	return count;
}

static void check(const struct return_case *c)
{
	const uint64_t cookie = alloc_function_find("_Znwm")->cookie;
	struct site sites[8];
	bool complete;
	int count = find(c->code, c->size, ANY, sites, &complete);

	if (count != c->count || complete != c->complete)
		fail_msg("%s: %d returns, %s", c->what, count, complete ? "all" : "not all");
	for (int i = 0; i < count; i++) {
		const struct end *end = &c->ends[i];

		if (sites[i].file_offset != CODE_OFFSET + end->offset ||
		    sites[i].kind != end->kind || sites[i].cookie != (cookie | end->place))
			fail_msg("%s: %s at %d, place %#llx", c->what, sites[i].instruction,
				 (int)(sites[i].file_offset - CODE_OFFSET),
				 (unsigned long long)(sites[i].cookie ^ cookie));
	}
}

#define CHECK_ALL(cases)                                                \
	for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++) \
	check(&(cases)[i])

static void test_returns_are_found(void **state)
{
	(void)state;
	CHECK_ALL(found_cases);
}

static void test_places_short_of_a_return(void **state)
{
	(void)state;
	CHECK_ALL(short_cases);
}

static void test_returns_that_stay(void **state)
{
	(void)state;
	CHECK_ALL(kept_cases);
}

static void test_every_condition(void **state)
{
	(void)state;
	for (uint8_t code = 0; code < 16; code++) {
		const uint8_t bytes[] = {0x70 | code, 1, RET, 0x0f, 0x0b};
		struct site sites[8];
		bool complete;

		assert_int_equal(find(bytes, sizeof(bytes), ANY, sites, &complete), 1);
		assert_int_equal(PROBE_COOKIE_CONDITION(sites[0].cookie),
				 PROBE_CONDITION(code ^ 1));
	}
}

static void test_no_place_at_the_entry_site(void **state)
{
	const uint8_t bytes[] = {JE(1), RET, RET};
	struct site sites[8];
	bool complete;

	(void)state;
	assert_int_equal(find(bytes, sizeof(bytes), CODE_OFFSET, sites, &complete), 2);
	assert_int_equal(sites[0].file_offset, CODE_OFFSET + 2);
	assert_int_equal(sites[1].file_offset, CODE_OFFSET + 3);
	assert_int_equal(sites[0].kind, SITE_STEPPED);
}

/* Far away, as the cold part of a function is. `jump` is at 512. */
static void check_far(const uint8_t *jump, size_t size, bool direct)
{
	uint8_t bytes[600] = {JMP(0), POP_RBX, RET};
	struct site sites[8];
	bool complete;

	memset(bytes + 4, 0xcc, sizeof(bytes) - 4);
	memcpy(bytes + 512, jump, size);
	assert_int_equal(find(bytes, sizeof(bytes), ANY, sites, &complete), 1);
	assert_int_equal(sites[0].file_offset, CODE_OFFSET + (direct ? 0 : 3));
}

static void test_jumps_from_far_away(void **state)
{
	const uint8_t into[] = {0xe9, 0xfd, 0xfd, 0xff, 0xff};          /* to 2 */
	const uint8_t if_into[] = {0x0f, 0x88, 0xfd, 0xfd, 0xff, 0xff}; /* to 3 */
	const uint8_t before[] = {0xe9, 0xfb, 0xfd, 0xff, 0xff};        /* to 0 */
	const uint8_t call[] = {0xe8, 0xfd, 0xfd, 0xff, 0xff};

	(void)state;
	check_far(into, sizeof(into), false);
	check_far(if_into, sizeof(if_into), false);
	check_far(before, sizeof(before), true);
	check_far(call, sizeof(call), true);
}

static void test_a_tail_without_end(void **state)
{
	uint8_t bytes[256] = {JMP(0)};
	struct site sites[8];
	bool complete;

	(void)state;
	for (int length = 62; length < 66; length++) {
		memset(bytes + 2, POP_RBX, (size_t)length);
		bytes[2 + length] = RET;
		assert_int_equal(find(bytes, (size_t)length + 3, ANY, sites, &complete), 1);
		assert_int_equal(sites[0].kind, length < 64 ? SITE_EMULATED : SITE_STEPPED);
		assert_true(complete);
	}
}

static void test_more_returns_than_room(void **state)
{
	uint8_t bytes[] = {JE(6), CALL, RET, JE(6), CALL, RET, CALL, RET};
	const struct code code = {.bytes = bytes, .size = sizeof(bytes)};
	struct site sites[2];
	bool complete;

	(void)state;
	assert_int_equal(find_in(&code, ANY, sites, 2, &complete), 2);
	assert_false(complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_returns_are_found),
		cmocka_unit_test(test_places_short_of_a_return),
		cmocka_unit_test(test_returns_that_stay),
		cmocka_unit_test(test_every_condition),
		cmocka_unit_test(test_no_place_at_the_entry_site),
		cmocka_unit_test(test_jumps_from_far_away),
		cmocka_unit_test(test_a_tail_without_end),
		cmocka_unit_test(test_more_returns_than_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
