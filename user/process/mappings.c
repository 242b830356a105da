/* SPDX-License-Identifier: BSD-2-Clause */
#include "mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/sorted.h"
#include "core.h"
#include "open_regular.h"
#include "served.h"

#define MAPPED_FILE_BYTES_MAX (UINT64_C(1) << 40)
#define DELETED_SUFFIX        " (deleted)"

/* A hexadecimal or decimal number that `end` must follow. */
static bool parse_number(const char **text, int base, char end, uint64_t *number)
{
	uint64_t value = 0;
	const char *at = *text;

	for (;; at++) {
		unsigned int digit = *at >= '0' && *at <= '9'   ? (unsigned int)(*at - '0')
				     : *at >= 'a' && *at <= 'f' ? (unsigned int)(*at - 'a' + 10)
								: 16;
		if (digit >= (unsigned int)base)
			break;
		value = value * (unsigned int)base + digit;
	}
	if (at == *text || *at != end)
		return false;
	*number = value;
	*text = at + 1;
	return true;
}

/* The kernel writes a newline in a path as \012; no other byte is escaped. */
static char *copy_path(const char *text, size_t length)
{
	char *path = malloc(length + 1);
	size_t used = 0;

	if (!path)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (length - i >= 4 && !memcmp(text + i, "\\012", 4)) {
			path[used++] = '\n';
			i += 3;
		} else {
			path[used++] = text[i];
		}
	}
	path[used] = '\0';
	return path;
}

static int parse_path(const char *text, size_t length, struct mapping *mapping)
{
	size_t suffix = strlen(DELETED_SUFFIX);

	if (mapping->inode && length > suffix &&
	    !memcmp(text + length - suffix, DELETED_SUFFIX, suffix)) {
		mapping->deleted = true;
		length -= suffix;
	}
	mapping->path = copy_path(text, length);
	return mapping->path ? 0 : -ENOMEM;
}

/* start-end rwxp offset major:minor inode   path */
int mapping_parse(const char *line, size_t length, struct mapping *mapping)
{
	const char *end = line + length;
	uint64_t major, minor;

	*mapping = (struct mapping){0};
	if (!parse_number(&line, 16, '-', &mapping->start) ||
	    !parse_number(&line, 16, ' ', &mapping->end) || end - line < 5)
		return -EPROTO;
	mapping->readable = line[0] == 'r';
	mapping->writable = line[1] == 'w';
	mapping->executable = line[2] == 'x';
	line += 5;
	if (!parse_number(&line, 16, ' ', &mapping->file_offset) ||
	    !parse_number(&line, 16, ':', &major) || !parse_number(&line, 16, ' ', &minor))
		return -EPROTO;
	mapping->device_major = (uint32_t)major;
	mapping->device_minor = (uint32_t)minor;
	for (; line < end && *line >= '0' && *line <= '9'; line++)
		mapping->inode = mapping->inode * 10 + (uint64_t)(*line - '0');
	while (line < end && *line == ' ')
		line++;
	return parse_path(line, (size_t)(end - line), mapping);
}

static int append_line(struct mappings *mappings, size_t *capacity, const char *line, size_t length)
{
	if (mappings->count == *capacity) {
		size_t larger = *capacity ? *capacity * 2 : 64;
		void *items = realloc(mappings->items, larger * sizeof(*mappings->items));

		if (!items)
			return -ENOMEM;
		mappings->items = items;
		*capacity = larger;
	}
	int error = mapping_parse(line, length, &mappings->items[mappings->count]);

	if (!error)
		mappings->count++;
	return error;
}

/* To items that have the room. Without memory for the path all are released: -ENOMEM. */
static int add_copy(struct mappings *mappings, const struct mapping *mapping)
{
	struct mapping *item = &mappings->items[mappings->count];

	*item = *mapping;
	item->path = strdup(mapping->path);
	if (!item->path) {
		mappings_release(mappings);
		return -ENOMEM;
	}
	mappings->count++;
	return 0;
}

static int read_core_mappings(const struct core *core, struct mappings *mappings)
{
	size_t count = core_mapping_count(core);

	*mappings = (struct mappings){.items = calloc(count + 1, sizeof(*mappings->items))};
	if (!mappings->items)
		return -ENOMEM;
	while (mappings->count < count) {
		const struct core_mapping mapping = core_mapping(core, mappings->count);

		if (add_copy(mappings, &mapping.mapping))
			return -ENOMEM;
	}
	return 0;
}

int mappings_read(const struct procfs *procfs, pid_t pid, struct mappings *mappings)
{
	if (procfs->core)
		return read_core_mappings(procfs->core, mappings);
	struct mappings found = {0};
	char path[4096], *line = NULL;
	size_t size = 0, capacity = 0;
	int error = 0;

	*mappings = found;
	int length = snprintf(path, sizeof(path), "%s/%d/maps", procfs->root, pid);
	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	FILE *file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	for (;;) {
		errno = 0;
		ssize_t got = getline(&line, &size, file);
		if (got <= 0) {
			error = -errno;
			break;
		}
		error = append_line(&found, &capacity, line, (size_t)got - (line[got - 1] == '\n'));
		if (error)
			break;
	}
	free(line);
	fclose(file);
	/* The list of a process that dies while we read it ends early, and without an error. */
	if (!error && procfs_is_gone(procfs, pid))
		error = -ESRCH;
	if (error)
		mappings_release(&found);
	*mappings = found;
	return error;
}

int mappings_copy(const struct mappings *mappings, struct mappings *copy)
{
	*copy = (struct mappings){.items = calloc(mappings->count + 1, sizeof(*copy->items))};
	if (!copy->items)
		return -ENOMEM;
	while (copy->count < mappings->count)
		if (add_copy(copy, &mappings->items[copy->count]))
			return -ENOMEM;
	return 0;
}

void mappings_release(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		free(mappings->items[i].path);
	free(mappings->items);
	*mappings = (struct mappings){0};
}

const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address)
{
	size_t low = sorted_count(mappings->items, mappings->count, end, address);

	if (low == mappings->count || mappings->items[low].start > address)
		return NULL;
	return &mappings->items[low];
}

static int compare_files(const void *a, const void *b)
{
	const struct mapping *left = *(const struct mapping *const *)a;
	const struct mapping *right = *(const struct mapping *const *)b;

	if (left->device_major != right->device_major)
		return left->device_major < right->device_major ? -1 : 1;
	if (left->device_minor != right->device_minor)
		return left->device_minor < right->device_minor ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return left->start < right->start ? -1 : left->start > right->start;
}

static int compare_starts(const void *a, const void *b)
{
	const struct mapping *left = *(const struct mapping *const *)a;
	const struct mapping *right = *(const struct mapping *const *)b;

	return left->start < right->start ? -1 : left->start > right->start;
}

dev_t mapping_device(const struct mapping *mapping)
{
	return makedev(mapping->device_major, mapping->device_minor);
}

struct file_numbers mapping_file(const struct mapping *mapping)
{
	return (struct file_numbers){mapping_device(mapping), mapping->inode};
}

bool mapping_is_of(const struct mapping *mapping, dev_t device, uint64_t inode)
{
	return mapping->inode == inode && mapping_device(mapping) == device;
}

bool mapping_is_shared_memory(const char *path)
{
	static const char *const names[] = {"/dev/zero", "/memfd:", "/SYSV", "/dev/shm/"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(path, names[i], strlen(names[i])))
			return true;
	return false;
}

bool mapping_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->device_major == b->device_major && a->device_minor == b->device_minor &&
	       a->inode == b->inode;
}

const struct mapping **mappings_code_files(const struct mappings *mappings, size_t *count)
{
	const struct mapping **files = calloc(mappings->count + 1, sizeof(*files));
	size_t executable = 0, kept = 0;

	if (!files)
		return NULL;
	for (size_t i = 0; i < mappings->count; i++)
		if (mappings->items[i].executable && mappings->items[i].inode)
			files[executable++] = &mappings->items[i];
	qsort(files, executable, sizeof(*files), compare_files);
	for (size_t i = 0; i < executable; i++)
		if (!kept || !mapping_same_file(files[kept - 1], files[i]))
			files[kept++] = files[i];
	qsort(files, kept, sizeof(*files), compare_starts);
	*count = kept;
	return files;
}

static bool is_still_mapped(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	struct mappings now;
	const struct mapping *found;
	bool same;

	if (mappings_read(procfs, pid, &now))
		return false;
	found = mappings_find(&now, mapping->start);
	same = found && found->start == mapping->start && found->end == mapping->end &&
	       found->inode == mapping->inode && found->file_offset == mapping->file_offset;
	mappings_release(&now);
	return same;
}

/*
 * Whether what was opened is the mapping's file, and not that of one which has taken its place. On
 * some file systems (overlayfs) the numbers differ though it is: then what is mapped now decides.
 */
static bool is_file_of(int held, const struct procfs *procfs, pid_t pid,
		       const struct mapping *mapping)
{
	struct stat status;

	if (fstat(held, &status))
		return false;
	return status.st_ino == mapping->inode || is_still_mapped(procfs, pid, mapping);
}

static int open_map_file(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s/%d/map_files/%" PRIx64 "-%" PRIx64,
			      procfs->root, pid, mapping->start, mapping->end);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	int held = open(path, O_PATH | O_CLOEXEC);
	if (held < 0)
		return -errno;
	if (!is_file_of(held, procfs, pid, mapping)) {
		close(held);
		return -ESTALE;
	}
	return open_regular(held, MAPPED_FILE_BYTES_MAX);
}

/* On overlayfs what is mapped has numbers of the file system below, up to Linux 6.8. */
static bool is_overlay(int fd)
{
	struct statfs status;

	return !fstatfs(fd, &status) && status.f_type == OVERLAYFS_SUPER_MAGIC;
}

/* The executable is opened without a name: its number is enough, where btrfs tells two devices. */
static bool is_still_of(int fd, const struct mapping *mapping, bool is_exe)
{
	struct stat status;

	if (fstat(fd, &status))
		return false;
	return is_overlay(fd) || (status.st_ino == mapping->inode &&
				  (is_exe || (major(status.st_dev) == mapping->device_major &&
					      minor(status.st_dev) == mapping->device_minor)));
}

static bool may_be_opened(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	return !is_served_by_user(procfs, pid, mapping->device_major, mapping->device_minor);
}

/* By its name in the target's root, or as its executable: where the name is another's by now, the
 * numbers are. */
static int open_named(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	char *exe = procfs_read_exe(procfs, pid);
	bool is_exe = exe && !strcmp(exe, mapping->path);
	int fd;

	free(exe);
	if (is_exe)
		fd = procfs_open_exe(procfs, pid, MAPPED_FILE_BYTES_MAX);
	else if (mapping->deleted || *mapping->path != '/')
		return -EPERM;
	else
		fd = procfs_open_inside(procfs, pid, mapping->path, MAPPED_FILE_BYTES_MAX);
	if (fd < 0 || is_still_of(fd, mapping, is_exe))
		return fd;
	close(fd);
	return -ESTALE;
}

int mapping_open_named(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	return may_be_opened(procfs, pid, mapping) ? open_named(procfs, pid, mapping) : -EREMOTE;
}

/* PID/map_files are for CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE alone. */
int mapping_open(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	if (procfs->core)
		return core_open_file(procfs->core, mapping);
	if (!may_be_opened(procfs, pid, mapping))
		return -EREMOTE;
	int fd = open_map_file(procfs, pid, mapping);

	return fd == -EPERM || fd == -EACCES ? open_named(procfs, pid, mapping) : fd;
}
