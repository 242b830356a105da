/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head of glibc's thread descriptor, struct pthread (nptl/descr.h), whose layout follows from
 * where a machine's thread pointer points (sysdeps/ARCH/nptl/tls.h).
 */
#ifndef UNFREED_ARCH_THREAD_DESCRIPTOR_H
#define UNFREED_ARCH_THREAD_DESCRIPTOR_H

#include <stdint.h>

struct thread_descriptor {
	uint32_t align; /* of its address */
	/* Two words of a descriptor that hold an address in it, `self` bytes from its beginning. */
	uint32_t self_words[2];
	uint32_t self;
	uint32_t head_bytes; /* what the next user of its stack takes over */
	uint32_t thread;     /* where the thread's number is, of 32 bits */
	/* Of pthread_setspecific: pairs of a sequence and a value for the first 32 keys, and what
	 * points to such pairs for each 32. */
	uint32_t key_pairs;
	uint32_t key_blocks;
};

/* The same in all releases of glibc. */
extern const struct thread_descriptor thread_descriptor;

#endif
