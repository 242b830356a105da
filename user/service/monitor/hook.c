/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/owner.h"

#define PAUSE_S 5.0

struct hook {
	char *path;
	const struct listener *listener;
};

int hook_check(const char *path, struct failure *failure)
{
	struct stat status;

	if (!strchr(path, '/'))
		return failure_set(
			failure, STATUS_USAGE,
			"--exec needs the path of a program, such as /etc/unfreed/alert, "
			"not \"%.200s\"",
			path);
	if (stat(path, &status) || access(path, X_OK))
		return failure_set(failure, STATUS_FAILURE, "cannot execute %.200s: %s", path,
				   strerror(errno));
	if (!S_ISREG(status.st_mode))
		return failure_set(failure, STATUS_FAILURE, "%.200s is no program", path);
	if (others_can_change(&status))
		return failure_set(failure, STATUS_FAILURE,
				   "others than root can change %.200s, which would run as %s: "
				   "chown root and chmod go-w make it safe",
				   path, geteuid() ? "you" : "root");
	return 0;
}

/* --- one of them --- */

/* The text fits into the pipe as a whole. */
static pid_t start(void *context, const char *text)
{
	const struct hook *hook = context;
	char *argv[] = {hook->path, NULL};
	ssize_t written;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid_t child = delivery_fork();
	if (!child)
		delivery_execute(hook->path, argv, ends[0]);
	close(ends[0]);
	written = child < 0 ? 0 : write(ends[1], text, strlen(text));
	(void)written; /* what ended before it read has its status told */
	close(ends[1]);
	return child;
}

/* Once: what a program of the user's has done of its work nobody knows. */
static enum delivery_end judge(void *context, const struct delivery_try *done)
{
	const struct hook *hook = context;

	if (done->is_late || done->status > 0)
		event_tell(hook->listener, &(struct event){.kind = EVENT_HOOK_FAILED,
							   .command = hook->path,
							   .status = done->status});
	return done->status < 0 ? DELIVERY_DROPPED : DELIVERY_DONE;
}

static void release(void *context)
{
	struct hook *hook = context;

	free(hook->path);
	free(hook);
}

struct delivery *hook_new(struct loop *loop, const char *path, double timeout_s,
			  const struct listener *listener)
{
	struct hook *hook = malloc(sizeof(*hook));
	char *copy = strdup(path);

	if (!hook || !copy) {
		free(hook);
		free(copy);
		return NULL;
	}
	*hook = (struct hook){copy, listener};
	return delivery_new(loop, &(struct delivery_way){
					  .start = start,
					  .judge = judge,
					  .free = release,
					  .context = hook,
					  .timeout_s = timeout_s,
					  .pause_s = PAUSE_S,
				  });
}
