/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An executable with an operator new that ends in all ways in which a branch can lead to its
 * `ret`s: every condition, both sides of it, the result in every register on either side, the
 * return address at many distances, all registers that a caller relies on in use by then. Which
 * side is taken is up to the flags, drawn by `--seed`, and a block of its own each has, so that a
 * tracer who takes the wrong one does not know what is freed. `--rounds N` (20,000).
 */
#include <stdlib.h>

#include "truth.h"

#define ARENA_BYTES  ((size_t)64 << 20)
#define CONDITIONS   16
#define WAY_ALWAYS   16
#define WAY_NULL     17
#define WAYS         18
#define FLAGS_ALWAYS 0x202
#define FLAGS_CHOSEN 0x8d5 /* overflow, sign, zero, auxiliary, parity, carry */
#define BYTES_MAX    256

void *operator_new(size_t bytes) __asm__("_Znwm");

/* What the next call does. */
uint64_t exit_way, exit_flags;
void *exit_taken, *exit_passed;

__asm__(".text\n"
	".globl _Znwm\n"
	".type _Znwm, @function\n"
	/* way, condition, where the result is if it holds, and if not */
	".macro EXIT way, condition, taken, passed\n"
	"	.p2align 4\n"
	"way_\\way:\n"
	"	sub $8 * \\way, %rsp\n"
	"	mov exit_taken(%rip), \\taken\n"
	"	mov exit_passed(%rip), \\passed\n"
	"	pushq exit_flags(%rip)\n"
	"	popfq\n"
	"	j\\condition 1f\n"
	"	mov \\passed, %rax\n"
	"	LEAVE \\way\n"
	"1:	mov \\taken, %rax\n"
	"	LEAVE \\way\n"
	".endm\n"
	".macro LEAVE way\n"
	"	add $8 * \\way, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"
	".endm\n"
	"_Znwm:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov exit_way(%rip), %eax\n"
	".irp way, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17\n"
	"	cmp $\\way, %eax\n"
	"	je way_\\way\n"
	".endr\n"
	"	ud2\n"
	"EXIT 0, o, %rax, %r8\n"
	"EXIT 1, no, %rcx, %r9\n"
	"EXIT 2, b, %rdx, %r10\n"
	"EXIT 3, ae, %rbx, %r11\n"
	"EXIT 4, e, %rbp, %r12\n"
	"EXIT 5, ne, %rsi, %r13\n"
	"EXIT 6, be, %rdi, %r14\n"
	"EXIT 7, a, %r8, %r15\n"
	"EXIT 8, s, %r9, %rax\n"
	"EXIT 9, ns, %r10, %rcx\n"
	"EXIT 10, p, %r11, %rdx\n"
	"EXIT 11, np, %r12, %rbx\n"
	"EXIT 12, l, %r13, %rbp\n"
	"EXIT 13, ge, %r14, %rsi\n"
	"EXIT 14, le, %r15, %rdi\n"
	"EXIT 15, g, %rax, %rbx\n"
	"way_16:\n"
	"	mov exit_taken(%rip), %r12\n"
	"	jmp 1f\n"
	"	ud2\n"
	"1:	mov %r12, %rax\n"
	"	LEAVE 0\n"
	"way_17:\n"
	"	mov exit_taken(%rip), %rax\n"
	"	xor %eax, %eax\n"
	"	LEAVE 0\n"
	".size _Znwm, . - _Znwm\n");

static char arena[ARENA_BYTES] __attribute__((aligned(16)));
static size_t used;

static void *take(size_t bytes)
{
	char *block = arena + used;

	used += (bytes + 15) / 16 * 16;
	if (used > ARENA_BYTES)
		truth_die("arena");
	return block;
}

TRUTH_LEAF void *malloc(size_t bytes)
{
	void *block = take(bytes);

	TRUTH_NO_TAIL_CALL();
	return block;
}

/* Nothing is given out again. */
TRUTH_LEAF void free(void *block)
{
	__asm__ volatile("" ::"r"(block) : "memory");
}

static uint64_t draw(void)
{
	static uint64_t state;

	if (!state)
		state = truth_number("--seed", 1);
	state = state * 6364136223846793005 + 1442695040888963407;
	return state >> 33;
}

static TRUTH_LEAF void *new_block(size_t bytes)
{
	void *block = operator_new(bytes);

	if (block)
		truth_alloc("new_block", bytes);
	TRUTH_NO_TAIL_CALL();
	return block;
}

static void run(void)
{
	uint64_t rounds = truth_number("--rounds", 20000), taken = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		size_t bytes = 1 + draw() % BYTES_MAX;
		void *block;

		exit_way = i % WAYS;
		exit_flags = FLAGS_ALWAYS | (draw() & FLAGS_CHOSEN);
		exit_taken = take(bytes);
		exit_passed = take(bytes);
		block = new_block(bytes);
		if (!block != (exit_way == WAY_NULL))
			truth_die("a wrong result");
		taken += block == exit_taken && exit_way < CONDITIONS;
		if (draw() % 2) {
			free(block);
			if (block)
				truth_free("new_block", bytes);
		}
	}
	truth_note("taken", taken);
}

int main(int argc, char **argv)
{
	static const struct truth_case cases[] = {{"all", NULL, run}};

	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
