// SPDX-License-Identifier: BSD-2-Clause
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/descriptors.h"
#include "../../lib/json.h"
#include "../../lib/owner.h"
#include "../../lib/process_end.h"
#include "../../lib/signals.h"

enum { WAITING_MAX = 32, ALERT_BYTES_MAX = 32768 /* half of what a pipe takes at once */ };

#define PAUSE_NS UINT64_C(5000000000) /* between the beginnings of two */

struct hook {
	struct loop *loop;
	const char *path;
	double timeout_s;
	const struct listener *listener;
	char *waiting[WAITING_MAX]; /* texts, first come first served */
	size_t count;
	pid_t child; /* 0: none */
	struct loop_source *end, *timer;
	uint64_t began_ns;
	bool is_late;
	uint64_t dropped;
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

/* What a service without root may is for us alone: to read all processes is not what an alert needs. */
static _Noreturn void run_child(const char *path, int input)
{
	sigset_t none;

	setpgid(0, 0);
	signals_restore();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	cap_reset_ambient();
	if (dup2(input, 0) < 0 || dup2(2, 1) < 0)
		_exit(126);
	descriptors_close_from(3);
	execv(path, (char *[]){(char *)path, NULL});
	_exit(127);
}

/* Returns the child's PID, or a negative errno. The text fits into the pipe as a whole. */
static pid_t start(const char *path, const char *text)
{
	ssize_t written;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid_t child = fork();
	if (!child)
		run_child(path, ends[0]);
	int error = child < 0 ? -errno : 0;
	if (child > 0)
		setpgid(child, child);
	close(ends[0]);
	written = error ? 0 : write(ends[1], text, strlen(text));
	(void)written; /* what ended before it read has its status told */
	close(ends[1]);
	return error ? error : child;
}

static void attend(struct hook *hook);

static void tell_end(const struct hook *hook, int status)
{
	if (hook->is_late || status > 0)
		event_tell(hook->listener, &(struct event){.kind = EVENT_HOOK_FAILED,
							   .command = hook->path,
							   .status = status});
}

/* With whatever it has left behind. */
static void note_end(void *context)
{
	struct hook *hook = context;

	loop_drop(hook->end);
	hook->end = NULL;
	kill(-hook->child, SIGKILL);
	int status = process_wait(hook->child);
	hook->child = 0;
	tell_end(hook, status);
	attend(hook);
}

/* It runs too long, or the next one may begin. */
static void note_time(void *context)
{
	struct hook *hook = context;

	if (hook->child) {
		hook->is_late = true;
		kill(-hook->child, SIGKILL);
		return;
	}
	attend(hook);
}

static void begin(struct hook *hook)
{
	char *text = hook->waiting[0];

	memmove(hook->waiting, hook->waiting + 1, --hook->count * sizeof(*hook->waiting));
	hook->is_late = false;
	hook->began_ns = clock_ns(CLOCK_MONOTONIC);
	pid_t child = start(hook->path, text);
	free(text);
	if (child < 0) {
		hook->dropped++;
		loop_set_timer(hook->timer, PAUSE_NS, 0);
		return;
	}
	hook->child = child;
	hook->end = loop_on_process(hook->loop, child, LOOP_IN_TURN, note_end, hook);
	loop_set_timer(hook->timer, (uint64_t)(hook->timeout_s * 1e9), 0);
	if (hook->end)
		return;
	kill(-child, SIGKILL); /* whose end would not be heard */
	note_end(hook);
}

static void attend(struct hook *hook)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), due_ns = hook->began_ns + PAUSE_NS;

	if (hook->child || !hook->count)
		return;
	if (hook->began_ns && now_ns < due_ns)
		loop_set_timer(hook->timer, due_ns - now_ns, 0);
	else
		begin(hook);
}

/* --- all of them --- */

struct hook *hook_new(struct loop *loop, const char *path, double timeout_s,
		      const struct listener *listener)
{
	struct hook *hook = calloc(1, sizeof(*hook));

	if (!hook)
		return NULL;
	*hook = (struct hook){
		.loop = loop, .path = path, .timeout_s = timeout_s, .listener = listener};
	hook->timer = loop_on_timer(loop, LOOP_IN_TURN, note_time, hook);
	if (hook->timer)
		return hook;
	free(hook);
	return NULL;
}

void hook_send(struct hook *hook, struct json_object *alert)
{
	char *text = json_take_text(alert);

	if (!text || hook->count == WAITING_MAX || strlen(text) >= ALERT_BYTES_MAX) {
		hook->dropped++;
		free(text);
		return;
	}
	hook->waiting[hook->count++] = text;
	attend(hook);
}

uint64_t hook_dropped(const struct hook *hook)
{
	return hook->dropped;
}

void hook_free(struct hook *hook)
{
	if (!hook)
		return;
	loop_drop(hook->end);
	loop_drop(hook->timer);
	if (hook->child) {
		kill(-hook->child, SIGKILL);
		process_wait(hook->child);
	}
	for (size_t i = 0; i < hook->count; i++)
		free(hook->waiting[i]);
	free(hook);
}
