/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: what a probe tells its program about the function that it sits on.
 *
 * One generic program serves every allocation function. What differs between malloc,
 * reallocarray and sdallocx (which argument is the pointer, which ones make the size, how
 * the result comes back) travels in the 64-bit attach cookie, filled by user space from
 * the table in user/allocators/functions.c.
 */
#ifndef UNFREED_PROBES_H
#define UNFREED_PROBES_H

/* What the probed function does to the ledger. */
enum probe_op {
	PROBE_ALLOC = 1,   /* returns a new block, or NULL */
	PROBE_REALLOC = 2, /* replaces the block behind the pointer argument */
	PROBE_MEMALIGN =
		3,        /* stores the block through the pointer argument, returns 0 or an errno */
	PROBE_RESIZE = 4, /* resizes in place, returns the size reached (jemalloc's xallocx) */
	PROBE_FREE = 5,   /* frees the block behind the pointer argument */
};

/* Whose memory it is. Blocks of different domains never mix in one stack. */
enum domain {
	DOMAIN_MALLOC = 0,
	DOMAIN_PYTHON = 1,
	DOMAIN_MMAP = 2,
	DOMAIN_COUNT,
};

/* Argument numbers are 0 to 2: no allocation function needs a register beyond the third. */
#define PROBE_NO_ARG 3u

/*
 * Cookie: op in bits 0-3, domain in 4-7, pointer argument in 8-9, size argument in 10-11,
 * count argument (the size is their product) in 12-13. Where bits 14-19 are not 0 the function
 * takes a pool of 2^n bytes into use and returns an address in it: the pool is the block. Bit 20:
 * a word with the size lies before each block, as glibc's malloc has it. Bit 21: frees of these
 * blocks are not seen, so that they count for no peak: what has gone user space reads later. Bits
 * 22-38: see PROBE_PLACE, 39-54: PROBE_DIRECT, 55-63: PROBE_PROOF.
 */
#define PROBE_COOKIE(op, domain, pointer_arg, size_arg, count_arg)                       \
	((unsigned long long)(op) | (unsigned long long)(domain) << 4 |                  \
	 (unsigned long long)(pointer_arg) << 8 | (unsigned long long)(size_arg) << 10 | \
	 (unsigned long long)(count_arg) << 12)

#define PROBE_COOKIE_OP(cookie)      ((cookie)&15)
#define PROBE_COOKIE_DOMAIN(cookie)  ((cookie) >> 4 & 15)
#define PROBE_COOKIE_POINTER(cookie) ((cookie) >> 8 & 3)
#define PROBE_COOKIE_SIZE(cookie)    ((cookie) >> 10 & 3)
#define PROBE_COOKIE_COUNT(cookie)   ((cookie) >> 12 & 3)
#define PROBE_COOKIE_POOL(cookie)    ((cookie) >> 14 & 63)
#define PROBE_POOL(shift)            ((unsigned long long)(shift) << 14)
#define PROBE_SIZE_BEFORE            (1ull << 20)
#define PROBE_FREES_UNSEEN           (1ull << 21)

/*
 * How a call that ends looks at an instruction short of its `ret`: the register that holds the
 * result (by the machine's number), the flags under which this call ends here, and how many words
 * of the stack lie before the return address. All 0: at the `ret` itself.
 */
#define PROBE_PLACE(result, condition, words)                                         \
	((unsigned long long)(result) << 22 | (unsigned long long)(condition) << 26 | \
	 (unsigned long long)(words) << 31)

#define PROBE_PLACE_RESULT_MAX         15u
#define PROBE_PLACE_WORDS_MAX          255u
#define PROBE_PLACE_BITS               PROBE_PLACE(PROBE_PLACE_RESULT_MAX, 31, PROBE_PLACE_WORDS_MAX)
#define PROBE_COOKIE_RESULT(cookie)    ((cookie) >> 22 & 15)
#define PROBE_COOKIE_CONDITION(cookie) ((cookie) >> 26 & 31)
#define PROBE_COOKIE_WORDS(cookie)     ((cookie) >> 31 & 255)

/*
 * Where such an instruction is the one probe that a call needs (a direct site): the register that
 * holds the size that was asked for, and where the caller's registers are that unwinding needs: in
 * a register, or so many words above the stack pointer.
 */
#define PROBE_DIRECT(size, fp, extra)                                        \
	((unsigned long long)(size) << 39 | (unsigned long long)(fp) << 43 | \
	 (unsigned long long)(extra) << 49)

#define PROBE_SIZE_NOTED 4u /* in no register: noted on the way (the stack pointer's number) */
#define PROBE_NOTE_OUTER \
	PROBE_PLACE(1, 0, 0) /* where it is noted: what is called there allocates for it */
#define PROBE_DIRECT_WORDS_MAX             15u /* between the stack pointer and the return address */
#define PROBE_AT_WORD(word)                (16u + (word))
#define PROBE_IS_AT_WORD(at)               ((at) >= 16u)
#define PROBE_DIRECT_BITS                  PROBE_DIRECT(15, 63, 63)
#define PROBE_COOKIE_SIZE_REGISTER(cookie) ((cookie) >> 39 & 15)
#define PROBE_COOKIE_FP_AT(cookie)         ((cookie) >> 43 & 63)
#define PROBE_COOKIE_EXTRA_AT(cookie)      ((cookie) >> 49 & 63)

/*
 * Of a function that has direct sites: its number, see proof.h. And a jump out of it that
 * is probed as an entry is.
 */
#define PROBE_PROOF(number)        ((unsigned long long)(number) << 55)
#define PROBE_COOKIE_PROOF(cookie) ((cookie) >> 55 & 255)
#define PROBE_EXIT                 (1ull << 63)

/* 0: always; else the machine's code of a conditional branch that is taken. */
#define PROBE_CONDITION(code)           (16u | (code))
#define PROBE_CONDITION_CODE(condition) ((condition)&15)

#endif
