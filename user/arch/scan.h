/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions as far as one looks for what an interpreter's functions do: what they load, compare
 * with and call.
 */
#ifndef UNFREED_ARCH_SCAN_H
#define UNFREED_ARCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum scanned_flags {
	SCANNED_LOAD = 1,   /* from memory into a register */
	SCANNED_THREAD = 2, /* memory operand in the thread's own: from its beginning on, and ... */
	SCANNED_BASED = 4,  /* ... by a register that is not known */
	SCANNED_RETURN = 8,
	SCANNED_FLAGS = 15,
};

/* What of an instruction matters here. */
struct scanned {
	uint64_t address;
	uint64_t operand;     /* address of a memory operand that is fixed or relative to pc; 0 */
	uint64_t target;      /* of a direct call; 0 */
	int64_t immediate;    /* 0: none */
	int64_t displacement; /* of a memory operand in the thread's own */
	uint32_t operand_bytes;
	uint32_t flags;
};

/*
 * Decodes until an instruction that is not known, into an array, malloc'd. Returns the number of
 * instructions or -ENOMEM.
 */
ssize_t scan_decode(const uint8_t *bytes, size_t size, uint64_t address, struct scanned **scanned);

/* What scan_is_reference may look at on either side. */
enum { SCAN_BEFORE = 16, SCAN_BEHIND = 4 };

/* Whether the code at `at`, which lies at `address`, ends in an operand that is the address
 * `wanted`, and is not that of a call or a jump. */
bool scan_is_reference(const uint8_t *at, uint64_t address, uint64_t wanted);

/* What stands first in functions that may be called by their address, where that is checked. */
enum { LANDING_PAD_BYTES = 4 };
extern const uint8_t landing_pad[LANDING_PAD_BYTES];

/* Whether a byte of code, which begins with an instruction, is of a breakpoint. */
bool scan_is_breakpoint(const uint8_t *bytes, size_t at);

/* Length of the NOP that assemblers pad with there; 0: there is none. */
size_t scan_nop(const uint8_t *bytes, size_t size);

#endif
