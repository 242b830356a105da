/* SPDX-License-Identifier: BSD-2-Clause */
#include "interpreter_files.h"

#include <stdlib.h>

#include "../lib/array.h"

bool interpreter_files_has(const struct interpreter_files *files,
			   const struct interpreter_file *file)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->items[i].inode == file->inode &&
		    files->items[i].device == file->device &&
		    files->items[i].source == file->source)
			return true;
	return false;
}

void interpreter_files_add(struct interpreter_files *files, struct interpreter_file *file)
{
	if (!array_append(&files->items, &files->count, *file))
		installed_release(&file->installed);
}

void interpreter_files_release(struct interpreter_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		installed_release(&files->items[i].installed);
	free(files->items);
}

void interpreter_files_evict(struct interpreter_files *files, struct keeper *keeper,
			     bool (*is_used)(void *context, const struct interpreter_file *file),
			     void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < files->count; i++) {
		if (is_used(context, &files->items[i]))
			files->items[kept++] = files->items[i];
		else
			installed_remove(&files->items[i].installed, keeper);
	}
	files->count = kept;
}
