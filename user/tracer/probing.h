/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes on the files that a process has mapped: each file is looked at once, for one process or
 * for all, and its probes can be taken out again.
 */
#ifndef UNFREED_PROBING_H
#define UNFREED_PROBING_H

#include "../events/event.h"
#include "../probes/install.h"

/* A file that was looked at: probed, or found to have nothing to probe. */
struct probed_file {
	dev_t device;
	uint64_t inode;
	struct installed installed; /* zeroed: no probes */
	uint32_t linker_group;      /* the keeper's, of the dynamic linker's own probe; 0: none */
};

/* Starts zeroed. */
struct probed_files {
	pid_t pid; /* whose hits the kernel passes on, 0: of all processes */
	struct probed_file *items;
	size_t count;
};

struct probing {
	const struct procfs *procfs;
	struct confined *confined;
	struct keeper *keeper;
	const struct probe_programs *programs;
	const struct listener *listener;
	bool malloc_off;   /* no probes on malloc's family */
	uint64_t unprobed; /* allocators that could not be probed, so far */
};

/* What came of it, beside probes. */
struct probing_result {
	bool linker; /* the dynamic linker's was one of them */
	bool late;   /* files are still being looked through: it is to be called again */
};

/*
 * Puts probes on the allocators that a process has mapped by now and that `files` does not have
 * yet. Returns the number of allocators that got probes, or -1 with `failure` filled.
 */
int probing_attach(struct probing *probing, pid_t pid, struct probed_files *files,
		   struct probing_result *found, struct failure *failure);

/* What is in place stays, until the keeper ends. */
void probed_files_release(struct probed_files *files);

/* Takes those out that have nothing to do any more. */
void probing_settle(struct probing *probing, struct probed_files *files);

/* Takes the probes of all files out. */
void probing_detach(struct probing *probing, struct probed_files *files);

/* Takes out those of files that nobody uses any more. */
void probing_evict(struct probing *probing, struct probed_files *files,
		   bool (*is_used)(void *context, dev_t device, uint64_t inode), void *context);

#endif
