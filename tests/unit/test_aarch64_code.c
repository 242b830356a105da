/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AArch64's instructions, as probes and as the search in an interpreter's code need them: linked
 * with that machine's files in the place of this one's, which are bytes in, facts out, on any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "allocators/returns.h"
#include "arch/scan.h"

#define WORDS(...)  {__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4
#define MASK(index) (1u << (index))

enum {
	RET = 0xd65f03c0,
	NOP = 0xd503201f,
	BTI_C = 0xd503245f,
	PUSH_FRAME = 0xa9be7bfd, /* stp x29, x30, [sp, #-32]! */
	POP_FRAME = 0xa8c27bfd,  /* ldp x29, x30, [sp], #32 */
	LINK = 30,
	STACK = 31,
	NONE = REGISTER_NONE,
};

/* --- instructions --- */

struct decoded {
	const char *what;
	uint32_t word;
	enum code_flow flow;
	enum probe_cost cost;
	int64_t distance; /* to the target; 0: none */
	uint32_t writes;
};

static const struct decoded decoded[] = {
	{"b .-24", 0x17fffffa, FLOW_JUMP, COST_EMULATED, -24, 0},
	{"bl .-28", 0x97fffff9, FLOW_CALL, COST_EMULATED, -28, MASK(LINK)},
	{"blr x8", 0xd63f0100, FLOW_CALL, COST_EMULATED, 0, MASK(LINK)},
	{"br x17", 0xd61f0220, FLOW_JUMP, COST_EMULATED, 0, 0},
	{"ret", RET, FLOW_RETURN, COST_EMULATED, 0, 0},
	{"retaa", 0xd65f0bff, FLOW_RETURN, COST_REFUSED, 0, 0},
	{"eret", 0xd69f03e0, FLOW_STOP, COST_REFUSED, 0, 0},
	{"cbz x0, .+16", 0xb4000080, FLOW_BRANCH, COST_EMULATED, 16, 0},
	{"cbnz x1, .+12", 0xb5000061, FLOW_BRANCH, COST_EMULATED, 12, 0},
	{"tbz w0, #3, .+8", 0x36180040, FLOW_BRANCH, COST_EMULATED, 8, 0},
	{"b.hi .+8", 0x54000048, FLOW_BRANCH, COST_EMULATED, 8, 0},
	{"adrp x16", 0x90000010, FLOW_NEXT, COST_EMULATED, 0, MASK(16)},
	{"adr x0", 0x10000040, FLOW_NEXT, COST_EMULATED, 0, MASK(0)},
	{"nop", NOP, FLOW_NEXT, COST_EMULATED_NOP, 0, 0},
	{"bti c", BTI_C, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"paciasp", 0xd503233f, FLOW_NEXT, COST_STEPPED, 0, MASK(LINK) | MASK(17) | MASK(16)},
	{"svc #0", 0xd4000001, FLOW_NEXT, COST_REFUSED, 0, MASK(0)},
	{"brk #1", 0xd4200020, FLOW_STOP, COST_REFUSED, 0, MASK(0)},
	{"udf #0", 0, FLOW_STOP, COST_REFUSED, 0, MASK(0)},
	{"mrs x3, tpidr_el0", 0xd53bd043, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
	{"msr tpidr_el0, x0", 0xd51bd040, FLOW_NEXT, COST_REFUSED, 0, 0},
	{"ldr x0, =literal", 0x58000080, FLOW_NEXT, COST_REFUSED, 0, MASK(0)},
	{"ldxr x0, [x1]", 0xc85f7c20, FLOW_NEXT, COST_REFUSED, 0, MASK(0)},
	{"stlxr w3, x0, [x1]", 0xc803fc20, FLOW_NEXT, COST_REFUSED, 0, MASK(0) | MASK(3) | MASK(4)},
	{"stp x29, x30, [sp, #-32]!", PUSH_FRAME, FLOW_NEXT, COST_STEPPED, 0, MASK(STACK)},
	{"ldp x29, x30, [sp], #32", POP_FRAME, FLOW_NEXT, COST_STEPPED, 0,
	 MASK(29) | MASK(LINK) | MASK(STACK)},
	{"ldp x19, x20, [sp, #16]", 0xa94153f3, FLOW_NEXT, COST_STEPPED, 0, MASK(19) | MASK(20)},
	{"stp x0, x1, [x2, #16]", 0xa9010440, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"ldr x1, [x2], #8", 0xf8408441, FLOW_NEXT, COST_STEPPED, 0, MASK(1) | MASK(2)},
	{"str x1, [sp, #-16]!", 0xf81f0fe1, FLOW_NEXT, COST_STEPPED, 0, MASK(STACK)},
	{"ldadd x3, x4, [x5]", 0xf82300a4, FLOW_NEXT, COST_STEPPED, 0, MASK(4)},
	{"ldr x9, [x0, x1]", 0xf8616809, FLOW_NEXT, COST_STEPPED, 0, MASK(9)},
	{"stur x0, [x29, #-8]", 0xf81f83a0, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"ldrsw x3, [x1, #4]", 0xb9800423, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
	{"and sp, x0, #-16", 0x927cec1f, FLOW_NEXT, COST_STEPPED, 0, MASK(STACK)},
	{"cmp x0, #0", 0xf100001f, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"ccmp x0, #0, #0, eq", 0xfa400800, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"fmov x3, d0", 0x9e660003, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
	{"umulh x3, x1, x2", 0x9bc27c23, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
};

static void decode(uint32_t word, struct instruction *instruction)
{
	struct decoder *decoder = decoder_new();
	uint32_t words[] = {NOP, NOP, word};

	assert_int_equal(
		instruction_decode(decoder, (const uint8_t *)words, sizeof(words), 8, instruction),
		0);
	decoder_free(decoder);
}

static void test_instructions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decoded) / sizeof(*decoded); i++) {
		const struct decoded *expected = &decoded[i];
		struct instruction is;

		decode(expected->word, &is);
		if (is.flow != expected->flow || is.cost != expected->cost ||
		    is.writes != expected->writes || is.size != 4 ||
		    is.target !=
			    (expected->distance ? 8 + (uint64_t)expected->distance : CODE_NOWHERE))
			fail_msg("%s: flow %d, cost %d, target %#lx, writes %#x", expected->what,
				 is.flow, is.cost, is.target, is.writes);
	}
}

static void test_what_instructions_mean(void **state)
{
	struct instruction is;

	(void)state;
	decode(0xaa0003e1, &is); /* mov x1, x0 */
	assert_int_equal(is.copy_to, 1);
	assert_int_equal(is.copy_from, 0);
	decode(0x2a0003e1, &is); /* mov w1, w0 */
	assert_int_equal(is.copy_to, NONE);
	decode(0xd2800000, &is); /* mov x0, #0 */
	assert_int_equal(is.zeroed, 0);
	decode(0x2a1f03e0, &is); /* mov w0, wzr */
	assert_int_equal(is.zeroed, 0);
	decode(0xd2804000, &is); /* mov x0, #512 */
	assert_int_equal(is.zeroed, NONE);
	decode(0xf100001f, &is); /* cmp x0, #0 */
	assert_int_equal(is.tested, 0);
	decode(0x7100001f, &is); /* cmp w0, #0 */
	assert_int_equal(is.tested, NONE);
	decode(0xb5000061, &is); /* cbnz x1 */
	assert_int_equal(is.tested, 1);
	assert_true(is.branches_on_other && !is.branches_on_zero);
	assert_int_equal(is.taken_if, 0);
	decode(0x54000048, &is); /* b.hi */
	assert_int_equal(is.taken_if, PROBE_CONDITION(8));
	assert_int_equal(is.passed_if, PROBE_CONDITION(9));
	decode(0x910043ff, &is); /* add sp, sp, #16 */
	assert_int_equal(is.pops, 16);
	decode(0xd14007ff, &is); /* sub sp, sp, #1, lsl #12 */
	assert_int_equal(is.pops, -4096);
	decode(PUSH_FRAME, &is);
	assert_int_equal(is.pops, -32);
	assert_true(is.moves_stack);
	decode(POP_FRAME, &is); /* x30 with it */
	assert_int_equal(is.pops, STACK_UNKNOWN);
	decode(0xf90007e0, &is); /* str x0, [sp, #8] */
	assert_true(is.moves_stack);
	assert_int_equal(is.pops, 0);
	decode(0xf84107e1, &is); /* ldr x1, [sp], #16 */
	assert_int_equal(is.pops, 16);
	decode(0xf8408441, &is); /* ldr x1, [x2], #8 */
	assert_int_equal(is.pops, 0);
	decode(0x910043e0, &is); /* add x0, sp, #16 */
	assert_int_equal(is.pops, 0);
	decode(0x9100401f, &is); /* add sp, x0, #16 */
	assert_int_equal(is.pops, STACK_UNKNOWN);
	decode(0x927cec1f, &is); /* and sp, x0, #-16 */
	assert_int_equal(is.pops, STACK_UNKNOWN);
	decode(0x29410be1, &is); /* ldp w1, w2, [sp, #8] */
	assert_int_equal(is.pops, 0);
	decode(0x28c10be1, &is); /* ldp w1, w2, [sp], #8 */
	assert_int_equal(is.pops, STACK_UNKNOWN);
}

static void test_branches(void **state)
{
	struct instruction is;

	(void)state;
	decode(0x54000040, &is); /* b.eq .+8 */
	assert_true(is.branches_on_zero && !is.branches_on_other);
	assert_string_equal(is.text, "b.eq .+0x8");
	decode(0x54000041, &is); /* b.ne .+8 */
	assert_true(!is.branches_on_zero && is.branches_on_other);
	decode(0x5400004e, &is); /* b.al .+8 */
	assert_int_equal(is.taken_if, 0);
	decode(0xb4000080, &is); /* cbz x0 */
	assert_int_equal(is.tested, 0);
	assert_true(is.branches_on_zero && !is.branches_on_other);
	decode(0x34000040, &is); /* cbz w0: half of it */
	assert_int_equal(is.tested, NONE);
	assert_true(!is.branches_on_zero && !is.branches_on_other);
	decode(0x36180040, &is); /* tbz */
	assert_int_equal(is.tested, NONE);
	decode(0x17fffffa, &is); /* b .-24 */
	assert_string_equal(is.text, "b .-0x18");
	decode(RET, &is);
	assert_string_equal(is.text, "ret");
	decode(0xf9000041, &is);
	assert_string_equal(is.text, "str x1, [x2]");
	assert_false(is.moves_stack);
}

/* A site is at the first cheap instruction, as long as the arguments are there. */
static void test_sites(void **state)
{
	static const struct {
		uint32_t words[4];
		size_t count;
		uint32_t skipped;
		enum site_kind kind;
	} cases[] = {
		{WORDS(BTI_C, 0x90000010, RET), 4, SITE_EMULATED},     /* adrp x16 */
		{WORDS(NOP, PUSH_FRAME, RET), 0, SITE_EMULATED_NOP},   /* -fpatchable-… */
		{WORDS(PUSH_FRAME, 0x90000010, RET), 0, SITE_STEPPED}, /* the stack has moved */
		{WORDS(0xb4000040, NOP, RET), 0, SITE_EMULATED},       /* cbz x0 */
		{WORDS(0xd2804000, 0xb4000040, NOP), 0, SITE_STEPPED}, /* x0 lost */
		{WORDS(0xaa0003e1, 0xd2800000, 0x14000002), 8, SITE_EMULATED}, /* x0 in x1 */
		{WORDS(0xd4000001, 0xd2804000, RET), 0, SITE_STEPPED},         /* svc: takes none */
	};
	struct site site;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		site_choose(alloc_function_find("malloc"), (const uint8_t *)cases[i].words,
			    4 * cases[i].count, 0, &site);
		if (site.skipped != cases[i].skipped || site.kind != cases[i].kind)
			fail_msg("case %zu: %u %s", i, site.skipped, site_kind_name(site.kind));
	}
}

/* They are simulated, so that each is its own site, whatever leads to it. */
static void test_returns(void **state)
{
	uint32_t words[] = {0xb4000060, NOP, RET, 0xd2800000, RET};
	const struct code code = {.bytes = (uint8_t *)words, .size = sizeof(words)};
	const struct code_walk_request reached = {.code = &code};
	const struct returns_request request = {.function = alloc_function_find("_Znwm"),
						.entry_site = CODE_NOWHERE};
	struct code_walk walk;
	struct site sites[4];
	bool complete;

	(void)state;
	assert_int_equal(code_walk_init(&walk, &reached), 0);
	assert_int_equal(returns_find(&walk, &request, sites, 4, &complete), 2);
	code_walk_release(&walk);
	assert_true(complete);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sites[i].kind, SITE_EMULATED);
		assert_int_equal(sites[i].cookie & PROBE_PLACE_BITS, 0);
	}
	assert_int_equal(sites[0].file_offset + sites[1].file_offset, 8 + 16);
}

static void test_far_jumps(void **state)
{
	uint32_t words[] = {NOP, 0x97fffff9, 0x17fffffe, 0x54000048};
	struct code_jump jump;

	(void)state;
	assert_true(jump_next((const uint8_t *)words, sizeof(words), 1, &jump));
	assert_int_equal(jump.offset, 8); /* no call */
	assert_int_equal(jump.prefix, 8);
	assert_int_equal(jump.target, 0);
	assert_true(jump_next((const uint8_t *)words, sizeof(words), 9, &jump));
	assert_int_equal(jump.target, 20);
	assert_false(jump_next((const uint8_t *)words, sizeof(words), 13, &jump));
}

/* --- what an interpreter does --- */

static void test_scanned(void **state)
{
	/* adrp x0, 0x12000; ldr x1, [x0, #24]; add x2, x0, #0x10; ldr w3, [x2, #4];
	 * mrs x3, tpidr_el0; add x3, x3, #0x20; ldr x0, [x3, #16]; cmp x0, #512;
	 * bl; ldr x1, [x0, #24]; ret */
	const uint32_t words[] = {0xd0000000, 0xf9400c01, 0x91004002, 0xb9400443,
				  0xd53bd043, 0x91008063, 0xf9400860, 0xf108001f,
				  0x94000000, 0xf9400c01, RET};
	struct scanned *scanned;
	ssize_t count = scan_decode((const uint8_t *)words, sizeof(words), 0x10000, &scanned);

	(void)state;
	assert_int_equal(count, 11);
	assert_int_equal(scanned[1].operand, 0x12018);
	assert_int_equal(scanned[1].flags, SCANNED_LOAD);
	assert_int_equal(scanned[1].operand_bytes, 8);
	assert_int_equal(scanned[3].operand, 0x12014);
	assert_int_equal(scanned[3].operand_bytes, 4);
	assert_int_equal(scanned[6].flags, SCANNED_LOAD | SCANNED_THREAD);
	assert_int_equal(scanned[6].displacement, 0x30);
	assert_int_equal(scanned[6].operand, 0);
	assert_int_equal(scanned[7].immediate, 512);
	assert_int_equal(scanned[8].target, 0x10000 + 32);
	assert_int_equal(scanned[9].operand, 0); /* the call took x0 away */
	assert_int_equal(scanned[10].flags, SCANNED_RETURN);
	free(scanned);
	assert_true(scan_is_reference((const uint8_t *)&words[2], 0x10008, 0x12010) == false);
	const uint32_t pair[] = {0xd0000000, 0x91004000};
	assert_true(scan_is_reference((const uint8_t *)&pair[1], 0x10004, 0x12010));
	assert_false(scan_is_reference((const uint8_t *)&pair[1], 0x10004, 0x12011));
	assert_int_equal(scan_nop((const uint8_t[]){0x1f, 0x20, 0x03, 0xd5}, 4), 4);
	assert_int_equal(scan_nop((const uint8_t *)&words[0], 4), 0);
	const uint32_t stopped[] = {BTI_C, 0xd42000a0}; /* brk #5, a uprobe's */
	assert_memory_equal(stopped, landing_pad, LANDING_PAD_BYTES);
	for (size_t i = 0; i < sizeof(stopped); i++)
		assert_int_equal(scan_is_breakpoint((const uint8_t *)stopped, i), i >= 4);
}

/* What a register holds ends where it is written. */
static void test_what_registers_hold(void **state)
{
	/* ldr x0, [x0]; mov w1, #3; mov x1, #0x10000; at 0x11ffc: adrp x0, 0x14000; mov x2, x0;
	 * ldr x1, [x0, #24]; mov x0, #0; ldr x1, [x0, #24]; add x2, x4, #0x10; ldr x3, [x2, #24] */
	const uint32_t words[] = {0xf9400000, 0x52800061, 0xd2a00021, 0xd0000000, 0xaa0003e2,
				  0xf9400c01, 0xd2800000, 0xf9400c01, 0x91004082, 0xf9400c43};
	struct scanned *scanned;
	ssize_t count = scan_decode((const uint8_t *)words, sizeof(words), 0x11ffc - 12, &scanned);

	(void)state;
	assert_int_equal(count, 10);
	assert_int_equal(scanned[0].operand, 0);
	assert_int_equal(scanned[0].immediate, 0);
	assert_int_equal(scanned[1].immediate, 3);
	assert_int_equal(scanned[2].immediate, 0x10000);
	assert_int_equal(scanned[5].operand, 0x13018);
	assert_int_equal(scanned[7].operand, 0);
	assert_int_equal(scanned[9].operand, 0);
	free(scanned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions), cmocka_unit_test(test_what_instructions_mean),
		cmocka_unit_test(test_branches),     cmocka_unit_test(test_sites),
		cmocka_unit_test(test_returns),      cmocka_unit_test(test_far_jumps),
		cmocka_unit_test(test_scanned),      cmocka_unit_test(test_what_registers_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
