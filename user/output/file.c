/* SPDX-License-Identifier: BSD-2-Clause */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A stream over a descriptor that remembers why its first write failed: stdio would not. */
struct sink {
	int fd;
	int error;
};

static ssize_t sink_write(void *cookie, const char *data, size_t size)
{
	struct sink *sink = cookie;
	size_t written = 0;

	while (written < size && !sink->error) {
		ssize_t count = write(sink->fd, data + written, size - written);

		if (count >= 0)
			written += (size_t)count;
		else if (errno != EINTR)
			sink->error = -errno;
	}
	return sink->error ? 0 : (ssize_t)size;
}

static int write_to_fd(int fd, file_writer *print, const void *context)
{
	struct sink sink = {.fd = fd};
	FILE *file = fopencookie(&sink, "w", (cookie_io_functions_t){.write = sink_write});

	if (!file)
		return -ENOMEM;
	int error = print(context, file);
	int close_error = fclose(file) ? -errno : 0;

	if (sink.error)
		return sink.error;
	return error ? error : close_error;
}

/* The descriptor that a path stands for (`-`, /dev/stdout, /dev/fd/N), -1 where it is a file. */
static int standing_fd(const char *path)
{
	static const char prefix[] = "/dev/fd/";
	char *end;

	if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	if (strncmp(path, prefix, strlen(prefix)))
		return -1;
	long fd = strtol(path + strlen(prefix), &end, 10);

	return *end || end == path + strlen(prefix) || fd < 0 || fd > INT_MAX ? -1 : (int)fd;
}

/*
 * A link is not followed but replaced: root would write where whoever planted it points.
 */
static bool is_special(const char *path)
{
	struct stat status;

	return !lstat(path, &status) && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode);
}

static int write_directly(const char *path, file_writer *print, const void *context)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	int error = write_to_fd(fd, print, context);

	if (close(fd) && !error)
		error = -errno;
	return error;
}

static bool id_from_environment(const char *name, unsigned int *id)
{
	const char *text = getenv(name);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);

	*id = (unsigned int)value;
	return !errno && !*end && value < UINT_MAX;
}

/* What root writes under sudo belongs to who called sudo. */
static int give_to_caller(int fd)
{
	unsigned int uid, gid;

	if (geteuid() != 0 || !id_from_environment("SUDO_UID", &uid) ||
	    !id_from_environment("SUDO_GID", &gid))
		return 0;
	return fchown(fd, uid, gid) ? -errno : 0;
}

/* A name in the directory of `path`, for mkostemp; to be freed. */
static char *temporary_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = NULL;

	if (asprintf(&name, "%.*s.unfreed-XXXXXX", slash ? (int)(slash - path + 1) : 0, path) < 0)
		return NULL;
	return name;
}

/* A new file in the directory of `path`, under a name that is to be freed. Returns a
 * descriptor or a negative errno. */
static int open_beside(const char *path, char **name)
{
	int fd;

	*name = temporary_name(path);
	if (!*name)
		return -ENOMEM;
	fd = mkostemp(*name, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_beside(const char *path, file_writer *print, const void *context)
{
	char *temporary;
	int fd = open_beside(path, &temporary);
	int error = fd < 0 ? fd : 0;

	if (!error)
		error = give_to_caller(fd);
	if (!error)
		error = write_to_fd(fd, print, context);
	if (!error && fsync(fd))
		error = -errno;
	if (fd >= 0 && close(fd) && !error)
		error = -errno;
	if (!error && rename(temporary, path))
		error = -errno;
	if (error && fd >= 0)
		unlink(temporary);
	free(temporary);
	return error;
}

int file_write(const char *path, file_writer *print, const void *context)
{
	int fd = standing_fd(path);

	if (fd >= 0)
		return write_to_fd(fd, print, context);
	if (is_special(path))
		return write_directly(path, print, context);
	return write_beside(path, print, context);
}

int file_write_somewhere(file_writer *print, const void *context)
{
	int error = file_write("-", print, context);

	return error ? file_write("/dev/stderr", print, context) : 0;
}

static int check_fd(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	return (flags & O_ACCMODE) == O_RDONLY ? -EBADF : 0;
}

/* Some file systems refuse what permissions allow: /proc for one. */
static int check_beside(const char *path)
{
	char *temporary;
	int fd = open_beside(path, &temporary);

	if (fd >= 0) {
		close(fd);
		unlink(temporary);
	}
	free(temporary);
	return fd < 0 ? fd : 0;
}

int file_check(const char *path)
{
	struct stat status;
	int fd = standing_fd(path);

	if (fd >= 0)
		return check_fd(fd);
	if (lstat(path, &status))
		return errno == ENOENT && *path ? check_beside(path) : -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
		return access(path, W_OK) ? -errno : 0;
	return check_beside(path);
}
