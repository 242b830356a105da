/* SPDX-License-Identifier: BSD-2-Clause */
#include "told_file.h"

#include <errno.h>
#include <string.h>

/* The names are put together the other way round. False where they are none of a path. */
static bool path_assemble(const struct file_record *record, char *path, size_t size)
{
	size_t end = record->path_bytes, used = 0;

	if (!end || end > sizeof(record->path) || end >= size || record->path[end - 1])
		return false;
	while (end) {
		size_t start = end - 1, length;

		while (start && record->path[start - 1])
			start--;
		length = end - 1 - start;
		path[used++] = '/';
		memcpy(path + used, record->path + start, length);
		used += length;
		end = start;
	}
	path[used] = '\0';
	return true;
}

int told_file_take(const struct file_record *record, size_t size, const struct image *image,
		   struct modules *modules, struct unwinding *unwinding,
		   const struct procfs *procfs)
{
	char path[FILE_PATH_BYTES + 1];
	struct module *module;

	if (!image || size < sizeof(*record) || !path_assemble(record, path, sizeof(path)))
		return -EPROTO;
	const struct mapping mapping = {
		.inode = record->inode,
		.device_major = (uint32_t)(record->device >> 32),
		.device_minor = (uint32_t)record->device,
		.executable = true,
		.path = path,
	};

	module = modules_get_told(modules, procfs, (pid_t)image->pid, &mapping);
	if (!module)
		return -ENOMEM;
	unwinding_learn(unwinding, module);
	return 0;
}
