// SPDX-License-Identifier: BSD-2-Clause
/*
 * The parent's side. It believes nothing that comes back: a reply that is malformed, late or cut
 * short costs the helper its life and the request its names.
 *
 * A file that was too slow twice is not tried again, so that a hostile one delays two reports and
 * not all of them.
 */
#include "symbolizer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "helper.h"
#include "symbolizer_internal.h"
#include "wire.h"

#define TIMEOUT_MS            20000
#define TIMEOUT_DEBUGINFOD_MS 120000
#define SLOW_FILES_MAX        64
#define SLOW_ANSWERS_MAX      2

struct slow_file {
	dev_t device;
	ino_t inode;
	struct timespec modified;
	unsigned int answers;
};

struct symbolizer {
	struct helper helper;
	unsigned int timeout_ms;
	struct slow_file slow_files[SLOW_FILES_MAX];
	size_t slow_next;
};

struct request {
	int fd;
	const char *path;
	const uint64_t *offsets;
	size_t count;
	struct symbol_list *lists;
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct symbolizer *symbolizer_new(void)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));
	int error;

	if (!symbolizer)
		return NULL;
	symbolizer->timeout_ms = helper_uses_debuginfod() ? TIMEOUT_DEBUGINFOD_MS : TIMEOUT_MS;
	error = helper_start(&symbolizer->helper);
	if (error) {
		free(symbolizer);
		errno = -error;
		return NULL;
	}
	return symbolizer;
}

void symbolizer_free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	helper_stop(&symbolizer->helper);
	free(symbolizer);
}

void symbolizer_set_timeout_ms(struct symbolizer *symbolizer, unsigned int timeout_ms)
{
	symbolizer->timeout_ms = timeout_ms;
}

pid_t symbolizer_helper_pid(const struct symbolizer *symbolizer)
{
	return symbolizer->helper.pid;
}

static int wait_ready(int socket, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = socket, .events = events};
		int64_t left_ms = deadline_ms - now_ms();
		int ready;

		if (left_ms <= 0)
			return -ETIME;
		ready = poll(&poll_fd, 1, (int)left_ms);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

static int send_all(int socket, const void *data, size_t length, int64_t deadline_ms)
{
	while (length) {
		int error = wait_ready(socket, POLLOUT, deadline_ms);
		ssize_t sent;

		if (error)
			return error;
		sent = send(socket, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && !is_passing(errno))
			return -EPIPE;
		if (sent > 0) {
			data = (const char *)data + sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

static int receive_all(int socket, void *data, size_t length, int64_t deadline_ms)
{
	while (length) {
		int error = wait_ready(socket, POLLIN, deadline_ms);
		ssize_t got;

		if (error)
			return error;
		got = recv(socket, data, length, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && !is_passing(errno)))
			return -EPIPE;
		if (got > 0) {
			data = (char *)data + got;
			length -= (size_t)got;
		}
	}
	return 0;
}

/* The header is far smaller than the empty socket's buffer: it goes as one. */
static int send_header(int socket, const struct wire_request *header, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] __attribute__((aligned(8))) = {0};
	struct iovec part = {(void *)header, sizeof(*header)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(*header))
		return -EPIPE;
	return 0;
}

static int send_request(int socket, const struct request *request)
{
	struct wire_request header = {
		.magic = WIRE_MAGIC,
		.path_length = (uint32_t)strnlen(request->path, WIRE_PATH_MAX),
		.offset_count = (uint32_t)request->count,
	};
	int error = send_header(socket, &header, request->fd);

	if (!error)
		error = send_all(socket, request->path, header.path_length, request->deadline_ms);
	if (!error)
		error = send_all(socket, request->offsets,
				 request->count * sizeof(*request->offsets), request->deadline_ms);
	return error;
}

/* Puts what the helper says of the file into `status`; returns what became of the exchange. */
static int receive_reply(int socket, const struct request *request, int *status)
{
	struct wire_reply header;
	void *data = NULL;
	int error = receive_all(socket, &header, sizeof(header), request->deadline_ms);

	if (error)
		return error;
	if (!wire_reply_valid(&header))
		return -EPIPE;
	*status = header.status;
	if (header.status)
		return 0;
	data = malloc(header.length + 1);
	if (!data)
		return -ENOMEM;
	error = receive_all(socket, data, header.length, request->deadline_ms);
	if (!error)
		error = wire_decode_lists(data, header.length, request->lists, request->count);
	free(data);
	return error == -EPROTO ? -EPIPE : error;
}

static int exchange(struct symbolizer *symbolizer, struct request *request)
{
	int status = 0;
	int error = helper_alive(&symbolizer->helper) ? 0 : helper_start(&symbolizer->helper);

	if (error)
		return error;
	request->deadline_ms = now_ms() + symbolizer->timeout_ms;
	error = send_request(symbolizer->helper.socket, request);
	if (!error)
		error = receive_reply(symbolizer->helper.socket, request, &status);
	if (error)
		helper_stop(&symbolizer->helper);
	return error ? error : status;
}

static struct slow_file *slow_file_find(struct symbolizer *symbolizer, const struct stat *status)
{
	for (size_t i = 0; i < SLOW_FILES_MAX; i++) {
		struct slow_file *file = &symbolizer->slow_files[i];

		if (file->answers && file->device == status->st_dev &&
		    file->inode == status->st_ino &&
		    memcmp(&file->modified, &status->st_mtim, sizeof(file->modified)) == 0)
			return file;
	}
	return NULL;
}

static void slow_file_note(struct symbolizer *symbolizer, const struct stat *status)
{
	struct slow_file *file = slow_file_find(symbolizer, status);

	if (!file) {
		file = &symbolizer->slow_files[symbolizer->slow_next++ % SLOW_FILES_MAX];
		*file = (struct slow_file){status->st_dev, status->st_ino, status->st_mtim, 0};
	}
	file->answers++;
}

static int resolve_file(struct symbolizer *symbolizer, const struct stat *status,
			struct request *request, size_t count)
{
	const struct slow_file *slow = slow_file_find(symbolizer, status);
	size_t done = 0;
	int error = slow && slow->answers >= SLOW_ANSWERS_MAX ? -ETIME : 0;

	while (done < count && !error) {
		request->count = count - done < WIRE_OFFSETS_MAX ? count - done : WIRE_OFFSETS_MAX;
		error = exchange(symbolizer, request);
		if (error == -ETIME)
			slow_file_note(symbolizer, status);
		request->offsets += request->count;
		request->lists += request->count;
		done += request->count;
	}
	return error;
}

int symbolizer_resolve(struct symbolizer *symbolizer, int fd, const char *path,
		       const uint64_t *offsets, size_t count, struct symbol_list *lists)
{
	struct request request = {
		.fd = fd, .path = path ? path : "", .offsets = offsets, .lists = lists};
	struct stat status;
	int error = 0;

	if (count)
		memset(lists, 0, count * sizeof(*lists));
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode))
		error = -ENOEXEC;
	if (!error)
		error = resolve_file(symbolizer, &status, &request, count);
	if (error)
		symbol_lists_release(lists, count);
	return error;
}
