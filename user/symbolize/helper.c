// SPDX-License-Identifier: BSD-2-Clause
/*
 * A fork without exec: the child gives up, before it reads a byte of a target's file,
 *   - every descriptor but its socket, and every memory that it shares with the parent (BPF maps
 *     that are mapped: a helper started later in the program's life inherits them),
 *   - its user, if that is root: it becomes the user who called sudo, so that a debuginfod cache
 * and debug files in a home directory work, or nobody,
 *   - capabilities, also the bounding set; what exec could bring back; being traced or dumped,
 *   - memory beyond 4 GiB, files beyond what a debuginfod cache needs, new processes.
 * Time is the parent's business. A change of user that is not permitted (no root, no CAP_SETUID, a
 * user namespace without that user) is left out: then there was less to lose.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
<<<<<<< HEAD
=======
#include <time.h>
>>>>>>> symbolize
#include <unistd.h>

#include "elf_reader.h"
#include "wire.h"

#define NOBODY          65534
#define MEMORY_MAX      ((rlim_t)4 << 30)
#define CACHED_FILE_MAX ((rlim_t)4 << 30)
#define HELPER_SOCKET   3
<<<<<<< HEAD
=======
#define DEATH_MS        500
>>>>>>> symbolize

bool helper_uses_debuginfod(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && *urls;
}

static bool receive_all(int socket, void *data, size_t length)
{
<<<<<<< HEAD
	return length == 0 || recv(socket, data, length, MSG_WAITALL) == (ssize_t)length;
=======
	while (length) {
		ssize_t got = recv(socket, data, length, 0);

		if (got <= 0)
			return false;
		data = (char *)data + got;
		length -= (size_t)got;
	}
	return true;
>>>>>>> symbolize
}

static bool send_all(int socket, const void *data, size_t length)
{
	while (length) {
		ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data = (const char *)data + sent;
		length -= (size_t)sent;
	}
	return true;
}

/* Receives a request's header and the descriptor that comes with it. */
static bool receive_request(int socket, struct wire_request *request, int *fd)
{
	char control[CMSG_SPACE(sizeof(*fd))] __attribute__((aligned(8)));
	struct iovec part = {request, sizeof(*request)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(socket, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (got != sizeof(*request) || !header || header->cmsg_level != SOL_SOCKET ||
	    header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(*fd)))
		return false;
	memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return wire_request_valid(request);
}

static bool send_lists(int socket, int status, const struct symbol_list *lists, size_t count)
{
	struct wire_reply reply = {.magic = WIRE_MAGIC, .status = status};
	void *data = NULL;
	size_t length = 0;
	bool sent;

	if (!reply.status)
		reply.status = wire_encode_lists(lists, count, &data, &length);
	reply.length = (uint32_t)length;
	sent = send_all(socket, &reply, sizeof(reply)) && send_all(socket, data, length);
	free(data);
	return sent;
}

static bool serve_one(int socket, struct elf_reader *reader)
{
	static char path[WIRE_PATH_MAX + 1];
	static uint64_t offsets[WIRE_OFFSETS_MAX];
	static struct symbol_list lists[WIRE_OFFSETS_MAX];
	struct wire_request request;
	bool sent;
	int fd, status;

	if (!receive_request(socket, &request, &fd) ||
	    !receive_all(socket, path, request.path_length) ||
	    !receive_all(socket, offsets, request.offset_count * sizeof(*offsets)))
		return false;
	path[request.path_length] = '\0';
	status = elf_reader_resolve(reader, fd, path, offsets, request.offset_count, lists);
	close(fd);
	sent = send_lists(socket, status, lists, request.offset_count);
	symbol_lists_release(lists, request.offset_count);
	return sent;
}

/* The keyboard's signals go to the whole process group; the parent decides when this one ends. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
}

static bool drop_descriptors(int socket)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return false;
	if (socket < HELPER_SOCKET)
		socket = fcntl(socket, F_DUPFD, HELPER_SOCKET + 1);
	if (null < HELPER_SOCKET)
		null = fcntl(null, F_DUPFD, HELPER_SOCKET + 1);
	if (null == HELPER_SOCKET)
		null = fcntl(null, F_DUPFD, socket + 1);
	for (int fd = 0; fd < HELPER_SOCKET; fd++)
		if (dup2(null, fd) < 0)
			return false;
	return dup2(socket, HELPER_SOCKET) == HELPER_SOCKET &&
	       close_range(HELPER_SOCKET + 1, ~0u, 0) == 0;
}

static bool drop_shared_memory(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	bool dropped = file;

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long start, end;
		char sharing;
		bool whole = strchr(line, '\n');

		if (sscanf(line, "%lx-%lx %*3c%c", &start, &end, &sharing) == 3 && sharing == 's')
			dropped &= munmap((void *)start, end - start) == 0;
		while (!whole && fgets(line, sizeof(line), file))
			whole = strchr(line, '\n');
	}
	if (file)
		fclose(file);
	return dropped;
}

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return;
	if (limit.rlim_max > value)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

/* debuginfod's client starts threads to resolve names and writes what it downloads. */
static void set_limits(void)
{
#ifndef __SANITIZE_ADDRESS__
	set_limit(RLIMIT_AS, MEMORY_MAX);
#endif
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_FSIZE, helper_uses_debuginfod() ? CACHED_FILE_MAX : 0);
	if (!helper_uses_debuginfod())
		set_limit(RLIMIT_NPROC, 0);
}

/* If memory runs out on this machine, this process goes first. */
static void offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1000", 4) < 0) {
		/* it goes when its turn comes */
	}
	close(fd);
}

static uint32_t id_from_environment(const char *name)
{
	const char *text = getenv(name);
	unsigned long id;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return NOBODY;
	id = strtoul(text, &end, 10);
	return *end == '\0' && id > 0 && id < UINT32_MAX ? (uint32_t)id : NOBODY;
}

static void set_home(uid_t user)
{
	struct passwd *entry = getpwuid(user);

	if (entry && entry->pw_dir)
		setenv("HOME", entry->pw_dir, 1);
}

static bool is_not_permitted(void)
{
	return errno == EPERM || errno == EINVAL;
}

static bool drop_user(void)
{
	uid_t user = id_from_environment("SUDO_UID");
	gid_t group = id_from_environment("SUDO_GID");

	if (geteuid() != 0)
		return true;
	if (helper_uses_debuginfod())
		set_home(user);
	return (setgroups(0, NULL) == 0 || is_not_permitted()) &&
	       (setresgid(group, group, group) == 0 || is_not_permitted()) &&
	       (setresuid(user, user, user) == 0 || is_not_permitted());
}

static bool drop_capabilities(void)
{
	cap_t none = cap_init();
	bool dropped = none && cap_set_proc(none) == 0;

	cap_free(none);
	return dropped && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void drop_bounding_set(void)
{
	cap_reset_ambient();
	for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; capability++)
		cap_drop_bound(capability);
}

/* The order matters: a change of user resets the last two. */
static bool drop_everything(int socket, pid_t parent)
{
	reset_signals();
	if (!drop_descriptors(socket) || !drop_shared_memory())
		return false;
	offer_to_oom_killer();
	drop_bounding_set();
	if (!drop_user() || !drop_capabilities())
		return false;
	set_limits();
	prctl(PR_SET_NAME, "unfreed-symbols");
	return prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
	       getppid() == parent;
}

static void helper_run(int socket, pid_t parent)
{
	struct elf_reader *reader;

	if (!drop_everything(socket, parent))
		_exit(1);
	reader = elf_reader_new(NULL);
	while (reader && serve_one(HELPER_SOCKET, reader))
		;
	_exit(0);
}

int helper_start(struct helper *helper)
{
	pid_t parent = getpid();
	int sockets[2], error;

	*helper = (struct helper){.socket = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	helper->pid = fork();
	if (helper->pid == 0)
		helper_run(sockets[1], parent);
	error = helper->pid < 0 ? -errno : 0;
	close(sockets[1]);
	if (error) {
		close(sockets[0]);
		helper->pid = 0;
		return error;
	}
	helper->socket = sockets[0];
	return 0;
}

static void helper_forget(struct helper *helper)
{
	close(helper->socket);
	*helper = (struct helper){.socket = -1};
}

<<<<<<< HEAD
void helper_stop(struct helper *helper)
{
	if (!helper->pid)
		return;
	kill(helper->pid, SIGKILL);
	while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
		;
=======
/*
 * A process that waits inside of a file system (a target's own FUSE) does not die at once: it is
 * left behind then, killed and without its socket.
 */
void helper_stop(struct helper *helper)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (!helper->pid)
		return;
	kill(helper->pid, SIGKILL);
	for (int i = 0; i < DEATH_MS && waitpid(helper->pid, NULL, WNOHANG) == 0; i++)
		nanosleep(&pause, NULL);
>>>>>>> symbolize
	helper_forget(helper);
}

bool helper_alive(struct helper *helper)
{
	if (helper->pid && waitpid(helper->pid, NULL, WNOHANG) != 0)
		helper_forget(helper);
	return helper->pid != 0;
}
