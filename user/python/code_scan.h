/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking through the machine code of an interpreter's file. Addresses are those of the process;
 * _read and _request as in binary.h.
 */
#ifndef UNFREED_PYTHON_CODE_SCAN_H
#define UNFREED_PYTHON_CODE_SCAN_H

#include "../allocators/sites.h"
#include "../arch/scan.h"
#include "binary.h"

enum { SCAN_BYTES_MAX = 1 << 16, SITE_BYTES = 256, REFERENCES_MAX = 4 };

/*
 * Decodes a function from its entry, `size` bytes (at most SCAN_BYTES_MAX) or until one that does
 * not decode, into an array, malloc'd. Returns the number of instructions or a negative errno.
 */
ssize_t code_scan_read(const struct python_binary *binary, uint64_t address, size_t size,
		       struct scanned **scanned);
ssize_t code_scan_request(const struct python_binary *binary, uint64_t address, size_t size,
			  struct scanned **scanned);

/* Requests, and has a look at one after the other until `visit` returns false. 0 or a negative
 * errno. */
int code_scan(const struct python_binary *binary, uint64_t address, size_t size,
	      bool (*visit)(const struct scanned *scanned, void *context), void *context);

/* The places in code that name an address as an operand other than of a call or a jump. */
struct code_references {
	uint64_t address;
	uint64_t count;
};

/* Counts the references to several addresses in one pass. Returns 0 or a negative errno. */
int code_references_read(const struct python_binary *binary, struct code_references *references,
			 size_t count);
int code_references_request(const struct python_binary *binary, struct code_references *references,
			    size_t count);

/*
 * Chooses the site for a function at an address: site_choose(). Returns 0 or a negative errno;
 * -EFAULT where the address is no code of the file.
 */
int code_site_read(const struct python_binary *binary, const struct alloc_function *function,
		   uint64_t address, struct site *site);
int code_site_request(const struct python_binary *binary, const struct alloc_function *function,
		      uint64_t address, struct site *site);

/*
 * Finds the direct sites of such a function (direct.h), in *sites, malloc'd. Returns how many there
 * are, 0 where it has none, or a negative errno as above.
 */
ssize_t code_direct_read(const struct python_binary *binary, const struct alloc_function *function,
			 uint64_t address, struct site **sites);
ssize_t code_direct_request(const struct python_binary *binary,
			    const struct alloc_function *function, uint64_t address,
			    struct site **sites);

/* Bytes of NOPs at an address that end before `end`, all of them or 0. */
size_t code_nops(const uint8_t *bytes, size_t size);

/* Take answers. Return 0, -ENOMEM or -EPROTO. */
ssize_t code_scan_decode(const struct confined_answer *answer, uint64_t address, size_t size,
			 struct scanned **scanned);
int code_references_decode(const struct confined_answer *answer, struct code_references *references,
			   size_t count);
ssize_t code_direct_decode(const struct confined_answer *answer, const struct python_binary *binary,
			   const struct alloc_function *function, uint64_t address,
			   struct site **sites);
int code_site_decode(const struct confined_answer *answer, const struct python_binary *binary,
		     const struct alloc_function *function, uint64_t address, struct site *site);

#endif
