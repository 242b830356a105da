/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems that a process of some user's serves (FUSE). It need never answer, and who waits for
 * an answer that was asked for cannot even be killed: a file there is not for us to open, nor to be
 * asked how large it is. Those that root serves are as good as a disk.
 */
#ifndef UNFREED_PROCESS_SERVED_H
#define UNFREED_PROCESS_SERVED_H

#include "procfs.h"

/*
 * Whether a device, as PID/maps names it, is one. Asks no file system. By
 * /sys/fs/fuse/connections where that is mounted, else by the process's mounts, among which one
 * that was unmounted lazily is not.
 */
bool is_served_by_user(const struct procfs *procfs, pid_t pid, uint32_t device_major,
		       uint32_t device_minor);

#endif
