/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written to stdout or stderr meanwhile. */
#ifndef UNFREED_TESTS_SAID_H
#define UNFREED_TESTS_SAID_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct said {
	int fd;
	int was;  /* what it was */
	int file; /* what is in its place */
};

static inline struct said said_begin(int fd)
{
	struct said said = {fd, dup(fd), memfd_create("said", MFD_CLOEXEC)};

	fflush(NULL);
	if (said.was < 0 || said.file < 0 || dup2(said.file, fd) < 0)
		abort();
	return said;
}

/* To be freed. */
static inline char *said_end(struct said *said)
{
	fflush(NULL);

	off_t size = lseek(said->file, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);

	if (!text || pread(said->file, text, (size_t)size, 0) != size ||
	    dup2(said->was, said->fd) < 0)
		abort();
	close(said->was);
	close(said->file);
	return text;
}

#endif
