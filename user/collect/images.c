// SPDX-License-Identifier: BSD-2-Clause
#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"

#define PERF_MAP_MAX_BYTES (64u << 20)

struct image *images_find(const struct images *images, uint32_t space)
{
	for (size_t i = images->count; i-- > 0;)
		if (images->items[i]->space == space)
			return images->items[i];
	return NULL;
}

struct image *images_find_pid(const struct images *images, uint32_t pid)
{
	for (size_t i = images->count; i-- > 0;)
		if (images->items[i]->pid == pid)
			return images->items[i];
	return NULL;
}

static const struct mapping *find_vdso(const struct mappings *mappings)
{
	for (size_t i = mappings->count; i-- > 0;)
		if (!strcmp(mappings->items[i].path, "[vdso]"))
			return &mappings->items[i];
	return NULL;
}

static void image_identify(const struct images *images, struct image *image)
{
	struct process_status status;
	pid_t pid = (pid_t)image->pid;

	snprintf(image->comm, sizeof(image->comm), "?");
	if (!procfs_read_status(images->procfs, pid, &status)) {
		memcpy(image->comm, status.comm, sizeof(image->comm));
		image->inner_pid = status.inner_pid;
	}
	image->exe = procfs_read_exe(images->procfs, pid);
	image->cmdline = procfs_read_cmdline(images->procfs, pid, &image->cmdline_count);
}

/* An exec that has not been told yet: the kernel puts the vdso at another place. */
static bool is_same_image(const struct mappings *before, const struct mappings *now)
{
	const struct mapping *old = find_vdso(before);
	const struct mapping *new = find_vdso(now);

	return !old || (new &&new->start == old->start);
}

static bool is_same_code(const struct mapping *a, const struct mapping *b)
{
	return a->start == b->start && a->end == b->end && a->file_offset == b->file_offset &&
	       a->inode == b->inode && a->executable == b->executable;
}

static bool has_same_code(const struct mappings *before, const struct mappings *now)
{
	if (before->count != now->count)
		return false;
	for (size_t i = 0; i < now->count; i++)
		if ((before->items[i].executable || now->items[i].executable) &&
		    !is_same_code(&before->items[i], &now->items[i]))
			return false;
	return true;
}

bool image_refresh(const struct images *images, struct image *image)
{
	struct mappings mappings;
	bool changed;

	if (image->gone || mappings_read(images->procfs, (pid_t)image->pid, &mappings))
		return false;
	if (!mappings.count || !is_same_image(&image->mappings, &mappings)) {
		mappings_release(&mappings);
		return false;
	}
	changed = !has_same_code(&image->mappings, &mappings);
	mappings_release(&image->mappings);
	image->mappings = mappings;
	return changed;
}

struct image *images_add(struct images *images, uint32_t space, uint32_t pid)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->space = space;
	image->pid = pid;
	image_identify(images, image);
	image_refresh(images, image);
	if (array_append(&images->items, &images->count, image))
		return image;
	return NULL;
}

const struct mapping *image_find_mapping(const struct images *images, struct image *image,
					 uint64_t address)
{
	const struct mapping *mapping = mappings_find(&image->mappings, address);

	if (mapping)
		return mapping;
	image_refresh(images, image);
	return mappings_find(&image->mappings, address);
}

void image_read_perf_map(const struct images *images, struct image *image)
{
	struct perf_map *map;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)image->inner_pid);
	fd = procfs_open_inside(images->procfs, (pid_t)image->pid, path, PERF_MAP_MAX_BYTES);
	if (fd < 0)
		return;
	map = perf_map_read(fd);
	close(fd);
	if (!map)
		return;
	perf_map_free(image->perf_map);
	image->perf_map = map;
}

static void image_free(struct image *image)
{
	mappings_release(&image->mappings);
	perf_map_free(image->perf_map);
	free(image->cmdline);
	free(image->exe);
	free(image);
}

void images_release(struct images *images)
{
	for (size_t i = 0; i < images->count; i++)
		image_free(images->items[i]);
	free(images->items);
	*images = (struct images){0};
}
