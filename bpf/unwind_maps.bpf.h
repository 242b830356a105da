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

#endif
