/* SPDX-License-Identifier: BSD-2-Clause */
/* runtime.asmcgocall, src/runtime/asm_amd64.s, of Go 1.16 on. */
#include <stdbool.h>
#include <string.h>

#include "../go_calls.h"

enum {
	PATH_BYTES = 64,  /* from a store to the call behind it */
	BOTH_BYTES = 256, /* from one way to call to the other one, on the same stack */
	MOVE_BYTES = 3,
};

struct piece {
	const uint8_t *bytes;
	size_t size;
	uint64_t address;
	go_call_fn *act;
	void *context;
};

static bool has_bytes(const struct piece *piece, size_t at, const void *bytes, size_t size)
{
	return at <= piece->size && size <= piece->size - at &&
	       !memcmp(piece->bytes + at, bytes, size);
}

/* A store of a register (its field of ModR/M) to the stack. Returns its length, 0: it is none. */
static size_t read_store(const struct piece *piece, size_t at, uint8_t register_field,
			 int32_t *offset)
{
	const uint8_t near[] = {0x48, 0x89, 0x44 | register_field, 0x24};
	const uint8_t top[] = {0x48, 0x89, 0x04 | register_field, 0x24};

	*offset = 0;
	if (has_bytes(piece, at, top, sizeof(top)))
		return sizeof(top);
	if (!has_bytes(piece, at, near, sizeof(near)) || at + sizeof(near) >= piece->size ||
	    piece->bytes[at + sizeof(near)] > INT8_MAX)
		return 0;
	*offset = piece->bytes[at + sizeof(near)];
	return sizeof(near) + 1;
}

#define RDI (7 << 3)
#define RDX (2 << 3)

/* The store that ends at `end`. */
static bool read_store_before(const struct piece *piece, size_t end, uint8_t register_field,
			      int32_t *offset)
{
	for (size_t length = 4; length <= 5 && length <= end; length++)
		if (read_store(piece, end - length, register_field, offset) == length)
			return true;
	return false;
}

/*
 * The call behind some moves between registers: of the C function itself, or (from Go 1.22 on) of
 * one that jumps there. Returns its length, 0: there is none.
 */
static size_t find_call(const struct piece *piece, size_t *at)
{
	const uint8_t move[] = {0x48, 0x89}, indirect[] = {0xff, 0xd0}, direct[] = {0xe8};

	for (size_t end = *at + PATH_BYTES; *at < end; *at += MOVE_BYTES) {
		if (has_bytes(piece, *at, indirect, sizeof(indirect)))
			return sizeof(indirect);
		if (has_bytes(piece, *at, direct, sizeof(direct)) && *at + 5 <= piece->size)
			return 5;
		if (!has_bytes(piece, *at, move, sizeof(move)))
			return 0;
	}
	return 0;
}

/*
 * Whether the function has a frame pointer of its own, saved below its return address: it takes it
 * from there once it is back on its caller's stack and has stored the result.
 */
static bool pops_rbp(const struct piece *piece, size_t call)
{
	const uint8_t back[] = {0x48, 0x89, 0xf4, 0x89, 0x44, 0x24}, pop[] = {0x5d};

	for (size_t at = call; at < call + PATH_BYTES; at++)
		if (has_bytes(piece, at, back, sizeof(back)))
			return has_bytes(piece, at + sizeof(back) + 1, pop, sizeof(pop));
	return false;
}

/* `rule` is the one of a function without a frame pointer. */
static int cover_call(const struct piece *piece, size_t at, struct unwind_rule rule)
{
	size_t length = find_call(piece, &at);

	if (length && pops_rbp(piece, at)) {
		rule.fp = UNWIND_SAVED_AT_CFA;
		rule.fp_offset = -16;
		if (rule.cfa == UNWIND_CFA_AT_SP)
			rule.addend += 8;
	}
	return length ? piece->act(piece->context, piece->address + at, length, &rule) : 0;
}

/* The calls of one that is on the system stack already, and keeps the stack pointer as it is. */
static int add_same_stack(const struct piece *piece, size_t from)
{
	const uint8_t nothing[] = {0x48, 0xc7, 0x44, 0x24};
	struct unwind_rule rule = {.cfa = UNWIND_CFA_AT_SP, .addend = 8};

	for (size_t at = from; at < from + BOTH_BYTES; at++) {
		size_t store = at + sizeof(nothing) + 5, length;

		if (!has_bytes(piece, at, nothing, sizeof(nothing)))
			continue;
		length = read_store(piece, store, RDX, &rule.cfa_offset);
		if (length)
			return cover_call(piece, store + length, rule);
	}
	return 0;
}

int go_calls_find(const uint8_t *code, size_t size, uint64_t address, go_call_fn *act,
		  void *context)
{
	/* mov 8(%rdi),%rdi; sub %rdx,%rdi: from the end of the goroutine's stack to where it was */
	const uint8_t depth[] = {0x48, 0x8b, 0x7f, 0x08, 0x48, 0x29, 0xd7};
	const struct piece piece = {code, size, address, act, context};
	const uint8_t *found = code;
	int error = 0;

	while (!error &&
	       (found = memmem(found, size - (size_t)(found - code), depth, sizeof(depth)))) {
		struct unwind_rule rule = {.cfa = UNWIND_GO_STACK};
		size_t at = (size_t)(found - code), behind = at + sizeof(depth), length;

		found++;
		length = read_store(&piece, behind, RDI, &rule.addend);
		if (!length || !read_store_before(&piece, at, RDI, &rule.cfa_offset))
			continue;
		error = cover_call(&piece, behind + length, rule);
		if (!error)
			error = add_same_stack(&piece, behind);
	}
	return error;
}
