/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of interpreters with probes for all processes: these are put on a file once, and taken out
 * when no interpreter of that file is left.
 */
#ifndef UNFREED_INTERPRETER_FILES_H
#define UNFREED_INTERPRETER_FILES_H

#include "../plan/source.h"
#include "../probes/install.h"

struct interpreter_file {
	uint64_t inode;
	uint64_t device;
	const struct source *source; /* whose probes these are */
	struct installed installed;
};

/* Starts zeroed. */
struct interpreter_files {
	struct interpreter_file *items;
	size_t count;
};

bool interpreter_files_has(const struct interpreter_files *files,
			   const struct interpreter_file *file);

/* Takes what is installed over. Where there is no memory to keep it its
 * probes stay until the end. */
void interpreter_files_add(struct interpreter_files *files, struct interpreter_file *file);

/* What is in place stays, until the keeper ends. */
void interpreter_files_release(struct interpreter_files *files);

void interpreter_files_evict(struct interpreter_files *files, struct keeper *keeper,
			     bool (*is_used)(void *context, const struct interpreter_file *file),
			     void *context);

#endif
