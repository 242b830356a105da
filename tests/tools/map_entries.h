/* SPDX-License-Identifier: BSD-2-Clause */
/* How many entries a hash map of BPF has. */
#ifndef UNFREED_TESTS_MAP_ENTRIES_H
#define UNFREED_TESTS_MAP_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

/* Whether a descriptor is such a map, and *info of it. */
static inline bool map_is_hash(int fd, struct bpf_map_info *info)
{
	__u32 size = sizeof(*info);

	*info = (struct bpf_map_info){0};
	return !bpf_obj_get_info_by_fd(fd, info, &size) && info->key_size && info->value_size &&
	       (info->type == BPF_MAP_TYPE_HASH || info->type == BPF_MAP_TYPE_PERCPU_HASH);
}

static inline size_t map_count_entries(int fd, size_t key_size)
{
	char key[64];
	void *before = NULL;
	size_t count = 0;

	if (key_size > sizeof(key))
		return 0;
	while (!bpf_map_get_next_key(fd, before, key)) {
		before = key;
		count++;
	}
	return count;
}

#endif
