/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker in a test: its maps are plain memory, and the target is this process.
 */
#ifndef UNFREED_UNWIND_HOST_H
#define UNFREED_UNWIND_HOST_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unwind/tables.h"

static struct unwind_memory host_memory;
static unsigned int host_waits;

static inline const struct unwind_chunk *unwind_chunk_at(__u32 index)
{
	return index < host_memory.chunk_count ? &host_memory.chunks[index] : NULL;
}

static inline const struct unwind_rule *unwind_rule_at(__u32 index)
{
	return index < host_memory.rule_count ? &host_memory.rules[index] : NULL;
}

static inline const struct unwind_mapping *unwind_mapping_at(__u32 index)
{
	return index < host_memory.mapping_count ? &host_memory.mappings[index] : NULL;
}

/* Like bpf_probe_read_user: all, or an error. */
static inline long unwind_read_user(void *buffer, __u32 bytes, __u64 address)
{
	struct iovec local = {buffer, bytes}, remote = {(void *)address, bytes};
	ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return got == (ssize_t)bytes ? 0 : -EFAULT;
}

static inline void host_count_wait(void *context)
{
	(void)context;
	host_waits++;
}

static inline void host_memory_init(uint32_t chunks, uint32_t mappings)
{
	host_memory = (struct unwind_memory){
		.chunks = calloc(chunks, sizeof(struct unwind_chunk)),
		.chunk_count = chunks,
		.rules = calloc(UNWIND_RULES_MAX, sizeof(struct unwind_rule)),
		.rule_count = UNWIND_RULES_MAX,
		.mappings = calloc(mappings, sizeof(struct unwind_mapping)),
		.mapping_count = mappings,
		.spaces = calloc(UNWIND_SPACES, sizeof(uint64_t)),
		.wait_for_readers = host_count_wait,
	};
}

static inline void host_memory_release(void)
{
	free(host_memory.chunks);
	free(host_memory.rules);
	free(host_memory.mappings);
	free(host_memory.spaces);
	host_memory = (struct unwind_memory){};
}

#define UNWIND_FUNCTION static __attribute__((noinline, unused))
#include "../../bpf/unwind_walk.h"

#endif
