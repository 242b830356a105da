/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Growth without an allocator: which stack was the first to touch each page.
 *
 * A page fault on memory that is of no file makes a block of the ledger, at the page's address. It
 * is seen by an event of software of the thread. That a page is gone again no program sees (munmap,
 * MADV_DONTNEED, brk, the allocator of a runtime, each in its own way): user space asks the kernel
 * which pages are there, and has the blocks of the others closed by settle_one.
 */
#ifndef UNFREED_GROWTH_BPF_H
#define UNFREED_GROWTH_BPF_H

#include "growth.h"
#include "ledger.bpf.h"
#include "places.bpf.h"

#define TMPFS_MAGIC 0x01021994 /* include/uapi/linux/magic.h: shared memory is in it too */
#define PAGE_BYTES  (1ull << PAGE_BITS)

/* W: user space, mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SETTLED_MAX);
	__type(key, __u32);
	__type(value, struct settled);
} settled_blocks SEC(".maps");

struct fault_counts fault_counts = {};
__u64 fault_mask = 0; /* W: user space */

static long fault_judge_area(struct task_struct *task, struct vm_area_struct *area, bool *other)
{
	struct file *file = BPF_CORE_READ(area, vm_file);

	*other = file && BPF_CORE_READ(file, f_inode, i_sb, s_magic) != TMPFS_MAGIC;
	return 0;
}

/* Of an area that grows down to the address, or that nobody may look at just now, it is taken. */
static __always_inline bool fault_is_of_memory(__u64 address)
{
	bool other = false;

	bpf_find_vma(bpf_get_current_task_btf(), address, fault_judge_area, &other, 0);
	return !other;
}

static __always_inline void settle_block(const struct settled *settled, struct block *block)
{
	__u64 key = settled->key;
	__u64 bytes = settled->bytes;

	if (ledger_take(key, block))
		return;
	if (block->time_ns != settled->time_ns) {
		ledger_put(key, block, PUT_BACK);
		return;
	}
	account_free(block->size, block->stack, BLOCK_KEY_SPACE(key), true);
	block->size = bytes;
	if (bytes)
		ledger_put(key, block, PUT_NEW);
}

/* Runs in a program that user space calls, which gets no private stack (README.md). */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wframe-larger-than"
static long settle_one(__u32 index, void *context)
{
	struct settled *settled = bpf_map_lookup_elem(&settled_blocks, &index);
	struct block block = {};

	if (!settled)
		return 1;
	settle_block(settled, &block);
	return 0;
}
#pragma clang diagnostic pop

#endif
