/* SPDX-License-Identifier: BSD-2-Clause */
#include "served.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define CONNECTIONS "/sys/fs/fuse/connections"

#define FUSE_CTL_SUPER_MAGIC 0x65735543 /* fs/fuse/control.c */

/* Each connection has the minor number of its file system, and belongs to its user. */
static bool is_users_connection(uint32_t device_minor)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), CONNECTIONS "/%u", device_minor);
	return !stat(path, &status) && status.st_uid != 0;
}

static bool has_our_mounts(const struct procfs *procfs, pid_t pid)
{
	char path[PATH_MAX];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "%s/%d/ns/mnt", procfs->root, (int)pid);
	return !stat(path, &theirs) && !stat("/proc/self/ns/mnt", &ours) &&
	       theirs.st_ino == ours.st_ino;
}

/* ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS [FIELDS] - TYPE SOURCE SUPER-OPTIONS */
static bool is_mount_of(const char *line, uint32_t device_minor)
{
	unsigned int minor;

	return sscanf(line, "%*d %*d 0:%u", &minor) == 1 && minor == device_minor;
}

/* Elsewhere than among our own mounts user 0 may be anyone. */
static bool is_users_mount(const struct procfs *procfs, pid_t pid, const char *line)
{
	const char *rest = strstr(line, " - fuse");

	return rest && !(strstr(rest, ",user_id=0,") && has_our_mounts(procfs, pid));
}

static bool is_in_users_mount(const struct procfs *procfs, pid_t pid, uint32_t device_minor)
{
	FILE *file = procfs_open_of_process(procfs, pid, "mountinfo");
	bool found = false, is_users = false;
	char *line = NULL;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) > 0) {
		found = is_mount_of(line, device_minor);
		is_users = found && is_users_mount(procfs, pid, line);
	}
	free(line);
	if (file)
		fclose(file);
	return is_users;
}

bool is_served_by_user(const struct procfs *procfs, pid_t pid, uint32_t device_major,
		       uint32_t device_minor)
{
	struct statfs control;

	if (device_major) /* it takes root to mount what is on a device */
		return false;
	if (!statfs(CONNECTIONS, &control) && control.f_type == FUSE_CTL_SUPER_MAGIC)
		return is_users_connection(device_minor);
	return is_in_users_mount(procfs, pid, device_minor);
}
