/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The maps of unwind.h, written by user space through mmap and read by the walker. Their sizes are
 * set before the load; the ones here are the default: 4 million rows, 32,768 mappings.
 */
#ifndef UNFREED_UNWIND_MAPS_BPF_H
#define UNFREED_UNWIND_MAPS_BPF_H

#include "unwind.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct unwind_chunk);
} unwind_words SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct unwind_rule);
} unwind_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} unwind_mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_SPACES);
	__type(key, __u32);
	__type(value, __u64);
} unwind_spaces SEC(".maps");

/* count, told: W programs; known, told: W user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_SPACES);
	__type(key, __u32);
	__type(value, struct unwind_unloads);
} unwind_unloads SEC(".maps");

/* W: user space; places.bpf.h, entries that are not read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, struct unwind_file_id);
	__type(value, struct unwind_file_table);
} unwind_files SEC(".maps");

static __always_inline const struct unwind_chunk *unwind_chunk_at(__u32 index)
{
	return bpf_map_lookup_elem(&unwind_words, &index);
}

static __always_inline const struct unwind_rule *unwind_rule_at(__u32 index)
{
	return bpf_map_lookup_elem(&unwind_rules, &index);
}

static __always_inline const struct unwind_mapping *unwind_mapping_at(__u32 index)
{
	return bpf_map_lookup_elem(&unwind_mappings, &index);
}

static __always_inline long unwind_read_user(void *buffer, __u32 bytes, __u64 address)
{
	return bpf_probe_read_user(buffer, bytes, (const void *)address);
}

/* The list of a space; load it once a walk. */
static __always_inline __u64 unwind_list_of(__u32 space)
{
	__u64 *list = bpf_map_lookup_elem(&unwind_spaces, &space);

	return list ? *(volatile __u64 *)list : 0;
}

/*
 * Loads the list of a space, and how much had been unloaded by then. Returns UNWIND_STALE where
 * more has been since, else 0.
 */
static __always_inline __u32 unwind_list_load(__u32 space, __u64 *list, __u32 *unloads)
{
	volatile struct unwind_unloads *entry = bpf_map_lookup_elem(&unwind_unloads, &space);

	*list = 0;
	*unloads = 0;
	if (!entry)
		return 0;
	*unloads = entry->known; /* before the list, which user space writes first */
	*list = unwind_list_of(space);
	return UNWIND_UNLOADS(entry->count) == *unloads ? 0 : UNWIND_STALE;
}

/* The dynamic linker is about to unmap libraries, or has done something else. */
static __always_inline void unwind_note_change(__u32 space, int unloading)
{
	volatile struct unwind_unloads *entry = bpf_map_lookup_elem(&unwind_unloads, &space);

	if (!entry)
		return;
	if (unloading)
		entry->count |= 1;
	else if (entry->count & 1)
		entry->count++;
}

/* Whether user space has to be told of a change. */
static __always_inline int unwind_tell(__u32 space)
{
	struct unwind_unloads *entry = bpf_map_lookup_elem(&unwind_unloads, &space);

	return !entry || !__sync_lock_test_and_set(&entry->told, 1);
}

/* It has not heard. */
static __always_inline void unwind_untell(__u32 space)
{
	struct unwind_unloads *entry = bpf_map_lookup_elem(&unwind_unloads, &space);

	if (entry)
		entry->told = 0;
}

#endif
