/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking through the machine code of an interpreter's file. Addresses are those of the process.
 */
#ifndef UNFREED_PYTHON_CODE_SCAN_H
#define UNFREED_PYTHON_CODE_SCAN_H

#include "image.h"

/* What of an instruction matters here. */
struct scanned {
	uint64_t address;
	uint64_t operand; /* address of a memory operand that is fixed or relative to rip; 0 */
	uint8_t operand_bytes;
	uint64_t target;   /* of a direct call; 0 */
	int64_t immediate; /* 0: none */
};

/*
 * Decodes a function from its entry, `size` bytes or until one that does not decode. `visit`
 * returns false to end it. Returns 0 or a negative errno.
 */
int code_scan(const struct python_image *image, uint64_t address, size_t size,
	      bool (*visit)(const struct scanned *scanned, void *context), void *context);

/* The places in code that name an address as an operand other than of a call or a jump. */
struct code_references {
	uint64_t address;
	uint32_t count;
};

/* Counts the references to several addresses in one pass. Returns 0 or a negative errno. */
int code_count_references(const struct python_image *image, struct code_references *references,
			  size_t count);

/* Bytes of NOPs at an address that end before `end`, all of them or 0. */
size_t code_nops(const uint8_t *bytes, size_t size);

#endif
