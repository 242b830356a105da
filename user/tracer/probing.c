/* SPDX-License-Identifier: BSD-2-Clause */
#include "probing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"

static struct probed_file *find_file(const struct probed_files *files,
				     const struct mapping *mapping)
{
	for (size_t i = 0; i < files->count; i++)
		if (mapping_is_of(mapping, files->items[i].device, files->items[i].inode))
			return &files->items[i];
	return NULL;
}

/* The entry of a mapping's file, made where there is none; NULL on out of memory. */
static struct probed_file *note_file(struct probed_files *files, const struct mapping *mapping)
{
	struct probed_file *file = find_file(files, mapping);

	if (file)
		return file;
	const struct probed_file made = {.device = mapping_device(mapping),
					 .inode = mapping->inode};

	if (!array_append(&files->items, &files->count, made))
		return NULL;
	return &files->items[files->count - 1];
}

/* The mappings of files not looked at before; their paths stay owned by `all`. */
static int select_new_files(const struct probed_files *files, const struct mappings *all,
			    struct mappings *selected)
{
	selected->count = 0;
	selected->items = calloc(all->count ? all->count : 1, sizeof(*selected->items));
	if (!selected->items)
		return -ENOMEM;
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].executable && all->items[i].inode &&
		    !find_file(files, &all->items[i]))
			selected->items[selected->count++] = all->items[i];
	return 0;
}

/* What is being looked at. */
struct look {
	struct probing *probing;
	pid_t pid;
	struct probed_files *files;
	const struct mappings *fresh;
	const struct allocators *allocators;
};

/* Of two files at one path, one that was replaced, it is the first. */
static struct probed_file *note_file_at(const struct look *look, const char *path)
{
	for (size_t i = 0; i < look->fresh->count; i++)
		if (!strcmp(look->fresh->items[i].path, path))
			return note_file(look->files, &look->fresh->items[i]);
	return NULL;
}

static struct probed_file *note_file_of(const struct look *look, const struct allocator *allocator)
{
	for (size_t i = 0; i < look->fresh->count; i++)
		if (mapping_is_of(&look->fresh->items[i], allocator->device, allocator->inode))
			return note_file(look->files, &look->fresh->items[i]);
	return NULL;
}

static int install_linker(const struct look *look)
{
	struct probing *probing = look->probing;
	struct probed_file *file;
	uint32_t group;
	int error = linker_install(probing->keeper, probing->programs, look->files->pid,
				   look->allocators, &group);

	if (error || !look->allocators->linker_hook)
		return error;
	file = note_file_at(look, look->allocators->linker_path);
	if (file)
		file->linker_group = group;
	else /* nobody could take it out again */
		keeper_remove(probing->keeper, group);
	return file ? 0 : -ENOMEM;
}

static int install_one(const struct look *look, const struct allocator *allocator)
{
	struct probing *probing = look->probing;
	struct probed_file *file = note_file_of(look, allocator);
	int error = file ? allocator_install(probing->keeper, probing->programs, look->files->pid,
					     allocator, &file->installed)
			 : -ENOMEM;

	if (!error)
		event_tell(probing->listener, &(struct event){
						      .kind = EVENT_PROBED,
						      .pid = (int)look->pid,
						      .path = allocator->path,
						      .allocator = allocator->kind,
						      .count = allocator->entry_count,
					      });
	return error;
}

static void tell_not_probed(const struct look *look, enum event_kind kind, const char *path,
			    int error)
{
	const struct event event = {
		.kind = kind,
		.pid = (int)look->pid,
		.path = path,
		.error = error,
	};

	event_tell(look->probing->listener, &event);
}

/* One file that takes no probes costs what is allocated with it; where all are so, it is over. */
static int install_found(const struct look *look, struct failure *failure)
{
	const struct allocators *allocators = look->allocators;
	int pid = (int)look->pid;
	size_t failed = 0;
	int error = install_linker(look);

	if (error)
		tell_not_probed(look, EVENT_LINKER_NOT_WATCHED, allocators->linker_path, error);
	if (look->probing->malloc_off)
		return 0;
	for (size_t i = 0; i < allocators->count; i++) {
		const char *path = allocators->items[i].path;

		error = install_one(look, &allocators->items[i]);
		if (error == -ESRCH)
			return failure_set(failure, STATUS_TARGET, "process %d is gone", pid);
		if (error && ++failed == allocators->count)
			return failure_set(failure, STATUS_KERNEL,
					   "cannot put probes on %s of process %d: %s", path, pid,
					   strerror(-error));
		if (error)
			tell_not_probed(look, EVENT_NOT_PROBED, path, error);
	}
	look->probing->unprobed += failed;
	return (int)(allocators->count - failed);
}

/* What they allocate is missing from the report. */
static void note_hidden(const struct look *look)
{
	const struct allocators *allocators = look->allocators;

	if (look->probing->malloc_off)
		return;
	for (size_t i = 0; i < allocators->hidden_count; i++) {
		const struct event event = {
			.kind = EVENT_HIDDEN,
			.pid = (int)look->pid,
			.path = allocators->hidden[i].path,
			.allocator = allocators->hidden[i].kind,
		};

		event_tell(look->probing->listener, &event);
	}
	look->probing->unprobed += allocators->hidden_count;
}

static int fail_to_read(pid_t pid, int error, struct failure *failure)
{
	return failure_set(failure, error == -ESRCH ? STATUS_TARGET : STATUS_FAILURE,
			   "cannot read the mappings of process %d: %s", (int)pid,
			   strerror(-error));
}

static bool is_late(const struct allocators *allocators, const struct mapping *mapping)
{
	for (size_t i = 0; i < allocators->late_count; i++)
		if (mapping_is_of(mapping, allocators->late[i].device, allocators->late[i].inode))
			return true;
	return false;
}

int probing_attach(struct probing *probing, pid_t pid, struct probed_files *files,
		   struct probing_result *found, struct failure *failure)
{
	struct mappings all = {0}, fresh = {0};
	struct allocators allocators = {.linker_fd = -1};
	const struct look look = {probing, pid, files, &fresh, &allocators};
	char *skipped = NULL;
	int result = mappings_read(probing->procfs, pid, &all);

	*found = (struct probing_result){0};
	if (!result)
		result = select_new_files(files, &all, &fresh);
	if (!result && fresh.count)
		result = allocators_find(probing->procfs, probing->confined, pid, &fresh,
					 &allocators, &skipped);
	if (result) {
		result = fail_to_read(pid, result, failure);
	} else {
		if (skipped)
			event_tell(probing->listener, &(struct event){.kind = EVENT_NOT_READ,
								      .pid = (int)pid,
								      .text = skipped});
		result = install_found(&look, failure);
		note_hidden(&look);
		*found = (struct probing_result){allocators.linker_hook, allocators.late_count};
		for (size_t i = 0; i < fresh.count; i++)
			if (!is_late(&allocators, &fresh.items[i]))
				note_file(files, &fresh.items[i]);
	}
	free(skipped);
	allocators_release(&allocators);
	free(fresh.items);
	mappings_release(&all);
	return result;
}

void probed_files_release(struct probed_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		installed_release(&files->items[i].installed);
	free(files->items);
	files->items = NULL;
	files->count = 0;
}

void probing_settle(struct probing *probing, struct probed_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		installed_settle(&files->items[i].installed, probing->keeper,
				 probing->programs->proofs);
}

static void detach_file(struct probing *probing, struct probed_file *file)
{
	installed_remove(&file->installed, probing->keeper);
	if (file->linker_group)
		keeper_remove(probing->keeper, file->linker_group);
}

void probing_detach(struct probing *probing, struct probed_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		detach_file(probing, &files->items[i]);
	probed_files_release(files);
}

void probing_evict(struct probing *probing, struct probed_files *files,
		   bool (*is_used)(void *context, dev_t device, uint64_t inode), void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < files->count; i++) {
		struct probed_file *file = &files->items[i];

		if (is_used(context, file->device, file->inode))
			files->items[kept++] = *file;
		else
			detach_file(probing, file);
	}
	files->count = kept;
}
