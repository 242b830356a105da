/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/direct.h"

#define CODE(...)   {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define CODE_OFFSET 0x400u

enum { RAX = 0, RBX = 3, RBP = 5, RSI = 6, RDI = 7, R11 = 11, FREE_AT = 41 };
enum { ZERO = PROBE_CONDITION(4), NOT_ZERO = PROBE_CONDITION(5) };

struct expected {
	uint64_t offset;
	enum site_role role;
	uint64_t cookie; /* beside the function's */
};

struct direct_case {
	const char *what;
	uint8_t code[64];
	size_t size;
	size_t own_bytes; /* size of the function, 0: all of it */
	int count;
	struct expected sites[4];
};

/* clang-format off */
static const struct direct_case cases[] = {
	{"a size and a result in registers",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xfb,             /* mov %rdi,%rbx */
	      0xe8, 0x07, 0, 0, 0,          /* call 0x10 */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00,                   /* je 0x0e */
	      0x5b, 0xc3,                   /* 0x0e: pop %rbx; ret */
	      0xc3),                        /* 0x10: ret */
	 0, 1,
	 {{0x0c, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))}}},
	{"a size that is lost in a call",
	 CODE(0x55,                         /* push %rbp */
	      0x48, 0x89, 0xfe,             /* mov %rdi,%rsi */
	      0xe8, 0x0b, 0, 0, 0,          /* call 0x14 */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x04,                   /* je 0x12 */
	      0x48, 0x8d, 0x49, 0x01,       /* lea 1(%rcx),%rcx */
	      0x5d, 0xc3,                   /* 0x12: pop %rbp; ret */
	      0xc3),                        /* 0x14: ret */
	 0, 2,
	 {{0x04, ROLE_NOTE, PROBE_PLACE(0, 0, 1) | PROBE_DIRECT(RSI, 0, 0)},
	  {0x0c, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(PROBE_SIZE_NOTED, RBP, RBX)}}},
	{"a slow path elsewhere",
	 CODE(0x48, 0x83, 0xff, 0x40,       /* cmp $64,%rdi */
	      0x77, 0x0d,                   /* ja 0x13 */
	      0x4c, 0x8b, 0x59, 0x08,       /* mov 8(%rcx),%r11 */
	      0x4d, 0x85, 0xdb,             /* test %r11,%r11 */
	      0x74, 0x04,                   /* je 0x13 */
	      0x4c, 0x89, 0xd8, 0xc3,       /* mov %r11,%rax; ret */
	      0xeb, 0x08,                   /* 0x13: jmp 0x1d */
	      0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	      0xff, 0xe1),                  /* 0x1d: jmp *%rcx */
	 0x15, 2,
	 {{0x0d, ROLE_DIRECT, PROBE_PLACE(R11, NOT_ZERO, 0) | PROBE_DIRECT(RDI, RBP, RBX)},
	  {0x13, ROLE_CALL, 0}}},
	{"a slow path elsewhere, with another stack",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x83, 0xff, 0x40,       /* cmp $64,%rdi */
	      0x77, 0x0b,                   /* ja 0x12 */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x02,                   /* je 0x12 */
	      0x5b, 0xc3,                   /* pop %rbx; ret */
	      0xeb, 0x08,                   /* 0x12: jmp 0x1c */
	      0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	      0xff, 0xe1),                  /* 0x1c: jmp *%rcx */
	 0x14, 0, {{0}}},
	{"a size on one of two ways",
	 CODE(0x48, 0x83, 0xff, 0x40,       /* cmp $64,%rdi */
	      0x77, 0x05,                   /* ja 0x0b */
	      0xbf, 5, 0, 0, 0,             /* mov $5,%edi */
	      0x48, 0x8b, 0x41, 0x08,       /* 0x0b: mov 8(%rcx),%rax */
	      0xa8, 0x0f,                   /* test $15,%al */
	      0x75, 0x01,                   /* jne 0x14 */
	      0xc3, 0x0f, 0x0b),            /* ret; ud2 */
	 0, 0, {{0}}},
	{"a callee that nobody knows",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xfb,             /* mov %rdi,%rbx */
	      0xff, 0xd1,                   /* call *%rcx */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00,                   /* je 0x0b */
	      0x5b, 0xc3),                  /* pop %rbx; ret */
	 0, 0, {{0}}},
	{"an allocation function as callee",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xfb,             /* mov %rdi,%rbx */
	      0xe8, FREE_AT - 9, 0, 0, 0,   /* call free */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00,                   /* je 0x0e */
	      0x5b, 0xc3,                   /* pop %rbx; ret */
	      0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	      0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	      0xc3),
	 0, 0, {{0}}},
	{"a stack that is restored from a register",
	 CODE(0x55,                         /* push %rbp */
	      0x48, 0x89, 0xe5,             /* mov %rsp,%rbp */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0xa8, 0x0f,                   /* test $15,%al */
	      0x75, 0x02,                   /* jne 0x0e */
	      0xc9, 0xc3,                   /* leave; ret */
	      0x0f, 0x0b),                  /* 0x0e: ud2 */
	 0, 0, {{0}}},
	{"a size behind a callee that never returns",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xfb,             /* mov %rdi,%rbx */
	      0x48, 0x83, 0xff, 0x40,       /* cmp $64,%rdi */
	      0x77, 0x0a,                   /* ja 0x14 */
	      0x48, 0x8b, 0x41, 0x08,       /* 0x0a: mov 8(%rcx),%rax */
	      0xa8, 0x0f,                   /* test $15,%al */
	      0x75, 0x0b,                   /* jne 0x1d */
	      0x5b, 0xc3,                   /* pop %rbx; ret */
	      0x31, 0xdb,                   /* 0x14: xor %ebx,%ebx */
	      0xe8, 0x04, 0, 0, 0,          /* call 0x1f */
	      0xeb, 0xed,                   /* jmp 0x0a */
	      0x0f, 0x0b,                   /* 0x1d: ud2 */
	      0xe8, 0, 0, 0, 0,             /* 0x1f: call 0x24 */
	      0x0f, 0x0b),                  /* 0x24: ud2 */
	 0, 1,
	 {{0x10, ROLE_DIRECT,
	   PROBE_PLACE(RAX, ZERO, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))}}},
	{"a size behind padding",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xfb,             /* mov %rdi,%rbx */
	      0x48, 0x83, 0xff, 0x40,       /* cmp $64,%rdi */
	      0x77, 0x0d,                   /* ja 0x17 */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0xa8, 0x0f,                   /* test $15,%al */
	      0x75, 0x16,                   /* jne 0x28 */
	      0x5b, 0xc3,                   /* 0x12: pop %rbx; ret */
	      0xcc, 0xcc, 0xcc,
	      0x31, 0xdb,                   /* 0x17: xor %ebx,%ebx */
	      0xe8, 0x10, 0, 0, 0,          /* call 0x2e */
	      0x66, 0x0f, 0x1f, 0x04, 0,    /* nopw (%rax,%rax) */
	      0x0f, 0x1f, 0x44, 0, 0,       /* nopl 0(%rax,%rax) */
	      0xa8, 0x10,                   /* 0x28: test $16,%al */
	      0x74, 0xe6,                   /* je 0x12 */
	      0x0f, 0x0b,                   /* ud2 */
	      0xc3),                        /* 0x2e: ret */
	 0, 2,
	 {{0x10, ROLE_DIRECT,
	   PROBE_PLACE(RAX, ZERO, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))},
	  {0x2a, ROLE_DIRECT,
	   PROBE_PLACE(RAX, ZERO, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))}}},
	{"a size that is kept on the stack",
	 CODE(0x48, 0x83, 0xec, 0x08,       /* sub $8,%rsp */
	      0x48, 0x89, 0x3c, 0x24,       /* mov %rdi,(%rsp) */
	      0xe8, 0x0e, 0, 0, 0,          /* call 0x1b */
	      0x48, 0x8b, 0x34, 0x24,       /* mov (%rsp),%rsi */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00,                   /* je 0x16 */
	      0x48, 0x83, 0xc4, 0x08, 0xc3, /* 0x16: add $8,%rsp; ret */
	      0xc3),                        /* 0x1b: ret */
	 0, 1,
	 {{0x14, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(RSI, RBP, RBX)}}},
	{"a size on the stack that is written over, in part",
	 CODE(0x48, 0x83, 0xec, 0x08,       /* sub $8,%rsp */
	      0x48, 0x89, 0x3c, 0x24,       /* mov %rdi,(%rsp) */
	      0xc6, 0x44, 0x24, 0x04, 0,    /* movb $0,4(%rsp) */
	      0xe8, 0x0e, 0, 0, 0,          /* call 0x20 */
	      0x48, 0x8b, 0x34, 0x24,       /* mov (%rsp),%rsi */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00,                   /* je 0x1b */
	      0x48, 0x83, 0xc4, 0x08, 0xc3, /* 0x1b: add $8,%rsp; ret */
	      0xc3),                        /* 0x20: ret */
	 0, 2,
	 {{0x0d, ROLE_NOTE, PROBE_PLACE(0, 0, 1) | PROBE_DIRECT(RDI, 0, 0)},
	  {0x19, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(PROBE_SIZE_NOTED, RBP, RBX)}}},
	{"a size that is lost before a branch that ends on both sides",
	 CODE(0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xd2,             /* test %rdx,%rdx */
	      0x74, 0x01,                   /* je 0x0a */
	      0xc3,                         /* ret */
	      0x89, 0xd7,                   /* 0x0a: mov %edx,%edi */
	      0x39, 0xca,                   /* cmp %ecx,%edx */
	      0x72, 0x01,                   /* jb 0x11 */
	      0xc3, 0xc3),                  /* ret; 0x11: ret */
	 0, 1,
	 {{0x07, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 0) | PROBE_DIRECT(RDI, RBP, RBX)}}},
};

/* By a number and the size of each. */
static const struct direct_case product_cases[] = {
	{"a product, and a jump to what fills the block",
	 CODE(0x48, 0x89, 0xf8,             /* mov %rdi,%rax */
	      0x48, 0xf7, 0xe6,             /* mul %rsi */
	      0x53,                         /* push %rbx */
	      0x48, 0x89, 0xc3,             /* mov %rax,%rbx */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x08,                   /* je 0x1b */
	      0x5b,                         /* pop %rbx */
	      0x48, 0x89, 0xc7,             /* mov %rax,%rdi */
	      0xeb, 0x04,                   /* jmp 0x1d */
	      0xcc, 0xcc,
	      0x5b, 0xc3,                   /* 0x1b: pop %rbx; ret */
	      0xff, 0x25, 0, 0x10, 0, 0),   /* 0x1d: jmp *0x1000(%rip) */
	 0x1d, 1,
	 {{0x11, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))}}},
	{"a product of two other things",
	 CODE(0x48, 0x89, 0xf8,             /* mov %rdi,%rax */
	      0x48, 0xf7, 0xe2,             /* mul %rdx */
	      0x48, 0x89, 0xc6,             /* mov %rax,%rsi */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00, 0xc3),            /* je 0x12; 0x12: ret */
	 0, 0, {{0}}},
	{"a product by imul",
	 CODE(0x48, 0x0f, 0xaf, 0xf7,       /* imul %rdi,%rsi */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x01, 0xc3,             /* je 0x0e; ret */
	      0x0f, 0x0b),                  /* 0x0e: ud2 */
	 0, 1, {{0x0b, ROLE_DIRECT, PROBE_PLACE(RAX, NOT_ZERO, 0) | PROBE_DIRECT(RSI, RBP, RBX)}}},
	{"a jump to what is no filling of memory",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x0f, 0xaf, 0xf7,       /* imul %rdi,%rsi */
	      0x48, 0x8b, 0x79, 0x08,       /* mov 8(%rcx),%rdi */
	      0x48, 0x85, 0xff,             /* test %rdi,%rdi */
	      0x74, 0x03,                   /* je 0x11 */
	      0x5b,                         /* pop %rbx */
	      0xeb, 0x04,                   /* jmp 0x15 */
	      0x31, 0xc0, 0x5b, 0xc3,       /* 0x11: xor %eax,%eax; pop %rbx; ret */
	      0xc3),
	 0x15, 0, {{0}}},
};

/* Of an allocator that takes its memory from another one; the second argument is the size. */
static const struct direct_case on_top_cases[] = {
	{"a slow way that allocates",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xf3,             /* mov %rsi,%rbx */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x02,                   /* je 0x0f */
	      0x5b, 0xc3,                   /* 0x0d: pop %rbx; ret */
	      0x48, 0x89, 0xdf,             /* 0x0f: mov %rbx,%rdi */
	      0xff, 0xd1,                   /* call *%rcx */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0xf4,                   /* je 0x0d */
	      0xeb, 0xf2),                  /* jmp 0x0d */
	 0, 4,
	 {{0x0b, ROLE_DIRECT,
	   PROBE_PLACE(RAX, NOT_ZERO, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))},
	  {0x12, ROLE_NOTE, PROBE_NOTE_OUTER | PROBE_PLACE(0, 0, 1) | PROBE_DIRECT(RBX, 0, 0)},
	  {0x17, ROLE_DIRECT, PROBE_PLACE(RAX, ZERO, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))},
	  {0x19, ROLE_DIRECT, PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(RBX, RBP, PROBE_AT_WORD(0))}}},
	{"a size that is lost on a slow way that allocates",
	 CODE(0x55,                         /* push %rbp */
	      0x48, 0x8b, 0x41, 0x08,       /* mov 8(%rcx),%rax */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x02,                   /* je 0x0c */
	      0x5d, 0xc3,                   /* 0x0a: pop %rbp; ret */
	      0xff, 0xd1,                   /* 0x0c: call *%rcx */
	      0xff, 0xd1,                   /* call *%rcx */
	      0xeb, 0xf8),                  /* jmp 0x0a */
	 0, 4,
	 {{0x08, ROLE_DIRECT, PROBE_PLACE(RAX, NOT_ZERO, 1) | PROBE_DIRECT(RSI, RBP, RBX)},
	  {0x0c, ROLE_NOTE, PROBE_NOTE_OUTER | PROBE_PLACE(0, 0, 1) | PROBE_DIRECT(RSI, 0, 0)},
	  {0x0e, ROLE_NOTE,
	   PROBE_NOTE_OUTER | PROBE_PLACE(0, 0, 1) | PROBE_DIRECT(PROBE_SIZE_NOTED, 0, 0)},
	  {0x10, ROLE_DIRECT,
	   PROBE_PLACE(RAX, 0, 1) | PROBE_DIRECT(PROBE_SIZE_NOTED, RBP, RBX)}}},
	{"nothing but ways that allocate",
	 CODE(0x53,                         /* push %rbx */
	      0x48, 0x89, 0xf3,             /* mov %rsi,%rbx */
	      0xff, 0xd1,                   /* call *%rcx */
	      0x48, 0x85, 0xc0,             /* test %rax,%rax */
	      0x74, 0x00,                   /* je 0x0b */
	      0x5b, 0xc3),                  /* 0x0b: pop %rbx; ret */
	 0, 0, {{0}}},
};
/* clang-format on */

static int compare_sites(const void *a, const void *b)
{
	const struct site *left = a, *right = b;

	if (left->file_offset != right->file_offset)
		return left->file_offset < right->file_offset ? -1 : 1;
	return left->cookie < right->cookie ? -1 : left->cookie > right->cookie;
}

static int find(const struct direct_case *c, const struct alloc_function *function,
		size_t own_bytes, struct site *sites)
{
	struct elf_function functions[] = {
		{function, 0x1000, own_bytes},
		{alloc_function_find("free"), 0x1000 + FREE_AT, 0},
	};
	const struct elf_object object = {.functions = functions, .function_count = 2};
	uint8_t *exact = malloc(c->size);
	const struct code code = {
		.bytes = exact, .size = c->size, .address = 0x1000, .file_offset = CODE_OFFSET};

	memcpy(exact, c->code, c->size);
	int count = direct_find(&object, &functions[0], &code, sites);
	free(exact);
	if (count > 0)
		qsort(sites, (size_t)count, sizeof(*sites), compare_sites);
	return count;
}

static void check(const struct direct_case *c, const struct alloc_function *function,
		  size_t own_bytes)
{
	const uint64_t cookie = function->cookie;
	struct site sites[DIRECT_SITES_MAX];
	int count = find(c, function, own_bytes, sites);

	if (count != c->count)
		fail_msg("%s: %d sites", c->what, count);
	for (int i = 0; i < count; i++) {
		const struct expected *site = &c->sites[i];

		if (sites[i].file_offset != CODE_OFFSET + site->offset ||
		    sites[i].role != site->role || sites[i].cookie != (cookie | site->cookie))
			fail_msg("%s: %s at %d, role %d, %#llx", c->what, sites[i].instruction,
				 (int)(sites[i].file_offset - CODE_OFFSET), (int)sites[i].role,
				 (unsigned long long)(sites[i].cookie ^ cookie));
	}
}

static void test_sites(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i], alloc_function_find("malloc"),
		      cases[i].own_bytes ?: cases[i].size);
}

static void test_products(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(product_cases) / sizeof(*product_cases); i++)
		check(&product_cases[i], alloc_function_find("calloc"),
		      product_cases[i].own_bytes ?: product_cases[i].size);
}

/* It is found by its address, and nobody knows how long it is. */
static void test_on_top_of_another_allocator(void **state)
{
	static const struct alloc_function function = {
		"pymalloc malloc",
		PROBE_COOKIE(PROBE_ALLOC, DOMAIN_PYTHON, PROBE_NO_ARG, 1, PROBE_NO_ARG)};

	(void)state;
	for (size_t i = 0; i < sizeof(on_top_cases) / sizeof(*on_top_cases); i++)
		check(&on_top_cases[i], &function, 0);
}

/* What returns a block in another way than malloc does, or may throw, is probed as ever. */
static void test_other_functions(void **state)
{
	const char *const names[] = {"calloc", "realloc", "posix_memalign", "free", "_Znwm"};
	struct site sites[DIRECT_SITES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(
			find(&cases[0], alloc_function_find(names[i]), cases[0].size, sites), 0);
	assert_int_equal(find(&cases[0], alloc_function_find("malloc"), 0, sites), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_on_top_of_another_allocator),
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_other_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
