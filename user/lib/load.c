/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int load_file(const char *path, size_t most, char **data, size_t *size)
{
	size_t room = 0;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int error = fd < 0 ? -errno : 0;

	*data = NULL;
	*size = 0;
	while (!error && got) {
		if (*size == room) {
			char *larger = realloc(*data, (room = room ? room * 2 : 64 * 1024) + 1);

			if (!larger) {
				error = -ENOMEM;
				break;
			}
			*data = larger;
		}
		got = read(fd, *data + *size, room - *size);
		if (got < 0)
			error = errno == EINTR ? 0 : -errno;
		else
			*size += (size_t)got;
		if (*size > most)
			error = -EFBIG;
	}
	if (*data)
		(*data)[*size] = '\0';
	if (fd >= 0)
		close(fd);
	return error;
}
