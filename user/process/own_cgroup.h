/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where our own cgroup lies in a tree that a cgroup namespace hides: groups are named from
 * ours on there, "/../../other/x", and what is above ours has no name. So the tree is searched
 * for the group that has us.
 */
#ifndef UNFREED_OWN_CGROUP_H
#define UNFREED_OWN_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `path`, of `size` bytes, is that of the tree, and becomes that of our group, which lies `depth`
 * groups below. False, and `path` as it was, where it is not there.
 */
bool own_cgroup_find(char *path, size_t size, unsigned depth);

#endif
