/* SPDX-License-Identifier: BSD-2-Clause */
#include "sockets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int open_links_each(const struct procfs *procfs, pid_t pid, open_link_take *take, void *context)
{
	char path[PATH_MAX], link[PATH_MAX];
	const struct dirent *entry;
	bool more = true;
	DIR *directory;

	if (procfs->core)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%d/fd", procfs->root, (int)pid);
	directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? -ESRCH : -errno;
	while (more && (entry = readdir(directory))) {
		ssize_t length;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		more = take(context, dirfd(directory), entry->d_name, link);
	}
	closedir(directory);
	return 0;
}

bool open_link_socket(const char *link, uint64_t *inode)
{
	return sscanf(link, "socket:[%" SCNu64 "]", inode) == 1;
}

/* "   0: 0100007F:1F90 0100007F:D2F4 01 00000000:0001F4A0 00:00000000 00000000  1000  0 31337 …" */
bool net_row_read(const char *line, struct net_row *row)
{
	return sscanf(line,
		      " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x %x:%x %*s %*s %*u %*u %" SCNu64,
		      &row->local, &row->remote, &row->state, &row->unsent, &row->unread,
		      &row->inode) == 6;
}
