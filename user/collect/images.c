/* SPDX-License-Identifier: BSD-2-Clause */
#include "images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../bpf/ledger.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../elf/vdso.h"

#define FORMER_MAX 1024u

#define PERF_MAP_MAX_BYTES (64u << 20)
#define MAPPINGS_CHEAP     8192
#define REFRESH_PAUSE      4 /* times what the last one took */

struct image *images_find(const struct images *images, uint32_t space)
{
	struct image *image = images->by_number ? images->by_number[SPACE_NUMBER(space)] : NULL;

	return image && image->space == space ? image : NULL;
}

struct image *images_find_pid(const struct images *images, uint32_t pid)
{
	struct image *image;

	HASH_FIND(hh, images->by_pid, &pid, sizeof(pid), image);
	return image;
}

static void put_newest(struct images *images, struct image *image)
{
	struct image *before = images_find_pid(images, image->pid);

	if (before)
		HASH_DEL(images->by_pid, before);
	HASH_ADD(hh, images->by_pid, pid, sizeof(image->pid), image);
}

static const struct mapping *find_vdso(const struct mappings *mappings)
{
	for (size_t i = mappings->count; i-- > 0;)
		if (vdso_is_path(mappings->items[i].path))
			return &mappings->items[i];
	return NULL;
}

/* As far as the process can still be asked. */
static void image_identify(const struct images *images, struct image *image)
{
	struct process_status status;
	pid_t pid = (pid_t)image->pid;

	if (procfs_read_status(images->procfs, pid, &status))
		return;
	image->start_time = status.start_time;
	memcpy(image->comm, status.comm, sizeof(image->comm));
	image->exe = procfs_read_exe(images->procfs, pid);
	image->cmdline = procfs_read_cmdline(images->procfs, pid, &image->cmdline_count);
}

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

bool image_refresh_due(const struct images *images, const struct image *image)
{
	if (images->told_before_ns && image->refreshed_ns > images->told_before_ns)
		return false;
	return !image->refresh_after_ns || clock_ns(CLOCK_MONOTONIC) >= image->refresh_after_ns;
}

static bool is_mapped(const struct mappings *now, const struct mapping *mapping)
{
	const struct mapping *found = mappings_find(now, mapping->start);

	return found && is_same_code(found, mapping);
}

static bool is_dated(const struct mapping *mapping)
{
	return mapping->seen_from <= mapping->seen_until;
}

/* Notes when code that comes and goes was there last. Returns whether it is known. */
static bool renew_former(struct image *image, const struct mapping *mapping)
{
	for (size_t i = 0; i < image->former.count; i++) {
		struct mapping *former = &image->former.items[i];

		if (!is_same_code(former, mapping))
			continue;
		former->seen_from = mapping->seen_from;
		former->seen_until = mapping->seen_until;
		return true;
	}
	return false;
}

/*
 * Keeps what code was unmapped, in place of the mappings that take its name and its path along: a
 * stack that ran through a library can be taken in after the library was closed. A library that
 * comes and goes is kept once, for its last time.
 */
static void keep_former(struct image *image, const struct mappings *now)
{
	for (size_t i = 0; i < image->mappings.count; i++) {
		struct mapping *mapping = &image->mappings.items[i];

		if (!mapping->executable || !mapping->inode || !is_dated(mapping) ||
		    is_mapped(now, mapping) || renew_former(image, mapping) ||
		    image->former.count == FORMER_MAX)
			continue;
		if (array_append(&image->former.items, &image->former.count, *mapping))
			mapping->path = NULL;
	}
}

static uint32_t count_unloads(const struct images *images, const struct image *image)
{
	if (!images->unloads)
		return 0;
	return UNWIND_UNLOADS(__atomic_load_n(&images->unloads[SPACE_NUMBER(image->space)].count,
					      __ATOMIC_ACQUIRE));
}

/* What changes from now on is told again. */
static void hear(const struct images *images, const struct image *image)
{
	if (images->unloads)
		__atomic_store_n(&images->unloads[SPACE_NUMBER(image->space)].told, 0,
				 __ATOMIC_SEQ_CST);
}

/*
 * Notes when the mappings that were just read were seen. Where libraries were unloaded meanwhile
 * nobody knows on which side of that they were read: what was not there before is left undated, as
 * another library may lie in its place on the other side.
 */
static void date_mappings(const struct image *image, struct mappings *mappings, uint32_t before,
			  uint32_t after)
{
	bool known = before == after;

	for (size_t i = 0; i < mappings->count; i++) {
		struct mapping *mapping = &mappings->items[i];
		const struct mapping *old = mappings_find(&image->mappings, mapping->start);

		if (old && (!is_same_code(old, mapping) || !is_dated(old)))
			old = NULL;
		mapping->seen_from = old ? old->seen_from : after + !known;
		mapping->seen_until = known || !old ? after : old->seen_until;
	}
}

static int read_mappings(const struct images *images, struct image *image,
			 struct mappings *mappings)
{
	hear(images, image);

	uint32_t unloads = count_unloads(images, image);
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	int error = mappings_read(images->procfs, (pid_t)image->pid, mappings);
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC);

	image->refreshed_ns = start_ns;
	if (!error) {
		date_mappings(image, mappings, unloads, count_unloads(images, image));
		image->unloads = unloads;
	}
	image->refresh_after_ns =
		mappings->count > MAPPINGS_CHEAP ? end_ns + REFRESH_PAUSE * (end_ns - start_ns) : 0;
	return error;
}

bool image_refresh(const struct images *images, struct image *image)
{
	struct mappings mappings;
	bool changed;

	if (image->gone || read_mappings(images, image, &mappings))
		return false;
	if (!mappings.count || !is_same_image(&image->mappings, &mappings)) {
		mappings_release(&mappings);
		return false;
	}
	changed = !has_same_code(&image->mappings, &mappings);
	if (changed) {
		keep_former(image, &mappings);
		image->unwound = false;
	}
	file_users_drop(images->users, &image->mappings);
	file_users_add(images->users, &mappings);
	mappings_release(&image->mappings);
	image->mappings = mappings;
	return changed;
}

void image_end(const struct images *images, struct image *image)
{
	if (!image->gone)
		file_users_drop(images->users, &image->mappings);
	image->gone = true;
}

void images_forget_mappings(const struct images *images)
{
	for (size_t i = 0; i < images->count; i++) {
		struct image *image = images->items[i];

		if (image->spared) {
			mappings_release(&image->mappings);
			mappings_release(&image->former);
		}
		image->spared = image->gone;
	}
}

static struct image *image_new(struct images *images, uint32_t space, uint32_t pid)
{
	struct image *image;

	if (!images->by_number)
		images->by_number = calloc(SPACES, sizeof(struct image *));
	if (!images->users)
		images->users = file_users_new();
	image = images->by_number && images->users ? calloc(1, sizeof(*image)) : NULL;
	if (!image)
		return NULL;
	image->space = space;
	image->pid = pid;
	if (!array_append(&images->items, &images->count, image)) {
		free(image);
		return NULL;
	}
	images->by_number[SPACE_NUMBER(space)] = image;
	put_newest(images, image);
	return image;
}

struct image *images_add(struct images *images, uint32_t space, uint32_t pid)
{
	return images_add_executed(images, space, pid, "?");
}

struct image *images_add_executed(struct images *images, uint32_t space, uint32_t pid,
				  const char *comm)
{
	struct image *image = image_new(images, space, pid);

	if (!image)
		return NULL;
	snprintf(image->comm, sizeof(image->comm), "%.16s", comm);
	image_identify(images, image);
	image_refresh(images, image);
	return image;
}

/* 0: it is gone. */
static uint64_t start_time_of(const struct images *images, uint32_t pid)
{
	struct process_status status;

	return procfs_read_status(images->procfs, (pid_t)pid, &status) ? 0 : status.start_time;
}

static char **copy_arguments(char *const *arguments, size_t count)
{
	size_t size = (count + 1) * sizeof(char *);
	char **copy, *text;

	for (size_t i = 0; i < count; i++)
		size += strlen(arguments[i]) + 1;
	copy = malloc(size);
	if (!copy)
		return NULL;
	text = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		copy[i] = text;
		text = stpcpy(text, arguments[i]) + 1;
	}
	copy[count] = NULL;
	return copy;
}

struct image *images_add_child(struct images *images, const struct image *parent, uint32_t space,
			       uint32_t pid)
{
	struct image *image = image_new(images, space, pid);

	if (!image)
		return NULL;
	memcpy(image->comm, parent->comm, sizeof(image->comm));
	image->exe = parent->exe ? strdup(parent->exe) : NULL;
	image->cmdline = copy_arguments(parent->cmdline, parent->cmdline_count);
	image->cmdline_count = image->cmdline ? parent->cmdline_count : 0;
	mappings_copy(&parent->mappings, &image->mappings);
	file_users_add(images->users, &image->mappings);
	image->python = python_target_child(parent->python, (pid_t)pid);
	image->unloads = parent->unloads;
	image->start_time = start_time_of(images, pid);
	image_refresh(images, image);
	return image;
}

static bool was_there(const struct mapping *mapping, uint32_t unloads)
{
	return unloads >= mapping->seen_from && unloads <= mapping->seen_until;
}

/* They are in no order and may overlap. */
static const struct mapping *find_former(const struct image *image, uint64_t address,
					 uint32_t unloads)
{
	for (size_t i = image->former.count; i-- > 0;) {
		const struct mapping *mapping = &image->former.items[i];

		if (address >= mapping->start && address < mapping->end &&
		    was_there(mapping, unloads))
			return mapping;
	}
	return NULL;
}

const struct mapping *image_find_mapping(const struct images *images, struct image *image,
					 uint64_t address, uint32_t unloads)
{
	const struct mapping *mapping = mappings_find(&image->mappings, address);

	if ((!mapping || unloads > mapping->seen_until) && image_refresh_due(images, image)) {
		image_refresh(images, image);
		mapping = mappings_find(&image->mappings, address);
	}
	return mapping && was_there(mapping, unloads) ? mapping
						      : find_former(image, address, unloads);
}

/*
 * A name there may lead to any file that the process sees, also to one that it may not read, by a
 * link or a mount of its own: so only a file of its own user counts.
 */
static int open_perf_map(const struct images *images, const struct image *image,
			 struct file_stamp *stamp)
{
	struct process_status process;
	pid_t pid = (pid_t)image->pid;
	struct stat status;
	char path[64];
	int fd = procfs_read_status(images->procfs, pid, &process);

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)process.inner_pid);
	fd = procfs_open_inside(images->procfs, pid, path, PERF_MAP_MAX_BYTES);
	if (fd < 0)
		return fd;
	if (!fstat(fd, &status) && status.st_uid == process.uid &&
	    start_time_of(images, image->pid) == image->start_time) {
		*stamp = (struct file_stamp){
			.device = status.st_dev,
			.inode = status.st_ino,
			.size = (uint64_t)status.st_size,
			.changed_ns = clock_ns_of(&status.st_mtim),
		};
		return fd;
	}
	close(fd);
	return -EACCES;
}

static bool stamps_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed_ns == b->changed_ns;
}

void image_read_perf_map(const struct images *images, struct image *image)
{
	struct file_stamp stamp;
	struct perf_map *map;
	int fd;

	if (image->perf_map_error || image->gone || !image->start_time)
		return;
	fd = open_perf_map(images, image, &stamp);
	if (fd < 0)
		return;
	if (image->perf_map && stamps_equal(&stamp, &image->perf_map_stamp)) {
		close(fd);
		return;
	}
	map = perf_map_request(images->confined, fd);
	image->perf_map_due = !map && errno == ECANCELED;
	if (!map && !image->perf_map_due)
		image->perf_map_error = -errno;
	close(fd);
	if (!map)
		return;
	perf_map_free(image->perf_map);
	image->perf_map = map;
	image->perf_map_stamp = stamp;
}

void images_read_perf_maps(const struct images *images)
{
	for (size_t i = 0; i < images->count; i++) {
		struct image *image = images->items[i];

		if ((image->perf_map || image->perf_map_due) && !image->gone)
			image_read_perf_map(images, image);
	}
}

static void image_free(struct image *image)
{
	mappings_release(&image->mappings);
	mappings_release(&image->former);
	perf_map_free(image->perf_map);
	python_target_free(image->python);
	free(image->cmdline);
	free(image->exe);
	free(image);
}

void images_forget_removed(struct images *images)
{
	size_t kept = 0;

	for (size_t i = 0; i < images->count; i++) {
		struct image *image = images->items[i];

		if (!image->removed) {
			images->items[kept++] = image;
			continue;
		}
		if (images->by_number[SPACE_NUMBER(image->space)] == image)
			images->by_number[SPACE_NUMBER(image->space)] = NULL;
		if (images_find_pid(images, image->pid) == image)
			HASH_DEL(images->by_pid, image);
		image_end(images, image);
		image_free(image);
	}
	images->count = kept;
}

void images_release(struct images *images)
{
	HASH_CLEAR(hh, images->by_pid);
	for (size_t i = 0; i < images->count; i++)
		image_free(images->items[i]);
	file_users_free(images->users);
	free(images->items);
	free(images->by_number);
	*images = (struct images){0};
}
