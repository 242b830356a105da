/* SPDX-License-Identifier: BSD-2-Clause */
#include "file_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../process/procfs.h"

enum {
	PAGE = MACHINE_PAGE_BYTES,
	READ_AHEAD = 16 * PAGE,
	WAITS_MAX = 200, /* of a millisecond, all in all */
};

bool file_pages_has(const struct region *region)
{
	return region->mapping.inode && *region->mapping.path == '/' &&
	       !(region->flags & (REGION_SHARED | REGION_HUGETLB)) && region_may_be_read(region);
}

static void close_file(struct mapped_file *file)
{
	if (file->start && file->fd >= 0)
		close(file->fd);
	file->start = 0;
}

static struct mapped_file *open_file(struct file_pages *pages, pid_t pid,
				     const struct mapping *mapping)
{
	const struct procfs procfs = {.root = "/proc"};
	struct mapped_file *file;
	struct stat status;

	for (size_t i = 0; i < FILE_PAGES_OPEN; i++)
		if (pages->files[i].start == mapping->start)
			return &pages->files[i];
	file = &pages->files[pages->next++ % FILE_PAGES_OPEN];
	close_file(file);
	*file = (struct mapped_file){mapping->start, .fd = mapping_open(&procfs, pid, mapping)};
	if (file->fd >= 0 && !fstat(file->fd, &status))
		file->bytes = (uint64_t)status.st_size;
	return file;
}

static ssize_t read_cached(int fd, uint8_t *buffer, off_t offset)
{
	struct iovec into = {buffer, PAGE};

	return preadv2(fd, &into, 1, offset, RWF_NOWAIT);
}

/* How much could be read: a disk is waited for, but not for long. */
static ssize_t read_page(struct file_pages *pages, int fd, uint8_t *buffer, off_t offset)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	ssize_t got = read_cached(fd, buffer, offset);

	if (got < 0 && errno == EOPNOTSUPP)
		return pread(fd, buffer, PAGE, offset);
	if (got < 0 && errno == EAGAIN)
		posix_fadvise(fd, offset, READ_AHEAD, POSIX_FADV_WILLNEED);
	while (got < 0 && errno == EAGAIN && pages->waited < WAITS_MAX) {
		pages->waited++;
		nanosleep(&tick, NULL);
		got = read_cached(fd, buffer, offset);
	}
	return got;
}

bool file_pages_read(struct file_pages *pages, pid_t pid, const struct region *region,
		     uint64_t address, uint8_t *buffer)
{
	const struct mapping *mapping = &region->mapping;
	const struct mapped_file *file = open_file(pages, pid, mapping);
	uint64_t offset = mapping->file_offset + (address - mapping->start);

	if (file->fd < 0 || offset >= file->bytes)
		return false;
	uint64_t left = file->bytes - offset;
	size_t wanted = left < PAGE ? left : PAGE;
	ssize_t got = read_page(pages, file->fd, buffer, (off_t)offset);
	if (got < (ssize_t)wanted)
		return false;
	memset(buffer + got, 0, PAGE - (size_t)got);
	return true;
}

void file_pages_close(struct file_pages *pages)
{
	for (size_t i = 0; i < FILE_PAGES_OPEN; i++)
		close_file(&pages->files[i]);
	pages->waited = 0;
}
