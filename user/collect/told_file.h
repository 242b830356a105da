/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that the programs tell of: code that ran before anyone read the mappings. Where it is no
 * longer mapped it is opened by its name: inside the target's root, a regular file of bounded size,
 * with the inode and device that the kernel told. Only on overlayfs, whose numbers are others than
 * those of what is mapped, may a target that changes its own root show another file: then names in
 * it are wrong, as they are in any file that it wrote itself.
 */
#ifndef UNFREED_TOLD_FILE_H
#define UNFREED_TOLD_FILE_H

#include "../../bpf/records.h"
#include "images.h"
#include "unwinding.h"

/*
 * Opens the file of a record, of `size` bytes, that an image's process sent (NULL: not known), and
 * gives the walker its table. Returns 0 or a negative errno: -EPROTO: no such record, or no path.
 */
int told_file_take(const struct file_record *record, size_t size, const struct image *image,
		   struct modules *modules, struct unwinding *unwinding,
		   const struct procfs *procfs);

#endif
