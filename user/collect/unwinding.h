/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the walker's tables in step with what the traced processes have mapped.
 */
#ifndef UNFREED_UNWINDING_H
#define UNFREED_UNWINDING_H

#include "../unwind/tables.h"
#include "images.h"
#include "modules.h"

struct unwinding;

/* The memory and the confined process stay the caller's. NULL with errno. */
struct unwinding *unwinding_new(struct confined *confined, const struct unwind_memory *memory);
void unwinding_free(struct unwinding *unwinding);

/*
 * Gives the walker the code that an image has mapped. A file that cannot be read costs its table:
 * its frames are walked by frame pointers, and its module says why. Of more mappings than the
 * walker takes, code outside of files and files mapped over and over are left out first. Returns 0
 * or a negative errno (-ENOSPC: no room); then the walker keeps what it had. Of -EINPROGRESS it has
 * all but tables that are still being made: see confined_wait_until().
 */
int unwinding_update(struct unwinding *unwinding, struct modules *modules,
		     const struct procfs *procfs, const struct image *image);

/*
 * Lets the walker know the table of a file that may be unmapped by now. The numbers are the
 * mapping's.
 */
void unwinding_learn(struct unwinding *unwinding, struct module *module);

/* The same of those whose tables were being made, as far as they are there by now. */
void unwinding_learn_late(struct unwinding *unwinding, const struct modules *modules);

/*
 * Drops the table of a file that no process runs any more: once it is closed its numbers may become
 * another file's.
 */
void unwinding_forget(struct unwinding *unwinding, const struct module *module);

/* What the walker has is what the image had mapped when it was last read. */
void unwinding_confirm(struct unwinding *unwinding, const struct image *image);

/* The image is gone. */
void unwinding_drop(struct unwinding *unwinding, const struct image *image);

#endif
