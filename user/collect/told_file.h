/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that the programs tell of: code that ran before anyone read the mappings.
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
