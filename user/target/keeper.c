// SPDX-License-Identifier: BSD-2-Clause
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBES_MAX 1024

enum request_type { REQUEST_ATTACH, REQUEST_TRUNCATE, REQUEST_RELEASE };

struct request {
	enum request_type type;
	enum attach_kind kind;
	pid_t pid;
	bool at_return;
	size_t count; /* of probes; REQUEST_TRUNCATE: of links to keep */
	struct probe probes[PROBES_MAX];
};

struct reply {
	int error;
	size_t count; /* of links held */
};

struct keeper {
	pid_t pid;
	int socket;
	size_t count;
};

/* The descriptors that travel with REQUEST_ATTACH. */
struct passed {
	int program;
	int file;
};

union control {
	char bytes[CMSG_SPACE(sizeof(struct passed))];
	struct cmsghdr align;
};

static int send_request(int socket, const struct request *request, const struct passed *passed)
{
	struct iovec vector = {
		.iov_base = (void *)request,
		.iov_len = offsetof(struct request, probes) +
			   (passed ? request->count : 0) * sizeof(struct probe),
	};
	union control control = {0};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *header = &control.align;

	if (passed) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(*passed)),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(header), passed, sizeof(*passed));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns false at the end: the other side is gone. */
static bool receive_request(int socket, struct request *request, struct passed *passed)
{
	struct iovec vector = {.iov_base = request, .iov_len = sizeof(*request)};
	union control control = {0};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t size;

	do
		size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	*passed = (struct passed){-1, -1};
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_len == CMSG_LEN(sizeof(*passed)))
		memcpy(passed, CMSG_DATA(header), sizeof(*passed));
	return size >= (ssize_t)offsetof(struct request, probes);
}

static int attach_here(struct links *links, const struct request *request,
		       const struct passed *passed)
{
	struct probe_set set = {
		.kind = request->kind,
		.program_fd = passed->program,
		.file_fd = passed->file,
		.pid = request->pid,
		.at_return = request->at_return,
		.probes = request->probes,
		.count = request->count,
	};

	return links_attach(links, &set);
}

static struct reply serve(struct links *links, const struct request *request,
			  const struct passed *passed)
{
	struct reply reply = {0};

	if (request->type == REQUEST_ATTACH)
		reply.error = attach_here(links, request, passed);
	else if (request->type == REQUEST_TRUNCATE)
		links_truncate(links, request->count);
	else
		links_release(links);
	reply.count = links->count;
	return reply;
}

static _Noreturn void run_keeper(int socket)
{
	static struct request request;
	struct links links = {0};
	struct passed passed;

	while (receive_request(socket, &request, &passed)) {
		struct reply reply = serve(&links, &request, &passed);

		close(passed.program);
		close(passed.file);
		if (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	links_release(&links);
	_exit(0);
}

/* Nothing of the parent's stays: neither its terminal's signals nor its descriptors. */
static int detach_from_parent(int socket)
{
	int nowhere = open("/dev/null", O_RDWR);

	setsid();
	prctl(PR_SET_NAME, "probe-keeper");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (int fd = 0; fd < 3; fd++)
		dup2(nowhere, fd);
	dup2(socket, 3);
	close_range(4, ~0u, 0);
	return 3;
}

struct keeper *keeper_new(void)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	int sockets[2];

	if (!keeper)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		free(keeper);
		return NULL;
	}
	keeper->pid = fork();
	if (keeper->pid == 0)
		run_keeper(detach_from_parent(sockets[1]));
	close(sockets[1]);
	keeper->socket = sockets[0];
	if (keeper->pid > 0)
		return keeper;
	close(sockets[0]);
	free(keeper);
	return NULL;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	close(keeper->socket);
	waitpid(keeper->pid, NULL, 0);
	free(keeper);
}

static int ask(struct keeper *keeper, const struct request *request, const struct passed *passed)
{
	struct reply reply;
	int error = send_request(keeper->socket, request, passed);
	ssize_t size;

	if (error)
		return error;
	do
		size = recv(keeper->socket, &reply, sizeof(reply), 0);
	while (size < 0 && errno == EINTR);
	if (size != sizeof(reply))
		return -EPIPE;
	keeper->count = reply.count;
	return reply.error;
}

int keeper_attach(struct keeper *keeper, const struct probe_set *set)
{
	struct passed passed = {set->program_fd, set->file_fd};
	struct request *request;
	int error;

	if (!set->count)
		return 0;
	if (set->count > PROBES_MAX)
		return -E2BIG;
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	request->type = REQUEST_ATTACH;
	request->kind = set->kind;
	request->pid = set->pid;
	request->at_return = set->at_return;
	request->count = set->count;
	memcpy(request->probes, set->probes, set->count * sizeof(*set->probes));
	error = ask(keeper, request, &passed);
	free(request);
	return error;
}

size_t keeper_count(const struct keeper *keeper)
{
	return keeper->count;
}

static void ask_plainly(struct keeper *keeper, enum request_type type, size_t count)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return;
	request->type = type;
	request->count = count;
	ask(keeper, request, NULL);
	free(request);
}

void keeper_truncate(struct keeper *keeper, size_t count)
{
	ask_plainly(keeper, REQUEST_TRUNCATE, count);
}

void keeper_release(struct keeper *keeper)
{
	ask_plainly(keeper, REQUEST_RELEASE, 0);
}
