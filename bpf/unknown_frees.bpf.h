/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frees of blocks that the ledger never held, as they are older than the trace: how large the block
 * was, where its allocator says so, and the counts.
 */
#ifndef UNFREED_UNKNOWN_FREES_BPF_H
#define UNFREED_UNKNOWN_FREES_BPF_H

#include "calls.bpf.h"
#include "ledger.bpf.h"

/* malloc_chunk of glibc's malloc/malloc.c: flags of mchunk_size, which lies before the block. */
#define CHUNK_FLAGS      7
#define CHUNK_IS_MMAPPED 2
#define CHUNK_MIN        32
#define CHUNK_MAX        (1ull << 40)

/* What the user of a block may use, 0 where it does not say. */
static __noinline __u64 block_usable_size(__u64 cookie, __u64 address)
{
	__u64 word = 0, size;

	if (!(cookie & PROBE_SIZE_BEFORE) ||
	    bpf_probe_read_user(&word, sizeof(word), (void *)(address - sizeof(word))))
		return 0;
	size = word & ~(__u64)CHUNK_FLAGS;
	if (size < CHUNK_MIN || size > CHUNK_MAX)
		return 0;
	return size - (word & CHUNK_IS_MMAPPED ? 2 * sizeof(word) : sizeof(word));
}

/*
 * The size of a block of an interpreter's own allocator, as its pool says; 0 where it lies in none.
 * What a pool's header would say of memory that is no pool cannot agree in all of this by chance.
 */
static __noinline __u64 python_block_size(__u32 space, __u64 address)
{
	struct python_space *python = python_space_of(space);
	__u32 header[3], pool_bytes, offset, size;

	if (!python)
		return 0;
	pool_bytes = python->pool_bytes;
	offset = (__u32)address & (pool_bytes - 1);
	if (!pool_bytes || offset < POOL_FIRST_OFFSET ||
	    bpf_probe_read_user(header, sizeof(header),
				(void *)(address - offset + POOL_SIZE_CLASS)) ||
	    header[0] >= POOL_CLASSES)
		return 0;
	size = (header[0] + 1) * POOL_CLASS_BYTES;
	if (header[(POOL_LAST_OFFSET - POOL_SIZE_CLASS) / 4] != pool_bytes - size ||
	    (offset - POOL_FIRST_OFFSET) % size)
		return 0;
	return size;
}

/* Of a block that the ledger never held. */
static __always_inline __u64 unknown_size(struct call *call, __u64 cookie, __u64 address)
{
	if (PROBE_COOKIE_DOMAIN(cookie) == DOMAIN_PYTHON)
		return python_block_size(call->space, address);
	return block_usable_size(cookie, address);
}

static __always_inline void count_sized(struct counters *counters, __u64 size)
{
	if (!counters)
		return;
	count(&counters->sized_frees, 1);
	count(&counters->sized_bytes, size);
}

static __always_inline void count_sized_free(__u32 space, __u64 size)
{
	if (!size)
		return;
	count_sized(counters_get(), size);
	count_sized(counters_of(space), size);
}

static __always_inline void count_unknown_free(__u32 space)
{
	struct counters *counters = counters_get();

	if (counters)
		count(&counters->unknown_frees, 1);
	counters = counters_of(space);
	if (counters)
		count(&counters->unknown_frees, 1);
}

static __noinline int python_count_unknown_free(__u32 space)
{
	struct python_space *python = python_space_of(space);

	if (python)
		count(&python->unknown_frees, 1);
	return 0;
}

/* Whether a block may be a code object: they all are larger. */
#define CODE_BYTES_MIN 160

/* Where what is freed is a code object, the address may soon be another one's. */
static __noinline int python_note_free(struct call *call, __u64 address)
{
	struct python_space *python = python_space_of(call->space);
	__u64 type = 0;

	if (!python || !python->code_type ||
	    bpf_probe_read_user(&type, sizeof(type), (void *)(address + PYTHON_OBJECT_TYPE)))
		return 0;
	if (type == python->code_type) {
		code_was_freed[CODE_SLOT(address)] = 1;
		codes_freed = 1;
	}
	return 0;
}

/* Where frees are not seen: what is at that address now is another one. */
static __noinline int python_note_reuse(__u64 key)
{
	__u64 address = BLOCK_KEY_ADDRESS(key);

	if (!code_was_named[CODE_SLOT(address)] || !bpf_map_lookup_elem(&named_codes, &key))
		return 0;
	code_was_freed[CODE_SLOT(address)] = 1;
	codes_freed = 1;
	return 0;
}

static __always_inline void size_unknown_free(struct call *call, __u64 cookie, __u64 address)
{
	__u64 size = unknown_size(call, cookie, address);

	call->last_unsized = size ? 0 : address;
	count_sized_free(call->space, size);
}

#endif
