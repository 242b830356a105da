/* SPDX-License-Identifier: BSD-2-Clause */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../lib/descriptors.h"

#define PROBES_MAX   1024
#define REMOVALS_MAX 256 /* under way at the same time */

enum request_type {
	REQUEST_ATTACH,
	REQUEST_REMOVE,
	REQUEST_BEGIN_WINDOWS,
	REQUEST_END_WINDOWS,
	REQUEST_WATCH,  /* in windows: a process that came, */
	REQUEST_FORGET, /* or ended */
	REQUEST_RELEASE
};

struct request {
	enum request_type type;
	enum attach_kind kind;
	pid_t pid;
	bool at_return;
	enum probes_when when;
	uint32_t group;
	size_t count; /* of probes */
	struct probe probes[PROBES_MAX];
	struct window_start start; /* of REQUEST_BEGIN_WINDOWS */
};

struct reply {
	int error;
};

struct group {
	uint32_t number;
	struct links links;
};

/* What the process over there has. */
struct held {
	struct group *groups;
	size_t group_count;
	pthread_t removals[REMOVALS_MAX];
	size_t removal_count;
	struct opener *opener;
};

struct keeper {
	pid_t pid;
	int socket;
	uint32_t last_group;
	struct opener *opener; /* its account is shared with the one over there */
};

/* The descriptors that travel with REQUEST_ATTACH, and with REQUEST_BEGIN_WINDOWS: memory. */
struct passed {
	int program;
	int file;
};

union control {
	char bytes[CMSG_SPACE(sizeof(struct passed))];
	struct cmsghdr align;
};

/* What of it is not empty. */
static size_t request_bytes(const struct request *request)
{
	if (request->type == REQUEST_BEGIN_WINDOWS)
		return sizeof(*request);
	return offsetof(struct request, probes) + request->count * sizeof(struct probe);
}

static int send_request(int socket, const struct request *request, const struct passed *passed)
{
	struct iovec vector = {
		.iov_base = (void *)request,
		.iov_len = request_bytes(request),
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

static struct group *find_group(struct held *held, uint32_t number)
{
	for (size_t i = held->group_count; i-- > 0;)
		if (held->groups[i].number == number)
			return &held->groups[i];
	return NULL;
}

static void drop_group(struct held *held, struct group *group)
{
	*group = held->groups[--held->group_count];
}

/* Descriptors that are used up are none of *passed any more. */
static int attach_here(struct held *held, const struct request *request, struct passed *passed)
{
	struct probe_set set = {
		.kind = request->kind,
		.program_fd = passed->program,
		.file_fd = passed->file,
		.pid = request->pid,
		.at_return = request->at_return,
		.when = request->when,
		.probes = request->probes,
		.count = request->count,
	};
	struct group *group = find_group(held, request->group);
	const struct group fresh = {.number = request->group};
	int error;

	if (set.when != PROBES_ALWAYS) {
		*passed = (struct passed){-1, -1};
		return opener_add(held->opener, request->group, &set);
	}
	if (!group && array_append(&held->groups, &held->group_count, fresh))
		group = &held->groups[held->group_count - 1];
	if (!group)
		return -ENOMEM;
	error = links_attach(&group->links, &set);
	if (!group->links.count)
		drop_group(held, group);
	return error;
}

static void *release_links(void *argument)
{
	struct links *links = argument;

	links_release(links);
	free(links);
	return NULL;
}

/* The oldest is waited for where there are too many; those that are done are forgotten. */
static void reap_removals(struct held *held)
{
	size_t kept = 0;

	if (held->removal_count == REMOVALS_MAX) {
		pthread_join(held->removals[0], NULL);
		held->removals[0] = held->removals[--held->removal_count];
	}
	for (size_t i = 0; i < held->removal_count; i++)
		if (pthread_tryjoin_np(held->removals[i], NULL))
			held->removals[kept++] = held->removals[i];
	held->removal_count = kept;
}

static void remove_here(struct held *held, uint32_t number)
{
	struct group *group = find_group(held, number);
	struct links *links = group ? malloc(sizeof(*links)) : NULL;

	opener_remove(held->opener, number);
	if (!group)
		return;
	reap_removals(held);
	if (links)
		*links = group->links;
	if (links &&
	    !pthread_create(&held->removals[held->removal_count], NULL, release_links, links)) {
		held->removal_count++;
	} else {
		links_release(&group->links);
		free(links);
	}
	drop_group(held, group);
}

/* All at the same time, as each takes long. */
static void release_here(struct held *held)
{
	struct links all = {0};

	opener_end(held->opener);
	opener_release(held->opener);
	for (size_t i = 0; i < held->group_count; i++) {
		if (links_join(&all, &held->groups[i].links))
			links_release(&held->groups[i].links);
	}
	links_release(&all);
	while (held->removal_count)
		pthread_join(held->removals[--held->removal_count], NULL);
	free(held->groups);
	held->groups = NULL;
	held->group_count = 0;
}

static int begin_here(struct held *held, const struct request *request, struct passed *passed)
{
	struct window_start start = request->start;

	start.program_fd = passed->program;
	start.memory_fd = passed->file;
	*passed = (struct passed){-1, -1};
	return opener_begin(held->opener, &start);
}

static struct reply serve(struct held *held, const struct request *request, struct passed *passed)
{
	struct reply reply = {0};

	switch (request->type) {
	case REQUEST_ATTACH:
		reply.error = attach_here(held, request, passed);
		break;
	case REQUEST_REMOVE:
		remove_here(held, request->group);
		break;
	case REQUEST_BEGIN_WINDOWS:
		reply.error = begin_here(held, request, passed);
		break;
	case REQUEST_END_WINDOWS:
		opener_end(held->opener);
		break;
	case REQUEST_WATCH:
		reply.error = opener_watch(held->opener, request->pid);
		break;
	case REQUEST_FORGET:
		opener_forget(held->opener, request->pid);
		break;
	case REQUEST_RELEASE:
		release_here(held);
		break;
	}
	return reply;
}

static _Noreturn void run_keeper(int socket, struct opener *opener)
{
	static struct request request;
	static struct held held;
	struct passed passed;

	held.opener = opener;
	while (receive_request(socket, &request, &passed)) {
		struct reply reply = serve(&held, &request, &passed);

		close(passed.program);
		close(passed.file);
		if (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	release_here(&held);
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
	descriptors_close_from(4);
	return 3;
}

struct keeper *keeper_new(void)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	int sockets[2];

	if (!keeper)
		return NULL;
	keeper->opener = opener_new();
	if (!keeper->opener || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		opener_free(keeper->opener);
		free(keeper);
		return NULL;
	}
	keeper->pid = fork();
	if (keeper->pid == 0)
		run_keeper(detach_from_parent(sockets[1]), keeper->opener);
	close(sockets[1]);
	keeper->socket = sockets[0];
	if (keeper->pid > 0)
		return keeper;
	close(sockets[0]);
	opener_free(keeper->opener);
	free(keeper);
	return NULL;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	close(keeper->socket);
	waitpid(keeper->pid, NULL, 0);
	opener_free(keeper->opener);
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
	return reply.error;
}

uint32_t keeper_group(struct keeper *keeper)
{
	if (!++keeper->last_group)
		keeper->last_group++;
	return keeper->last_group;
}

int keeper_attach(struct keeper *keeper, uint32_t group, const struct probe_set *set)
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
	request->group = group;
	request->at_return = set->at_return;
	request->when = set->when;
	request->count = set->count;
	memcpy(request->probes, set->probes, set->count * sizeof(*set->probes));
	error = ask(keeper, request, &passed);
	free(request);
	return error;
}

static int ask_plainly(struct keeper *keeper, enum request_type type, uint32_t group, pid_t pid)
{
	struct request *request = calloc(1, sizeof(*request));
	int error;

	if (!request)
		return -ENOMEM;
	request->type = type;
	request->group = group;
	request->pid = pid;
	error = ask(keeper, request, NULL);
	free(request);
	return error;
}

void keeper_remove(struct keeper *keeper, uint32_t group)
{
	ask_plainly(keeper, REQUEST_REMOVE, group, 0);
}

int keeper_begin_windows(struct keeper *keeper, const struct window_start *start)
{
	struct passed passed = {start->program_fd, start->memory_fd};
	struct request *request = calloc(1, sizeof(*request));
	int error;

	if (!request)
		return -ENOMEM;
	request->type = REQUEST_BEGIN_WINDOWS;
	request->start = *start;
	error = ask(keeper, request, &passed);
	free(request);
	return error;
}

void keeper_end_windows(struct keeper *keeper)
{
	ask_plainly(keeper, REQUEST_END_WINDOWS, 0, 0);
}

int keeper_watch(struct keeper *keeper, pid_t pid)
{
	return ask_plainly(keeper, REQUEST_WATCH, 0, pid);
}

void keeper_forget(struct keeper *keeper, pid_t pid)
{
	ask_plainly(keeper, REQUEST_FORGET, 0, pid);
}

const struct window_account *keeper_windows(const struct keeper *keeper)
{
	return opener_account(keeper->opener);
}

void keeper_release(struct keeper *keeper)
{
	ask_plainly(keeper, REQUEST_RELEASE, 0, 0);
}
