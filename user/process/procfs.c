/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything under PID/ can change or vanish between two reads, and what lies under PID/root
 * belongs to the target: links there may point anywhere, and a name may be a FIFO or a device. A
 * file inside is therefore looked up by the kernel within the target's root, held by an O_PATH
 * descriptor, which opens nothing, checked, and only then opened through that descriptor.
 */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "core.h"
#include "open_regular.h"

enum { STATUS_BYTES_MAX = 16384, CMDLINE_BYTES_MAX = 4 << 20 };

static int open_entry(const struct procfs *procfs, pid_t pid, const char *name, int flags)
{
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s/%d/%s", procfs->root, pid, name);

	if (procfs->core)
		return -ENOENT;
	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* Reads a whole entry; what is beyond `max` bytes is cut. */
static ssize_t read_entry(const struct procfs *procfs, pid_t pid, const char *name, char *buffer,
			  size_t max)
{
	int fd = open_entry(procfs, pid, name, O_RDONLY);
	size_t used = 0;
	ssize_t got = 1;

	if (fd < 0)
		return fd;
	while (used < max - 1 && got > 0) {
		got = read(fd, buffer + used, max - 1 - used);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			used += (size_t)got;
	}
	int error = got < 0 ? -errno : 0;
	close(fd);
	if (error)
		return error;
	buffer[used] = '\0';
	return (ssize_t)used;
}

/* The value of a line "Name:\tvalue", or NULL. */
static const char *find_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static long read_field(const char *text, const char *name, long otherwise)
{
	const char *value = find_field(text, name);

	return value ? strtol(value, NULL, 10) : otherwise;
}

/* The last of several numbers on a line: of NSpid, the one in the innermost namespace. */
static long read_last_number(const char *text, const char *name, long otherwise)
{
	const char *value = find_field(text, name);
	long number = otherwise;
	char *end;

	while (value && *value != '\n' && *value) {
		number = strtol(value, &end, 10);
		if (end == value)
			break;
		value = end + strspn(end, " \t");
	}
	return number;
}

static int parse_status(const char *text, struct process_status *status)
{
	const char *state = find_field(text, "State");

	status->tgid = (pid_t)read_field(text, "Tgid", 0);
	status->uid = (uid_t)strtoul(find_field(text, "Uid") ?: "0", NULL, 10);
	status->seccomp = (int)read_field(text, "Seccomp", 0);
	status->threads = (int)read_field(text, "Threads", 1);
	status->parent = (pid_t)read_field(text, "PPid", 0);
	status->resident_bytes = (uint64_t)read_field(text, "VmRSS", 0) * 1024;
	status->anonymous_bytes = (uint64_t)read_field(text, "RssAnon", 0) * 1024;
	status->swapped_bytes = (uint64_t)read_field(text, "VmSwap", 0) * 1024;
	status->inner_pid = (pid_t)read_last_number(text, "NSpid", status->tgid);
	status->zombie = state && (*state == 'Z' || *state == 'X');
	status->stopped = state && (*state == 'T' || *state == 't');
	return status->tgid > 0 && state ? 0 : -EPROTO;
}

/* PID (comm) state ...: the name may hold blanks and parentheses, so the last one counts. */
static int parse_stat(const char *text, struct process_status *status)
{
	const char *open = strchr(text, '(');
	const char *close = strrchr(text, ')');
	unsigned long long user, system, start, code = 0, stack = 0;

	if (!open || !close || close < open)
		return -EPROTO;
	size_t length = (size_t)(close - open - 1);
	if (length >= sizeof(status->comm))
		length = sizeof(status->comm) - 1;
	memcpy(status->comm, open + 1, length);
	if (sscanf(close + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d "
		   "%llu %*u %*d %*u %llu %*u %llu",
		   &user, &system, &start, &code, &stack) < 3)
		return -EPROTO;
	status->code_start = code;
	status->stack_start = stack;
	status->cpu_ticks = user + system;
	status->start_time = start;
	return 0;
}

static void read_core_status(const struct core *core, struct process_status *status)
{
	struct core_about about = core_about(core);
	size_t threads;

	core_threads(core, &threads);
	*status = (struct process_status){
		.tgid = about.pid,
		.inner_pid = about.pid,
		.threads = threads < INT_MAX ? (int)threads : INT_MAX,
	};
	snprintf(status->comm, sizeof(status->comm), "%s", about.comm);
}

double procfs_seconds(uint64_t ticks)
{
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

double procfs_age_s(const struct process_status *status)
{
	return clock_s(CLOCK_BOOTTIME) - procfs_seconds(status->start_time);
}

int procfs_read_status(const struct procfs *procfs, pid_t pid, struct process_status *status)
{
	struct process_status found = {0};

	if (procfs->core) {
		read_core_status(procfs->core, status);
		return 0;
	}
	char text[STATUS_BYTES_MAX];
	ssize_t size = read_entry(procfs, pid, "status", text, sizeof(text));

	if (size < 0)
		return (int)size;
	int error = parse_status(text, &found);
	if (error)
		return error;
	size = read_entry(procfs, pid, "stat", text, sizeof(text));
	if (size < 0)
		return (int)size;
	error = parse_stat(text, &found);
	if (!error)
		*status = found;
	return error;
}

int procfs_read_comm(const struct procfs *procfs, pid_t pid, char comm[17])
{
	ssize_t size = read_entry(procfs, pid, "comm", comm, 17);

	if (size < 0)
		return (int)size;
	if (size && comm[size - 1] == '\n')
		comm[size - 1] = '\0';
	return 0;
}

int64_t procfs_read_proportional(const struct procfs *procfs, pid_t pid)
{
	char text[STATUS_BYTES_MAX];
	ssize_t size = read_entry(procfs, pid, "smaps_rollup", text, sizeof(text));
	long kilobytes = size < 0 ? -1 : read_field(text, "Pss", -1);

	if (size < 0)
		return size;
	return kilobytes < 0 ? -EPROTO : (int64_t)kilobytes * 1024;
}

bool procfs_is_gone(const struct procfs *procfs, pid_t pid)
{
	struct process_status status;
	char path[4096];

	if (procfs->core)
		return false;
	snprintf(path, sizeof(path), "%s/%d", procfs->root, (int)pid);
	if (access(path, F_OK) < 0)
		return true;
	return !procfs_read_status(procfs, pid, &status) && status.zombie;
}

static int each_core_thread(const struct core *core, int (*act)(void *context, pid_t thread),
			    void *context)
{
	size_t count;
	const struct core_thread *threads = core_threads(core, &count);
	int result = 0;

	for (size_t i = 0; i < count && !result; i++)
		result = act(context, threads[i].id);
	return result;
}

/* What has a number for its name. */
static int each_number(const char *path, int (*act)(void *context, pid_t number), void *context)
{
	const struct dirent *entry;
	DIR *directory = opendir(path);
	int result = 0;

	if (!directory)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!result && (entry = readdir(directory))) {
		pid_t number = atoi(entry->d_name);

		if (number > 0)
			result = act(context, number);
	}
	closedir(directory);
	return result;
}

/* The directory's size says it since Linux 6.2 (f1f1f2569901), and is 0 before. */
int64_t procfs_count_open_files(const struct procfs *procfs, pid_t pid)
{
	int fd = open_entry(procfs, pid, "fd", O_RDONLY | O_DIRECTORY);
	const struct dirent *entry;
	int64_t count = 0;
	struct stat status;

	if (fd < 0)
		return fd;
	DIR *directory = fstat(fd, &status) ? NULL : fdopendir(fd);
	if (!directory) {
		close(fd);
		return -ENOMEM;
	}
	if (status.st_size > 0)
		count = status.st_size;
	else
		while ((entry = readdir(directory)))
			count += *entry->d_name != '.';
	closedir(directory);
	return count;
}

int procfs_each_process(const struct procfs *procfs, int (*act)(void *context, pid_t pid),
			void *context)
{
	return each_number(procfs->root, act, context);
}

int procfs_each_thread(const struct procfs *procfs, pid_t pid,
		       int (*act)(void *context, pid_t thread), void *context)
{
	char path[4096];

	if (procfs->core)
		return each_core_thread(procfs->core, act, context);
	snprintf(path, sizeof(path), "%s/%d/task", procfs->root, (int)pid);
	return each_number(path, act, context);
}

/* As the kernel writes it: "-1", stack pointer, instruction pointer. */
static FILE *open_core_syscall(const struct core *core, pid_t thread)
{
	size_t count;
	const struct core_thread *threads = core_threads(core, &count);
	FILE *file = fmemopen(NULL, 128, "w+");

	for (size_t i = 0; i < count && file; i++) {
		if (threads[i].id != thread)
			continue;
		fprintf(file, "-1 0x%" PRIx64 " 0x%" PRIx64 "\n",
			threads[i].registers[thread_registers.stack_pointer],
			threads[i].registers[thread_registers.instruction_pointer]);
		break;
	}
	if (file)
		rewind(file);
	return file;
}

FILE *procfs_open_of_thread(const struct procfs *procfs, pid_t pid, pid_t thread, const char *name)
{
	char path[4096];

	if (procfs->core)
		return strcmp(name, "syscall") ? NULL : open_core_syscall(procfs->core, thread);
	snprintf(path, sizeof(path), "%s/%d/task/%d/%s", procfs->root, (int)pid, (int)thread, name);
	return fopen(path, "re");
}

FILE *procfs_open_of_process(const struct procfs *procfs, pid_t pid, const char *name)
{
	char path[4096];

	if (procfs->core)
		return NULL;
	snprintf(path, sizeof(path), "%s/%d/%s", procfs->root, (int)pid, name);
	return fopen(path, "re");
}

char *procfs_read_exe(const struct procfs *procfs, pid_t pid)
{
	char path[4096], target[4096];
	int length = snprintf(path, sizeof(path), "%s/%d/exe", procfs->root, pid);
	const char *exe = procfs->core ? core_about(procfs->core).exe : NULL;

	if (procfs->core)
		return exe ? strdup(exe) : NULL;
	if (length < 0 || (size_t)length >= sizeof(path))
		return NULL;
	ssize_t size = readlink(path, target, sizeof(target));
	if (size < 0 || (size_t)size == sizeof(target))
		return NULL;
	return strndup(target, (size_t)size);
}

/* One block: the pointers, a NULL, then the strings. */
static char **split_arguments(const char *text, size_t size, size_t *count)
{
	size_t arguments = 0;

	for (size_t i = 0; i < size; i++)
		arguments += text[i] == '\0';
	arguments += size && text[size - 1] != '\0';
	char **block = malloc((arguments + 1) * sizeof(*block) + size + 1);
	if (!block)
		return NULL;
	char *strings = (char *)(block + arguments + 1);
	memcpy(strings, text, size);
	strings[size] = '\0';
	for (size_t i = 0; i < arguments; i++) {
		block[i] = strings;
		strings += strlen(strings) + 1;
	}
	block[arguments] = NULL;
	*count = arguments;
	return block;
}

char **procfs_read_cmdline(const struct procfs *procfs, pid_t pid, size_t *count)
{
	char *text = malloc(CMDLINE_BYTES_MAX);
	char **arguments = NULL;

	if (!text)
		return NULL;
	ssize_t size = read_entry(procfs, pid, "cmdline", text, CMDLINE_BYTES_MAX);
	if (size >= 0)
		arguments = split_arguments(text, (size_t)size, count);
	free(text);
	return arguments;
}

int open_regular(int held, uint64_t max_bytes)
{
	struct stat stat;
	char path[64];
	int fd = -1;

	if (fstat(held, &stat) < 0)
		fd = -errno;
	else if (!S_ISREG(stat.st_mode))
		fd = S_ISDIR(stat.st_mode) ? -EISDIR : -EINVAL;
	else if ((uint64_t)stat.st_size > max_bytes)
		fd = -EFBIG;
	else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			fd = -errno;
	}
	close(held);
	return fd;
}

int procfs_open_exe(const struct procfs *procfs, pid_t pid, uint64_t max_bytes)
{
	int held = open_entry(procfs, pid, "exe", O_PATH);

	return held < 0 ? held : open_regular(held, max_bytes);
}

int procfs_open_inside(const struct procfs *procfs, pid_t pid, const char *path, uint64_t max_bytes)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int root = open_entry(procfs, pid, "root", O_PATH | O_DIRECTORY);

	if (root < 0)
		return root;
	int held = (int)syscall(__NR_openat2, root, path, &how, sizeof(how));
	int error = held < 0 ? -errno : 0;
	close(root);
	return error ? error : open_regular(held, max_bytes);
}
