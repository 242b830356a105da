/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator whose malloc is not what it reads like, to be preloaded: all that can be read of it
 * says that its result and its size are in registers at the branch behind a call, but from the
 * 1000th call on what it calls breaks the calling convention, so that there is, by LIE,
 *
 *   size     another size
 *   count    no branch passed
 *   result   another result than is returned
 *   caller   another frame pointer than its caller's
 *
 * The program that uses it gets what it asks for in any case, and never the same memory twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "truth.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define HONEST      1000

enum lie { LIE_NONE, LIE_SIZE, LIE_COUNT, LIE_RESULT, LIE_CALLER };

/* In two registers. */
struct taken {
	char *block;
	uint64_t lie;
};

static char arena[ARENA_BYTES] __attribute__((aligned(16)));
static size_t used, calls;
static enum lie lie;

__attribute__((constructor)) static void choose(void)
{
	static const char *const names[] = {"none", "size", "count", "result", "caller"};
	const char *name = getenv("LIE");

	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			lie = (enum lie)i;
}

/* Room for a header of 16 bytes, and for a result that lies 16 bytes farther on. */
__attribute__((used)) static struct taken liar_next(size_t bytes)
{
	size_t whole = (bytes + 63) / 16 * 16;
	char *block = arena + used + 16;

	if (whole > ARENA_BYTES - used)
		return (struct taken){0};
	used += whole;
	calls++;
	memcpy(block - 16, &bytes, sizeof(bytes));
	memcpy(block, &bytes, sizeof(bytes));
	return (struct taken){block, calls > HONEST ? lie : LIE_NONE};
}

__attribute__((used)) static uint64_t liar_back, liar_frame;

/* clang-format off */
__asm__(".text\n"
	".globl malloc\n"
	".type malloc,@function\n"
	"malloc:\n"
	"	pushq %rbx\n"
	"	movq %rdi,%rbx\n"
	"	call liar_take\n"
	"	testq %rax,%rax\n"
	"	je 1f\n"
	"1:	popq %rbx\n"
	"	ret\n"
	".size malloc,.-malloc\n"
	/* (%rsp): in malloc; 8: its caller's %rbx; 16: to where it returns */
	".type liar_take,@function\n"
	"liar_take:\n"
	"	subq $8,%rsp\n"
	"	call liar_next\n"
	"	addq $8,%rsp\n"
	"	cmpq $1,%rdx\n"
	"	jb 1f\n"
	"	je 2f\n"
	"	cmpq $3,%rdx\n"
	"	movq 16(%rsp),%rcx\n"
	"	movq %rcx,liar_back(%rip)\n"
	"	jb 3f\n"
	"	ja 4f\n"
	"	leaq liar_result(%rip),%rcx\n"
	"	movq %rcx,16(%rsp)\n"
	"1:	ret\n"
	"2:	addq $8,%rbx\n"
	"	ret\n"
	"3:	addq $5,(%rsp)\n" /* over the test and the branch */
	"	ret\n"
	"4:	leaq liar_caller(%rip),%rcx\n"
	"	movq %rcx,16(%rsp)\n"
	"	movq %rbp,liar_frame(%rip)\n"
	"	xorl %ebp,%ebp\n"
	"	ret\n"
	".size liar_take,.-liar_take\n"
	"liar_result:\n"
	"	addq $16,%rax\n"
	"	jmp *liar_back(%rip)\n"
	"liar_caller:\n"
	"	movq liar_frame(%rip),%rbp\n"
	"	jmp *liar_back(%rip)\n");
/* clang-format on */

__attribute__((noinline)) void free(void *block)
{
	__asm__ volatile("" ::"r"(block) : "memory");
}

__attribute__((noinline)) void *calloc(size_t number, size_t bytes)
{
	return liar_next(number * bytes).block;
}

__attribute__((noinline)) void *realloc(void *block, size_t bytes)
{
	char *moved = liar_next(bytes).block;
	size_t before;

	if (!block || !moved)
		return moved;
	memcpy(&before, (char *)block - 16, sizeof(before));
	return memcpy(moved, block, before < bytes ? before : bytes);
}
