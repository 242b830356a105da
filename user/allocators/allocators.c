/* SPDX-License-Identifier: BSD-2-Clause */
#include "allocators.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "survey.h"

struct finder {
	const struct procfs *procfs;
	struct confined *confined;
	pid_t pid;
	const struct mappings *mappings;
	struct allocators *found;
	FILE *skipped;
};

static void skip(struct finder *finder, const char *path, const char *reason)
{
	if (ftell(finder->skipped) > 0)
		fputs("; ", finder->skipped);
	fprintf(finder->skipped, "%s: %s", path, reason);
}

static bool is_code(const struct finder *finder, const struct mapping *file, uint64_t offset)
{
	for (size_t i = 0; i < finder->mappings->count; i++) {
		const struct mapping *mapping = &finder->mappings->items[i];

		if (mapping->executable && mapping_same_file(mapping, file) &&
		    offset >= mapping->file_offset &&
		    offset - mapping->file_offset < mapping->end - mapping->start)
			return true;
	}
	return false;
}

/* Leaves out the sites that do not lie in code as it is mapped. Returns how many are left. */
static size_t keep_code(struct finder *finder, const struct mapping *file, struct site *sites,
			size_t count)
{
	char reason[128];
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (is_code(finder, file, sites[i].file_offset))
			sites[kept++] = sites[i];
	if (kept < count) {
		snprintf(reason, sizeof(reason), "%zu functions outside of its code", count - kept);
		skip(finder, file->path, reason);
	}
	return kept;
}

static void tell_gaps(struct finder *finder, const char *path, const struct survey *survey)
{
	char reason[128];

	for (size_t i = 0; i < survey->gap_count; i++) {
		snprintf(reason, sizeof(reason), "%s of %s is seen",
			 survey->gaps[i].some ? "not each return" : "no return",
			 survey->gaps[i].function->name);
		skip(finder, path, reason);
	}
}

static void allocator_release(struct allocator *allocator)
{
	free(allocator->path);
	free(allocator->entry_sites);
	free(allocator->return_sites);
	free(allocator->direct_sites);
	if (allocator->fd >= 0)
		close(allocator->fd);
}

bool allocator_has_direct(const struct allocator *allocator, const struct alloc_function *function)
{
	for (size_t i = 0; i < allocator->direct_count; i++)
		if (allocator->direct_sites[i].function == function)
			return true;
	return false;
}

static const char *find_kind(const struct survey *survey, const struct mapping *mapping)
{
	const char *slash = strrchr(mapping->path, '/');

	if (!strcmp(survey->kind, "unknown") && strstr(slash ? slash : mapping->path, "musl"))
		return "musl";
	return survey->kind;
}

/* The sites go from the survey to the allocator. */
static void move_sites(struct finder *finder, const struct mapping *mapping, struct survey *survey,
		       struct allocator *allocator)
{
	allocator->entry_sites = survey->entry_sites;
	allocator->return_sites = survey->return_sites;
	allocator->direct_sites = survey->direct_sites;
	survey->entry_sites = survey->return_sites = survey->direct_sites = NULL;
	allocator->entry_count =
		keep_code(finder, mapping, allocator->entry_sites, survey->entry_count);
	allocator->return_count =
		keep_code(finder, mapping, allocator->return_sites, survey->return_count);
	allocator->direct_count =
		keep_code(finder, mapping, allocator->direct_sites, survey->direct_count);
	if (allocator->direct_count < survey->direct_count)
		allocator->direct_count = 0; /* they see each call only together */
}

static int add_allocator(struct finder *finder, struct survey *survey,
			 const struct mapping *mapping, int fd)
{
	struct allocators *found = finder->found;
	struct allocator *items = realloc(found->items, (found->count + 1) * sizeof(*items));
	struct allocator allocator = {
		.kind = find_kind(survey, mapping),
		.device = mapping_device(mapping),
		.inode = mapping->inode,
		.fd = -1,
	};
	int error = 0;

	if (!items)
		return -ENOMEM;
	found->items = items;
	move_sites(finder, mapping, survey, &allocator);
	tell_gaps(finder, mapping->path, survey);
	allocator.path = strdup(mapping->path);
	if (allocator.path)
		allocator.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (allocator.fd < 0)
		error = allocator.path ? -errno : -ENOMEM;
	if (error || !allocator.entry_count)
		allocator_release(&allocator);
	else
		items[found->count++] = allocator;
	return error;
}

static int add_linker(struct finder *finder, const struct survey *survey,
		      const struct mapping *mapping, int fd)
{
	struct allocators *found = finder->found;

	if (found->linker_fd >= 0 || !is_code(finder, mapping, survey->linker_hook))
		return 0;
	char *path = strdup(mapping->path);
	int copy = path ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (copy < 0) {
		free(path);
		return path ? -errno : -ENOMEM;
	}
	found->linker_path = path;
	found->linker_fd = copy;
	found->linker_hook = survey->linker_hook;
	found->linker_state = survey->linker_state;
	return 0;
}

static int add_hidden(struct finder *finder, const struct survey *survey,
		      const struct mapping *mapping)
{
	struct allocators *found = finder->found;
	struct hidden_allocator hidden = {strdup(mapping->path), survey->hidden};

	if (hidden.path && array_append(&found->hidden, &found->hidden_count, hidden))
		return 0;
	free(hidden.path);
	return -ENOMEM;
}

static int add_late(struct finder *finder, const struct mapping *mapping)
{
	struct allocators *found = finder->found;

	return array_append(&found->late, &found->late_count, mapping_file(mapping)) ? 0 : -ENOMEM;
}

static int add_object(struct finder *finder, const struct mapping *mapping, int fd)
{
	struct survey survey;
	int error = survey_request(finder->confined, fd, &survey);

	if (error == -EINPROGRESS)
		return add_late(finder, mapping);
	if (error) {
		skip(finder, mapping->path, confined_error_text(error));
		return error == -ENOMEM ? error : 0;
	}
	if (survey.linker_hook)
		error = add_linker(finder, &survey, mapping, fd);
	if (!error && survey.entry_count)
		error = add_allocator(finder, &survey, mapping, fd);
	if (!error && survey.hidden)
		error = add_hidden(finder, &survey, mapping);
	survey_release(&survey);
	return error;
}

static int add_file(struct finder *finder, const struct mapping *mapping)
{
	int fd = mapping_open(finder->procfs, finder->pid, mapping);

	if (fd == -ENOENT || fd == -EINVAL || fd == -EISDIR)
		return 0;
	if (fd == -EPERM || fd == -EACCES || fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return fd;
	if (fd < 0) {
		skip(finder, mapping->path, confined_error_text(fd));
		return 0;
	}
	int error = add_object(finder, mapping, fd);
	close(fd);
	return error;
}

static int find_allocators(struct finder *finder, const struct mappings *mappings)
{
	struct process_status status;
	size_t count;
	const struct mapping **files = mappings_code_files(mappings, &count);
	int error = files ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++)
		error = add_file(finder, files[i]);
	free(files);
	if (!error)
		error = procfs_read_status(finder->procfs, finder->pid, &status);
	return error;
}

int allocators_find(const struct procfs *procfs, struct confined *confined, pid_t pid,
		    const struct mappings *mappings, struct allocators *allocators, char **skipped)
{
	struct finder finder = {
		.procfs = procfs,
		.confined = confined,
		.pid = pid,
		.mappings = mappings,
		.found = allocators,
	};
	size_t size = 0;

	*allocators = (struct allocators){.linker_fd = -1};
	*skipped = NULL;
	finder.skipped = open_memstream(skipped, &size);
	if (!finder.skipped)
		return -ENOMEM;
	int error = find_allocators(&finder, mappings);
	fclose(finder.skipped);
	if (error)
		allocators_release(allocators);
	if (error || !size) {
		free(*skipped);
		*skipped = NULL;
	}
	return error;
}

void allocators_release(struct allocators *allocators)
{
	for (size_t i = 0; i < allocators->count; i++)
		allocator_release(&allocators->items[i]);
	for (size_t i = 0; i < allocators->hidden_count; i++)
		free(allocators->hidden[i].path);
	free(allocators->hidden);
	free(allocators->late);
	free(allocators->items);
	free(allocators->linker_path);
	if (allocators->linker_fd >= 0)
		close(allocators->linker_fd);
	*allocators = (struct allocators){.linker_fd = -1};
}
