/* SPDX-License-Identifier: BSD-2-Clause */
#include "asking.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/descriptors.h"
#include "../../lib/process_end.h"
#include "../../lib/signals.h"
#include "../../memory/budget.h"
#include "../../output/why.h"
#include "../inquiry.h"
#include "../patient.h"
#include "../reading.h"

enum { PIPE_FD = 3, WHOLE_FD, READ_BYTES = 65536, WHOLE_BYTES_MAX = 64 << 20 };

struct asking {
	pid_t child; /* 0: waited for */
	int fd;
	int whole_fd; /* a file in memory; -1: none is wanted */
	struct loop_source *source;
	loop_fn *done;
	void *context;
	char *text;
	size_t size;
	bool too_long;
	int status;   /* as wait(2) has it */
	double cpu_s; /* of the child and what it waited for */
};

/* --- in the child --- */

/* All of it, or nothing. */
static int write_whole(const struct answer *answer)
{
	static const struct why_output_options all;
	FILE *file = fdopen(WHOLE_FD, "w");
	int error = !file ? -errno : (why_json(answer, &all, file) | fflush(file));

	if (error && ftruncate(WHOLE_FD, 0))
		return -errno;
	return 0;
}

/* And be the first to go where there is too little. */
static uint64_t find_budget(const struct asking_options *options)
{
	uint64_t budget_bytes = budget_default();

	return options->max_memory_bytes ? options->max_memory_bytes : budget_bytes;
}

static int look(const struct asking_options *options, struct confined *confined, FILE *file)
{
	const struct objects_request request = {.containers = TOLD_CONTAINERS_MAX,
						.caches = TOLD_CACHES_MAX,
						.with_keys = options->with_keys};
	struct failure failure = {0};
	struct patient patient;

	if (patient_open(&patient, options->procfs, confined, options->pid, find_budget(options),
			 &failure))
		return told_write_failure(failure.text, file);
	patient.with_classes = true;
	struct look *look =
		patient_look(&patient, true, &failure) ? NULL : patient_report(&patient, &request);
	int error = look ? told_write_look(look, file) : told_write_failure(failure.text, file);
	look_free(look);
	patient_close(&patient);
	return error;
}

static int ask(const struct asking_options *options, struct confined *confined, struct loop *loop,
	       FILE *file)
{
	static const volatile bool never;
	const struct inquiry_options inquiry_options = {
		.pid = options->pid,
		.duration_s = options->duration_s,
		.budget_bytes = find_budget(options),
		.with_keys = options->with_keys,
		.interrupted = &never,
		.loop = loop,
	};
	struct failure failure = {0};
	struct answer *answer = NULL;
	struct inquiry *inquiry =
		inquiry_new(options->procfs, confined, &inquiry_options, &failure);

	if (inquiry && !inquiry_run(inquiry, &failure))
		answer = inquiry_answer(inquiry);
	int error = answer && options->whole ? write_whole(answer) : 0;

	if (!error)
		error = answer ? told_write(answer, file)
			       : told_write_failure(*failure.text ? failure.text : "out of memory",
						    file);
	answer_free(answer);
	inquiry_free(inquiry);
	return error;
}

static int answer_into(const struct asking_options *options, FILE *file)
{
	struct reading reading;
	struct failure failure;

	if (reading_begin(&reading, &failure))
		return told_write_failure(failure.text, file);
	int error = options->duration_s > 0 ? ask(options, reading.confined, reading.loop, file)
					    : look(options, reading.confined, file);
	reading_end(&reading);
	return error;
}

/* Nothing of the parent's is kept but its standard streams: no socket, no
 * signal that it waits for. */
static _Noreturn void run_child(const struct asking_options *options, int fd, int whole_fd,
				pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (whole_fd >= 0)
		whole_fd = fcntl(whole_fd, F_DUPFD, WHOLE_FD + 1); /* out of the pipe's way */
	if (getppid() != parent || dup2(fd, PIPE_FD) < 0 ||
	    (options->whole && dup2(whole_fd, WHOLE_FD) < 0))
		_exit(1);
	descriptors_close_from(options->whole ? WHOLE_FD + 1 : WHOLE_FD);
	fcntl(PIPE_FD, F_SETFD, FD_CLOEXEC);
	fcntl(WHOLE_FD, F_SETFD, FD_CLOEXEC);
	signals_unblock();
	FILE *file = fdopen(PIPE_FD, "w");
	int error = file ? answer_into(options, file) : -errno;
	_exit(error || fclose(file));
}

/* --- in the parent --- */

static void finish(struct asking *asking)
{
	struct rusage usage = {0};

	loop_drop(asking->source);
	asking->source = NULL;
	while (wait4(asking->child, &asking->status, 0, &usage) < 0 && errno == EINTR)
		;
	asking->child = 0;
	asking->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	asking->done(asking->context);
}

/* Its end is that of the pipe. */
static void receive(void *context)
{
	struct asking *asking = context;
	char bytes[READ_BYTES], *text;
	ssize_t got = read(asking->fd, bytes, sizeof(bytes));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		finish(asking);
		return;
	}
	asking->too_long |= asking->size + (size_t)got > TOLD_BYTES_MAX;
	text = asking->too_long ? NULL : realloc(asking->text, asking->size + (size_t)got + 1);
	if (!text)
		return;
	asking->text = text;
	memcpy(text + asking->size, bytes, (size_t)got);
	asking->size += (size_t)got;
	text[asking->size] = '\0';
}

/* What both sides need: the pipe's end that the child writes to is returned; -1 with errno. */
static int open_ends(struct asking *asking, bool whole)
{
	int ends[2];

	asking->whole_fd = whole ? memfd_create("answer", MFD_CLOEXEC) : -1;
	if ((whole && asking->whole_fd < 0) || pipe2(ends, O_CLOEXEC))
		return -1;
	asking->fd = ends[0];
	return ends[1];
}

struct asking *asking_new(struct loop *loop, const struct asking_options *options, loop_fn *done,
			  void *context)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	pid_t parent = getpid();

	if (!asking)
		return NULL;
	asking->fd = -1;
	int end = open_ends(asking, options->whole);
	asking->child = end < 0 ? -1 : fork();
	if (!asking->child)
		run_child(options, end, asking->whole_fd, parent);
	asking->done = done;
	asking->context = context;
	fcntl(asking->fd, F_SETFL, O_NONBLOCK);
	if (asking->child > 0)
		asking->source =
			loop_on_descriptor(loop, asking->fd, LOOP_IN_TURN, receive, asking);
	int error = errno;
	if (end >= 0)
		close(end);
	if (asking->source)
		return asking;
	asking_free(asking);
	errno = error;
	return NULL;
}

void asking_take(struct asking *asking, struct told *told)
{
	char text[100], why[150];

	if (!asking->size || told_read(asking->text, asking->size, told)) {
		snprintf(why, sizeof(why), "the process that asked %s",
			 asking->too_long ? "told too much"
					  : process_end_text(asking->status, text, sizeof(text)));
		*told = (struct told){.failure = strdup(why)};
	}
	told->cost_s = fmax(told->cost_s, asking->cpu_s);
}

const char *asking_text(const struct asking *asking)
{
	return asking->text;
}

char *asking_take_whole(struct asking *asking)
{
	struct stat status;

	if (asking->whole_fd < 0 || fstat(asking->whole_fd, &status) || status.st_size <= 0 ||
	    status.st_size > WHOLE_BYTES_MAX)
		return NULL;
	char *text = calloc(1, (size_t)status.st_size + 1);
	if (text && pread(asking->whole_fd, text, (size_t)status.st_size, 0) == status.st_size)
		return text;
	free(text);
	return NULL;
}

void asking_free(struct asking *asking)
{
	if (!asking)
		return;
	loop_drop(asking->source);
	if (asking->child > 0) {
		kill(asking->child, SIGKILL);
		process_wait(asking->child);
	}
	if (asking->fd >= 0)
		close(asking->fd);
	if (asking->whole_fd >= 0)
		close(asking->whole_fd);
	free(asking->text);
	free(asking);
}
