/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child gives up, before it reads a byte of a target's file,
 *   - every descriptor but its socket, and every memory that it shares with the parent (BPF maps
 *     that are mapped: a process started later in the program's life inherits them),
 *   - its user, if that is root: it becomes the user who called sudo, so that a debuginfod cache
 *     and debug files in a home directory work, or nobody,
 *   - capabilities, also the bounding set; what exec could bring back; being traced or dumped,
 *   - memory beyond 4 GiB, files beyond what a debuginfod cache needs, new processes.
 * Time is the parent's business. A change of user that is not permitted (no root, no CAP_SETUID, a
 * user namespace without that user) is left out: then there was less to lose.
 */
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
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
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/descriptors.h"
#include "../lib/signals.h"

#define NOBODY          65534
#define MEMORY_MAX      ((rlim_t)4 << 30)
#define CACHED_FILE_MAX ((rlim_t)4 << 30)

/* The keyboard's signals go to the whole process group; the parent decides when this one ends. */
static void reset_signals(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signals_unblock();
	setsid();
}

static bool drop_descriptors(int socket)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return false;
	if (socket < PRIVILEGES_SOCKET)
		socket = fcntl(socket, F_DUPFD, PRIVILEGES_SOCKET + 1);
	if (null < PRIVILEGES_SOCKET)
		null = fcntl(null, F_DUPFD, PRIVILEGES_SOCKET + 1);
	if (null == PRIVILEGES_SOCKET)
		null = fcntl(null, F_DUPFD, socket + 1);
	for (int fd = 0; fd < PRIVILEGES_SOCKET; fd++)
		if (dup2(null, fd) < 0)
			return false;
	return dup2(socket, PRIVILEGES_SOCKET) == PRIVILEGES_SOCKET &&
	       descriptors_close_from(PRIVILEGES_SOCKET + 1);
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
static void set_limits(bool network)
{
#ifndef __SANITIZE_ADDRESS__
	set_limit(RLIMIT_AS, MEMORY_MAX);
#endif
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_FSIZE, network ? CACHED_FILE_MAX : 0);
	if (!network)
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

static bool drop_user(bool network)
{
	uid_t user = id_from_environment("SUDO_UID");
	gid_t group = id_from_environment("SUDO_GID");

	if (geteuid() != 0)
		return true;
	if (network)
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

/*
 * Where downloaded debug information is kept, for who called from a root shell: nobody has no home.
 * What systemd gives a service, else what is ours. Made and given away while that may still be
 * done.
 */
static void make_cache(char *path, size_t size)
{
	const char *directory = getenv("CACHE_DIRECTORY");
	struct stat status;

	if (!directory || *directory != '/')
		directory = "/var/cache/unfreed";
	snprintf(path, size, "%s/debuginfod", directory);
	if (geteuid() != 0 || id_from_environment("SUDO_UID") != NOBODY)
		return;
	mkdir(directory, 0755);
	if (mkdir(path, 0700) == 0 && chown(path, NOBODY, NOBODY) != 0)
		rmdir(path);
	if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != NOBODY)
		*path = '\0';
}

/* As the user by now: what the environment names may be another's. */
static void choose_cache(const char *path)
{
	const char *named = getenv("DEBUGINFOD_CACHE_PATH");

	if (*path && access(path, W_OK | X_OK) == 0 && (!named || access(named, W_OK | X_OK) != 0))
		setenv("DEBUGINFOD_CACHE_PATH", path, 1);
}

static bool end_with(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

bool privileges_detach(int socket, pid_t parent)
{
	reset_signals();
	prctl(PR_SET_NAME, "unfreed-zygote");
	return drop_descriptors(socket) && drop_shared_memory() && end_with(parent);
}

/* The order matters: a change of user resets the last two. */
bool privileges_drop(int socket, pid_t parent, bool network)
{
	char cache[PATH_MAX] = "";

	reset_signals();
	if (network)
		make_cache(cache, sizeof(cache));
	if (!drop_descriptors(socket) || !drop_shared_memory())
		return false;
	offer_to_oom_killer();
	drop_bounding_set();
	if (!drop_user(network) || !drop_capabilities())
		return false;
	if (network)
		choose_cache(cache);
	else
		unsetenv("DEBUGINFOD_URLS");
	set_limits(network);
	prctl(PR_SET_NAME, "unfreed-reader");
	return prctl(PR_SET_DUMPABLE, 0) == 0 && end_with(parent);
}
