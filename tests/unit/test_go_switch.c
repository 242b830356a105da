/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of C from Go's system stack are found by their code, as Go 1.19 and 1.24 have it, and a
 * walk goes over to the goroutine's stack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unwind/go_switch.h"
#include "unwind_host.h"

/* runtime.asmcgocall from where it is on the system stack; the call is at CALL_AT. */
static const uint8_t code_1_19[] = {
	0x48, 0x89, 0x7c, 0x24, 0x30,                      /* mov %rdi,0x30(%rsp) */
	0x48, 0x8b, 0x7f, 0x08,                            /* mov 0x8(%rdi),%rdi */
	0x48, 0x29, 0xd7,                                  /* sub %rdx,%rdi */
	0x48, 0x89, 0x7c, 0x24, 0x28,                      /* mov %rdi,0x28(%rsp) */
	0x48, 0x89, 0xdf, 0x48, 0x89, 0xd9,                /* mov %rbx,%rdi; mov %rbx,%rcx */
	0xff, 0xd0,                                        /* call *%rax */
	0x48, 0x89, 0xf4, 0x89, 0x44, 0x24, 0x18,          /* mov %rsi,%rsp; mov %eax,0x18(%rsp) */
	0xc3,                                              /* ret */
	0x48, 0xc7, 0x44, 0x24, 0x30, 0,    0,    0,    0, /* movq $0,0x30(%rsp) */
	0x48, 0x89, 0x54, 0x24, 0x28,                      /* mov %rdx,0x28(%rsp) */
	0x48, 0x89, 0xdf,                                  /* mov %rbx,%rdi */
	0xff, 0xd0,                                        /* call *%rax */
	0x48, 0x89, 0xf4, 0x89, 0x44, 0x24, 0x18, 0xc3,
};

static const uint8_t code_1_24[] = {
	0x48, 0x89, 0x7c, 0x24, 0x08,                      /* mov %rdi,0x8(%rsp) */
	0x48, 0x8b, 0x7f, 0x08,                            /* mov 0x8(%rdi),%rdi */
	0x48, 0x29, 0xd7,                                  /* sub %rdx,%rdi */
	0x48, 0x89, 0x3c, 0x24,                            /* mov %rdi,(%rsp) */
	0xe8, 0x7c, 0xff, 0xff, 0xff,                      /* call asmcgocall_landingpad */
	0x48, 0x89, 0xf4, 0x89, 0x44, 0x24, 0x20,          /* mov %rsi,%rsp; mov %eax,0x20(%rsp) */
	0x5d, 0xc3,                                        /* pop %rbp; ret */
	0x48, 0xc7, 0x44, 0x24, 0x08, 0,    0,    0,    0, /* movq $0,0x8(%rsp) */
	0x48, 0x89, 0x14, 0x24,                            /* mov %rdx,(%rsp) */
	0xe8, 0x43, 0xff, 0xff, 0xff,                      /* call asmcgocall_landingpad */
	0x48, 0x89, 0xf4, 0x89, 0x44, 0x24, 0x20, 0x5d, 0xc3,
};

enum { BASE = 0x400000, CALL_1_19 = 23, SAME_1_19 = 50, CALL_1_24 = 16, SAME_1_24 = 43 };

static struct unwind_rule rule_in(const struct cfi_table *table, uint64_t offset)
{
	const struct unwind_rule *rule = cfi_table_find(table, BASE + offset);

	return rule ? *rule : (struct unwind_rule){0};
}

static void test_go_1_19(void **state)
{
	struct cfi_table table = {0};
	struct unwind_rule rule;

	(void)state;
	assert_int_equal(go_switch_add_code(code_1_19, sizeof(code_1_19), BASE, &table), 0);
	rule = rule_in(&table, CALL_1_19);
	assert_int_equal(rule.cfa, UNWIND_GO_STACK);
	assert_int_equal(rule.cfa_offset, 0x30);
	assert_int_equal(rule.addend, 0x28);
	assert_int_equal(rule.fp, UNWIND_SAVED_NOT);
	rule = rule_in(&table, SAME_1_19);
	assert_int_equal(rule.cfa, UNWIND_CFA_AT_SP);
	assert_int_equal(rule.cfa_offset, 0x28);
	assert_int_equal(rule.addend, 8);
	assert_int_equal(rule_in(&table, CALL_1_19 - 1).cfa, UNWIND_NO_RULE);
	assert_int_equal(rule_in(&table, CALL_1_19 + 2).cfa, UNWIND_NO_RULE);
	cfi_table_release(&table);
}

/* The function has a frame pointer, and what the table said before holds around the calls. */
static void test_go_1_24(void **state)
{
	struct cfi_table table = {.rows = calloc(2, sizeof(*table.rows)),
				  .row_count = 2,
				  .rules = calloc(2, sizeof(*table.rules)),
				  .rule_count = 2};
	struct unwind_rule rule;

	(void)state;
	table.rules[1] = (struct unwind_rule){.cfa = UNWIND_CFA_FP, .cfa_offset = 16};
	table.rows[0] = (struct cfi_row){BASE, 1};
	table.rows[1] = (struct cfi_row){BASE + sizeof(code_1_24), 0};
	assert_int_equal(go_switch_add_code(code_1_24, sizeof(code_1_24), BASE, &table), 0);
	rule = rule_in(&table, CALL_1_24 + 4);
	assert_int_equal(rule.cfa, UNWIND_GO_STACK);
	assert_int_equal(rule.cfa_offset, 8);
	assert_int_equal(rule.addend, 0);
	assert_int_equal(rule.fp, UNWIND_SAVED_AT_CFA);
	rule = rule_in(&table, SAME_1_24);
	assert_int_equal(rule.cfa, UNWIND_CFA_AT_SP);
	assert_int_equal(rule.cfa_offset, 0);
	assert_int_equal(rule.addend, 16);
	assert_int_equal(rule_in(&table, CALL_1_24 + 5).cfa, UNWIND_CFA_FP);
	assert_int_equal(rule_in(&table, 0).cfa, UNWIND_CFA_FP);
	assert_int_equal(table.rows[table.row_count - 1].rule, 0);
	cfi_table_release(&table);
}

/* Cut anywhere, nothing is read behind its end. */
static void test_cut_code(void **state)
{
	(void)state;
	for (size_t size = 0; size <= sizeof(code_1_19); size++) {
		struct cfi_table table = {0};
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, code_1_19, size);
		assert_int_equal(go_switch_add_code(copy, size, BASE, &table), 0);
		cfi_table_release(&table);
		free(copy);
	}
}

/* Both stacks are here; the goroutine's lies below the thread's. */
static void test_walk(void **state)
{
	uint64_t goroutine_stack[64] = {0}, thread_stack[64] = {0};
	uint64_t goroutine[2] = {0, (uint64_t)(goroutine_stack + 64)};
	struct unwind_rule rule = {.cfa = UNWIND_GO_STACK, .cfa_offset = 8};
	static struct unwind_state walk;

	(void)state;
	goroutine_stack[41] = 0x1234;
	thread_stack[0] = 24 * 8;
	thread_stack[1] = (uint64_t)goroutine;
	walk = (struct unwind_state){.pc = BASE, .sp = (uint64_t)thread_stack, .fp = 0x5555};
	goroutine_stack[40] = 0x1234;
	assert_int_equal(unwind_apply(&walk, &rule), UNWIND_STEPPED);
	assert_int_equal(walk.pc, 0x1234);
	assert_int_equal(walk.sp, (uint64_t)(goroutine_stack + 41));
	assert_int_equal(walk.fp, 0x5555);
	goroutine_stack[40] = 0x7777;
	rule.fp = UNWIND_SAVED_AT_CFA;
	rule.fp_offset = -16;
	walk = (struct unwind_state){.pc = BASE, .sp = (uint64_t)thread_stack, .fp = 0x5555};
	assert_int_equal(unwind_apply(&walk, &rule), UNWIND_STEPPED);
	assert_int_equal(walk.pc, 0x1234);
	assert_int_equal(walk.sp, (uint64_t)(goroutine_stack + 42));
	assert_int_equal(walk.fp, 0x7777);
	thread_stack[1] = 8; /* no goroutine */
	walk = (struct unwind_state){.pc = BASE, .sp = (uint64_t)thread_stack};
	assert_int_equal(unwind_apply(&walk, &rule), UNWIND_READ_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_go_1_19),
		cmocka_unit_test(test_go_1_24),
		cmocka_unit_test(test_cut_code),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
