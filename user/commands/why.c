/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed why`: parse, ask for as long as it takes, write one answer. */
#include "why.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../lib/message.h"
#include "../lib/path.h"
#include "../lib/process_end.h"
#include "../lib/signals.h"
#include "../output/file.h"
#include "../output/why.h"
#include "../output/why_label.h"
#include "../service/inquiry.h"
#include "../service/survey.h"
#include "tell.h"
#include "why_options.h"

enum { END_TRIES = 500, END_TRY_US = 10000 };

static volatile bool interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = true;
}

struct writing {
	const struct answer *answer;
	why_output_fn *print;
	struct why_output_options options;
};

static int print_answer(const void *context, FILE *file)
{
	const struct writing *writing = context;

	return writing->print(writing->answer, &writing->options, file);
}

/* Returns 0 or a negative errno. */
static int write_to(const struct answer *answer, const char *path, long top)
{
	struct writing writing = {answer, why_text, {.top = (size_t)top}};

	if (path_ends_in(path, ".json"))
		writing.print = why_json;
	else if (path_ends_in(path, ".html"))
		writing.print = why_html;
	return file_write(path, print_answer, &writing);
}

static enum exit_status write_answer(const struct answer *answer, const char *path, long top)
{
	int error = write_to(answer, path, top);

	if (!error)
		return STATUS_OK;
	message_error("cannot write %s: %s", path, strerror(-error));
	return STATUS_FAILURE;
}

static void write_somewhere(const struct answer *answer, long top)
{
	const struct writing writing = {answer, why_text, {.top = (size_t)top}};
	int error = file_write_somewhere(print_answer, &writing);

	if (error)
		message_error("cannot write to stdout: %s", strerror(-error));
}

/* The answer is kept, to be compared with a later one: in the file that -o names, else here. */
static const char *choose_saved(const struct why_options *why, pid_t pid, char *name, size_t size)
{
	time_t now = time(NULL);
	char at[32];
	struct tm local;

	for (size_t i = 0; i < why->output_count; i++)
		if (path_ends_in(why->outputs[i], ".json"))
			return NULL;
	localtime_r(&now, &local);
	strftime(at, sizeof(at), "%m%d-%H%M%S", &local);
	snprintf(name, size, "why-%d-%s.json", (int)pid, at);
	return name;
}

static enum exit_status save(const struct why_options *why, struct answer *answer, const char *path)
{
	int error = write_to(answer, path, why->top);

	if (error) {
		message_error("cannot save the answer as %s: %s; -o FILE.json saves it elsewhere",
			      path, strerror(-error));
		return STATUS_FAILURE;
	}
	answer->saved_as = path;
	return STATUS_OK;
}

/* How it grows, for whoever looks at the terminal alone. */
static void tell_written(const char *path, const struct answer *answer)
{
	char *growth = NULL;
	size_t size;
	FILE *file = open_memstream(&growth, &size);

	if (!file)
		return;
	why_print_growth(file, answer);
	fclose(file);
	message_info("wrote %s: %s", path, growth ? growth : "");
	free(growth);
}

static enum exit_status write_all(const struct why_options *why, struct answer *answer)
{
	enum exit_status status = STATUS_OK;
	char name[64];
	const char *saved = choose_saved(why, answer->pid, name, sizeof(name));
	size_t written = 0;

	if (saved)
		status = save(why, answer, saved);
	for (size_t i = 0; i < why->output_count; i++) {
		if (write_answer(answer, why->outputs[i], why->top)) {
			status = STATUS_FAILURE;
			continue;
		}
		written++;
		if (strcmp(why->outputs[i], "-"))
			tell_written(why->outputs[i], answer);
		if (path_ends_in(why->outputs[i], ".json"))
			answer->saved_as = why->outputs[i];
	}
	if (!written && why->output_count)
		write_somewhere(answer, why->top);
	else if (!written && write_answer(answer, "-", why->top))
		status = STATUS_FAILURE;
	return status;
}

static bool grows_too_fast(const struct why_options *why, const struct answer *answer)
{
	double sure = answer->growth_known ? answer->growth.low : answer->resident_growth.low;

	return why->fail_above_bytes >= 0 && sure > why->fail_above_bytes;
}

static enum exit_status ask(const struct why_options *why, const struct procfs *procfs,
			    struct confined *confined, pid_t pid)
{
	const struct inquiry_options inquiry_options = {
		.pid = pid,
		.duration_s = why->duration_s,
		.budget_bytes = look_options_budget(&why->look),
		.with_keys = why->look.with_keys,
		.interrupted = &interrupted,
		.loop = why->reading.loop,
		.listener = &people,
	};
	enum exit_status status = STATUS_FAILURE;
	struct failure failure = {0};
	struct answer *answer = NULL;
	bool stopped = false;
	struct inquiry *inquiry = inquiry_new(procfs, confined, &inquiry_options, &failure);

	if (inquiry) {
		message_info("asking process %d for %g s", (int)pid, why->duration_s);
		stopped = survey_tell_stopped(procfs, pid, &people);
		if (!inquiry_run(inquiry, &failure))
			answer = inquiry_answer(inquiry);
	}
	if (answer) {
		if (stopped && !answer->lacks)
			answer->lacks = "it was stopped, by a signal or a debugger: what does not "
					"run does not grow";
		status = write_all(why, answer);
		if (!status && grows_too_fast(why, answer)) {
			message_error("it grows faster than --fail-above allows");
			status = STATUS_FAILURE;
		}
	} else {
		message_error("%s", *failure.text ? failure.text : "out of memory");
		status = failure.status ? failure.status : STATUS_FAILURE;
	}
	answer_free(answer);
	inquiry_free(inquiry);
	return status;
}

/* Returns the child's PID once it runs the command, or a negative errno. */
static pid_t start(char *const *command)
{
	int ends[2], error = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		signals_restore();
		execvp(command[0], command);
		error = errno;
		if (write(ends[1], &error, sizeof(error)) < 0)
			_exit(126);
		_exit(127);
	}
	if (pid < 0)
		pid = -errno;
	close(ends[1]);
	if (pid > 0 && read(ends[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(pid, NULL, 0);
		pid = -error;
	}
	close(ends[0]);
	return pid;
}

/* Ends it where it still runs, at last by force: it must not outlive a test. */
static void end_command(const char *name, pid_t pid)
{
	char text[100];
	int status = 0;

	if (waitpid(pid, &status, WNOHANG) == pid) {
		message_info("%s %s", name, process_end_text(status, text, sizeof(text)));
		return;
	}
	kill(pid, SIGTERM);
	for (int i = 0; i < END_TRIES; i++) {
		if (waitpid(pid, NULL, WNOHANG))
			return;
		usleep(END_TRY_US);
	}
	message_info("%s does not end by itself: killed", name);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Starts the command, asks about it, and ends it where it still runs. */
static enum exit_status ask_command(const struct why_options *why, const struct procfs *procfs,
				    struct confined *confined)
{
	char *const *command = why->target.command;
	pid_t pid = start(command);

	if (pid < 0) {
		message_error("cannot run %s: %s", command[0], strerror(-(int)pid));
		return STATUS_TARGET;
	}
	enum exit_status status = ask(why, procfs, confined, pid);
	end_command(command[0], pid);
	return status;
}

static enum exit_status ask_target(struct why_options *why, struct confined *confined)
{
	const struct procfs procfs = {.root = "/proc"};
	struct failure failure;

	if (why->target.command)
		return ask_command(why, &procfs, confined);
	if (target_choice_resolve(&why->target, &procfs, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	return ask(why, &procfs, confined, target_choice_pid(&why->target));
}

static enum exit_status run(struct why_options *why)
{
	for (size_t i = 0; i < why->output_count; i++) {
		int error = file_check(why->outputs[i]);

		if (!error)
			continue;
		message_error("cannot write %s: %s", why->outputs[i], strerror(-error));
		return STATUS_FAILURE;
	}
	signals_handle_end(interrupt);
	struct failure failure;
	if (reading_begin(&why->reading, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	enum exit_status status = ask_target(why, why->reading.confined);
	reading_end(&why->reading);
	return status;
}

int why_main(int argc, char **argv)
{
	struct why_options why;
	enum exit_status status = STATUS_USAGE;

	if (!why_options_parse(argc, argv, &why))
		status = run(&why);
	target_choice_release(&why.target);
	return status;
}
