// SPDX-License-Identifier: BSD-2-Clause
/*
 * The pipeline of `unfreed record`: parse, open, check the targets, attach, wait, report, close.
 */
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../confine/confined.h"
#include "../service/footprints.h"
#include "../lib/capabilities.h"
#include "../lib/failure.h"
#include "../lib/process_end.h"
#include "../memory/budget.h"
#include "record_cost.h"
#include "record_options.h"
#include "reachability.h"
#include "../tracer/session.h"
#include "../profile/snapshot.h"
#include "../profile/snapshot_since.h"
#include "target_list.h"
#include "../probes/check.h"
#include "../probes/kernel.h"
#include "../process/spawn.h"
#include "../tracer/trial.h"
#include "../tracer/waiting.h"

#define SLOWDOWN_MAX_PERCENT 25.0
#define ESTIMATE_WINDOW_MS   200
#define ESTIMATE_LONGEST_MS  2000
#define ANNOUNCED_MAX        8

struct recording {
	struct record_options options;
	struct procfs procfs;
	struct kernel kernel;
	enum attach_kind attach;
	struct confined *confined;
	struct session *session;
	struct spawn spawn;
	struct target_list list;
	struct waiting *waiting;
	struct footprints *footprints;
	struct since *since;         /* NULL: there is one report only */
	struct target_check *checks; /* of all of these, while they are made */
	size_t check_count;
	struct record_cost cost;
	enum python_request python; /* as asked for, or what became of it */
	bool malloc_off;            /* likewise */
	bool told_stopped;
	struct failure failure;
};

static int choose_attach(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	char text[256];

	recording->attach = options->attach;
	if (options->attach == ATTACH_AUTO)
		recording->attach = kernel_best_attach(&recording->kernel);
	if (!recording->kernel.privileged)
		return failure_set(&recording->failure, STATUS_KERNEL,
				   "not allowed to load BPF programs %s",
				   capabilities_of_bpf(text, sizeof(text)));
	if (!recording->kernel.host_pids)
		return failure_set(
			&recording->failure, STATUS_KERNEL,
			"this PID namespace is not the host's: run unfreed on the host, or in a "
			"container that shares the host's PIDs");
	if (!kernel_has_attach(&recording->kernel, recording->attach))
		return failure_set(&recording->failure, STATUS_KERNEL,
				   "Linux %s has no %s probes; `unfreed doctor` lists what it has",
				   recording->kernel.release, attach_kind_name(recording->attach));
	return 0;
}

static int open_session(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	struct session_config config = {
		.attach = recording->attach,
		.follow_forks = options->follow_forks,
		.peak = options->peak,
		.malloc_off = recording->malloc_off,
		.python = recording->python,
		.native_interpreter = options->native_interpreter,
		.nops_emulated = estimate_nops_emulated(&recording->cost.traps),
		.max_blocks = options->max_blocks,
		.max_stacks = options->max_stacks,
	};

	recording->session =
		session_open(&config, &recording->procfs, recording->confined, &recording->failure);
	return recording->session ? 0 : -1;
}

static int refuse_slowdown(struct recording *recording, pid_t pid, double slowdown)
{
	return failure_set(&recording->failure, STATUS_TARGET,
			   "refused: exact recording would slow process %d by about %.0f %%, more "
			   "than %.0f %%; --exact does it all the same",
			   (int)pid, slowdown, SLOWDOWN_MAX_PERCENT);
}

/* Whether what the pools of an interpreter show is worth having without malloc's calls. */
static bool may_leave_malloc_out(const struct record_options *options)
{
	return options->malloc == MALLOC_AUTO && !options->peak &&
	       (options->python == REQUEST_AUTO || options->python == REQUEST_POOLS);
}

/* Whether the process is an interpreter is seen later, when it is attached to. */
static void leave_malloc_out(struct recording *recording)
{
	recording->malloc_off = true;
	if (recording->python == REQUEST_AUTO)
		recording->python = REQUEST_AUTO_CHEAP;
}

static int check_safety(struct recording *recording, pid_t pid)
{
	return target_check_process(&recording->procfs, &recording->kernel, pid,
				    &recording->failure);
}

static const struct target_check *find_check(const struct recording *recording, pid_t pid)
{
	for (size_t i = 0; i < recording->check_count; i++)
		if (recording->checks[i].pid == pid)
			return &recording->checks[i];
	return NULL;
}

static void tell_cost(pid_t pid, const struct estimate *estimate)
{
	char cost[ESTIMATE_COST_SIZE];

	message_info("process %d makes %.0f allocator calls per second; exact recording adds %s",
		     (int)pid, estimate->calls_per_s, estimate_cost_text(estimate, cost));
}

static int check_cost(struct recording *recording, pid_t pid)
{
	const struct target_check *check = find_check(recording, pid);
	double slowdown = check->estimate.slowdown_percent;

	if (check->failed) {
		recording->failure = check->failure;
		return -1;
	}
	record_cost_add(&recording->cost, &check->estimate);
	if (!recording->malloc_off && recording->list.count <= ANNOUNCED_MAX)
		tell_cost(pid, &check->estimate);
	if (recording->options.malloc == MALLOC_OFF || slowdown <= SLOWDOWN_MAX_PERCENT ||
	    recording->options.exact)
		return 0;
	if (!may_leave_malloc_out(&recording->options))
		return refuse_slowdown(recording, pid, slowdown);
	leave_malloc_out(recording);
	return 0;
}

static int for_each_process(struct recording *recording,
			    int (*act)(struct recording *recording, pid_t pid));

/* All are watched at once: of many workers each would else wait for its turn. */
static int check_targets(struct recording *recording)
{
	struct check_request request = {
		.procfs = &recording->procfs,
		.confined = recording->confined,
		.kind = recording->attach,
		.everyone = recording->options.follow_forks, /* as the recording's own probes */
		.window = {ESTIMATE_WINDOW_MS, ESTIMATE_LONGEST_MS},
	};
	int error;

	if (recording->options.exact) /* nothing hangs on it */
		request.window.most_ms = request.window.least_ms;
	if (for_each_process(recording, check_safety))
		return -1;
	recording->checks = calloc(recording->list.count + 1, sizeof(*recording->checks));
	if (!recording->checks)
		return failure_set(&recording->failure, STATUS_FAILURE, "out of memory");
	recording->check_count = recording->list.count;
	for (size_t i = 0; i < recording->check_count; i++)
		recording->checks[i].pid = recording->list.pids[i];
	error = target_checks_make(recording->checks, recording->check_count, &request,
				   &recording->failure);
	if (!error)
		error = for_each_process(recording, check_cost);
	if (!error && !recording->malloc_off && recording->list.count > ANNOUNCED_MAX)
		message_info("%zu processes make %.0f allocator calls per second; exact recording "
			     "slows none of them by more than %.*f %%",
			     recording->list.count, recording->cost.calls_per_s,
			     recording->cost.slowdown_percent < 10 ? 1 : 0,
			     recording->cost.slowdown_percent);
	target_checks_release(recording->checks, recording->check_count);
	free(recording->checks);
	recording->checks = NULL;
	return error;
}

static int attach_running(struct recording *recording);

/* Starts again without exact recording of the interpreter's blocks. */
static int attach_cheaply(struct recording *recording)
{
	session_close(recording->session);
	recording->session = NULL;
	recording->python = REQUEST_AUTO_CHEAP;
	return open_session(recording) ? -1 : attach_running(recording);
}

/* What recording each block of an interpreter costs is seen only now. */
static int check_python_cost(struct recording *recording)
{
	enum site_kind costliest;
	struct trial trial;

	if (!session_exact_python(recording->session, &costliest))
		return 0;
	record_cost_of_python(&recording->cost, costliest);
	if (recording->options.exact)
		return 0;
	trial_run(&trial, &recording->procfs, recording->session, recording->list.pids,
		  recording->list.count, recording->cost.call.cost_ns);
	if (trial.slowdown_percent <= SLOWDOWN_MAX_PERCENT)
		return 0;
	message_info("with the allocator of CPython it is %.0f calls per second, and exact "
		     "recording slows it by about %.0f %%%s",
		     trial.calls_per_s, trial.slowdown_percent,
		     recording->python == REQUEST_AUTO
			     ? ": its objects are recorded in a cheaper way"
			     : "");
	if (recording->python == REQUEST_AUTO)
		return attach_cheaply(recording);
	return failure_set(
		&recording->failure, STATUS_TARGET,
		"refused: that is more than %.0f %%; --python pools is near-free, but tells "
		"who took a pool, not who fills it: `unfreed why` does that; "
		"--exact records each block all the same",
		SLOWDOWN_MAX_PERCENT);
}

/* Without malloc's calls a process is recorded for its objects. */
static int check_objects(struct recording *recording, pid_t pid)
{
	if (!recording->malloc_off || session_sees_objects(recording->session, pid))
		return 0;
	if (recording->options.malloc != MALLOC_OFF)
		return refuse_slowdown(recording, pid, recording->cost.slowdown_percent);
	return failure_set(&recording->failure, STATUS_TARGET,
			   "process %d is no CPython whose objects can be seen: with --malloc off "
			   "nothing of it would be recorded",
			   (int)pid);
}

static int attach_one(struct recording *recording, pid_t pid)
{
	if (target_check_exists(&recording->procfs, pid, &recording->failure) ||
	    session_add_process(recording->session, pid, &recording->failure) ||
	    session_attach(recording->session, pid, &recording->failure) < 0)
		return -1;
	return check_objects(recording, pid);
}

/*
 * Does something to all processes. One that was not asked for by its number is left out where that
 * fails; then, and where all is well, returns 0.
 */
static int for_each_process(struct recording *recording,
			    int (*act)(struct recording *recording, pid_t pid))
{
	size_t kept = 0;

	for (size_t i = 0; i < recording->list.count; i++) {
		pid_t pid = recording->list.pids[i];

		recording->list.pids[kept] = pid;
		if (!act(recording, pid)) {
			kept++;
			continue;
		}
		if (i < recording->list.needed)
			return -1;
		message_info("process %d is not traced: %s", (int)pid, recording->failure.text);
	}
	recording->list.count = kept;
	return kept || recording->options.target.command ? 0 : -1;
}

/* Opens the ledger, right after a look at what the memory is by now. */
static void begin(struct recording *recording, const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		footprints_begin(recording->footprints, pids[i]);
	session_start(recording->session);
}

static int attach_running(struct recording *recording)
{
	if (for_each_process(recording, attach_one))
		return -1;
	if (recording->malloc_off && recording->options.malloc != MALLOC_OFF)
		message_info("that is more than %.0f %%: malloc's calls are left out, and what is "
			     "recorded is what Python's pools show; --exact records all",
			     SLOWDOWN_MAX_PERCENT);
	if (recording->malloc_off && recording->options.reachability)
		message_info("without malloc's calls --reachability has nothing to judge");
	begin(recording, recording->list.pids, recording->list.count);
	return check_python_cost(recording);
}

/* The command's image is there, stopped: trace it before any of its code runs. */
static int command_mapped(void *context, pid_t pid, struct failure *failure)
{
	struct recording *recording = context;

	if (!session_alive(recording->session)) {
		if (session_add_process(recording->session, pid, failure))
			return -1;
		begin(recording, &pid, 1);
	}
	return session_attach(recording->session, pid, failure) < 0 ? -1 : 0;
}

static int start_command(struct recording *recording)
{
	if (spawn_prepare(&recording->spawn, recording->options.target.command,
			  &recording->failure))
		return -1;
	return spawn_run(&recording->spawn, &recording->procfs, command_mapped, recording,
			 &recording->failure);
}

static void announce(const struct recording *recording)
{
	bool command = recording->options.target.command;

	for (size_t i = 0; i < (command ? 1 : recording->list.count); i++) {
		if (i == ANNOUNCED_MAX && i + 1 < recording->list.count) {
			message_info("and %zu more", recording->list.count - i);
			break;
		}
		pid_t pid = command ? recording->spawn.pid : recording->list.pids[i];
		struct process_status status = {.comm = "?"};

		procfs_read_status(&recording->procfs, pid, &status);
		message_info("tracing %d (%s)", (int)pid, status.comm);
	}
}

static void fill_overhead(const struct recording *recording, struct snapshot *snapshot)
{
	struct usage used;
	bool known = footprints_used(recording->footprints, &used);

	record_cost_fill(&recording->cost, (double)session_duration_ns(recording->session) / 1e9,
			 (double)session_calls(recording->session), known ? &used : NULL, snapshot);
}

/* Command lines hold passwords; the name of the command does not. */
static void leave_out_arguments(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (snapshot->targets[i].cmdline_count > 1)
			snapshot->targets[i].cmdline_count = 1;
}

/* NULL where nobody asked. */
static struct judged_blocks *judge_blocks(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	struct reachability_request request = {
		.procfs = &recording->procfs,
		.confined = recording->confined,
		.session = recording->session,
		.budget_bytes = options->max_memory_bytes,
		.freeze = options->freeze,
	};

	if (!options->reachability || recording->malloc_off)
		return NULL;
	if (!request.budget_bytes)
		request.budget_bytes = budget_default();
	struct judged_blocks *judged = reachability_find(&request);

	if (!judged)
		message_error("no memory to tell which blocks are lost");
	return judged;
}

/* What is lost is looked for while the targets are traced: by the end they may be gone. */
static int report(struct recording *recording, bool last)
{
	struct judged_blocks *judged = judge_blocks(recording);
	struct snapshot *snapshot;
	int status;

	if (last)
		session_stop(recording->session);
	footprints_measure(recording->footprints, last);
	snapshot = session_snapshot(recording->session, recording->options.older_than_ns, judged);
	reachability_free(judged);
	if (!snapshot) {
		message_error("cannot read what was recorded: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	if (!recording->options.with_arguments)
		leave_out_arguments(snapshot);
	footprints_fill(recording->footprints, snapshot);
	fill_overhead(recording, snapshot);
	if (recording->since)
		since_fill(recording->since, snapshot);
	status = output_write_all(&recording->options.outputs, snapshot);
	snapshot_free(snapshot);
	return status;
}

/* Of the targets; a command's end is told when all is over. */
static void tell_ends(const struct recording *recording)
{
	char text[100];
	pid_t pid;
	int status;

	while (session_next_end(recording->session, &pid, &status))
		if (!recording->options.target.command)
			message_info("process %d %s", (int)pid,
				     process_end_text(status, text, sizeof(text)));
}

static void tell_stopped(struct recording *recording)
{
	char text[256];

	for (size_t i = 0; i < recording->list.count && !recording->told_stopped; i++) {
		recording->told_stopped = target_is_stopped(
			&recording->procfs, recording->list.pids[i], text, sizeof(text));
		if (recording->told_stopped)
			message_info("%s", text);
	}
}

static int trace(struct recording *recording)
{
	int worst = STATUS_OK, status;
	bool last;

	do {
		last = waiting_next(recording->waiting, recording->session) != WAIT_INTERVAL;
		tell_ends(recording);
		tell_stopped(recording);
		status = report(recording, last);
		worst = status > worst ? status : worst;
	} while (!last);
	return worst;
}

static int prepare(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	struct target_choice *target = &recording->options.target;

	recording->confined = confined_new();
	if (!recording->confined)
		return failure_set(&recording->failure, STATUS_FAILURE,
				   "cannot start a process to read files in: %s", strerror(errno));
	kernel_probe(&recording->kernel);
	if (target_choice_resolve(target, &recording->procfs, &recording->failure))
		return -1;
	for (size_t i = 0; i < target->pid_count && !target->selection.name; i++)
		if (target_check_exists(&recording->procfs, target->pids[i], &recording->failure))
			return -1;
	if (choose_attach(recording))
		return -1;
	if (target_list_fill(&recording->list, &recording->procfs, target, options->follow_forks,
			     &recording->failure) ||
	    check_targets(recording))
		return -1;
	if (options->target.command && options->python != REQUEST_OFF &&
	    estimate_trap_costs(recording->attach, &recording->cost.traps, &recording->failure))
		return -1;
	recording->footprints = footprints_new(&recording->procfs, recording->confined);
	recording->since = options->interval_ns ? since_new() : NULL;
	if (!recording->footprints || (options->interval_ns && !recording->since))
		return failure_set(&recording->failure, STATUS_FAILURE, "out of memory");
	recording->waiting = waiting_new(options->duration_ns, options->interval_ns);
	if (!recording->waiting)
		return failure_set(&recording->failure, STATUS_FAILURE, "cannot set timers: %s",
				   strerror(errno));
	return open_session(recording);
}

static void recording_release(struct recording *recording)
{
	session_close(recording->session);
	waiting_free(recording->waiting);
	footprints_free(recording->footprints);
	since_free(recording->since);
	spawn_release(&recording->spawn);
	confined_free(recording->confined);
	target_list_release(&recording->list);
	record_options_release(&recording->options);
}

/* How the command ended, if it has: where it was seen to end, it can be waited for. */
static void tell_command(const struct recording *recording)
{
	const struct spawn *spawn = &recording->spawn;
	char text[100];
	int status;

	if (waitpid(spawn->pid, &status, session_alive(recording->session) ? WNOHANG : 0) ==
	    spawn->pid)
		message_info("%s %s", spawn->command, process_end_text(status, text, sizeof(text)));
	else
		message_info("%s runs on, as process %d", spawn->command, (int)spawn->pid);
}

static int run(struct recording *recording)
{
	const bool command = recording->options.target.command;
	int status = prepare(recording);

	if (!status)
		status = command ? start_command(recording) : attach_running(recording);
	if (status) {
		message_error("%s", recording->failure.text);
		return recording->failure.status;
	}
	if (recording->options.interval_ns)
		output_tell_overwritten(&recording->options.outputs);
	announce(recording);
	tell_stopped(recording);
	status = trace(recording);
	if (command)
		tell_command(recording);
	return status;
}

int record_main(int argc, char **argv)
{
	struct recording recording = {.procfs = {.root = "/proc"}};
	int status = STATUS_FAILURE;

	record_options_parse(argc, argv, &recording.options);
	recording.options.outputs.fresh = true;
	recording.python = recording.options.python;
	recording.malloc_off = recording.options.malloc == MALLOC_OFF;
	if (output_check_all(&recording.options.outputs))
		status = run(&recording);
	recording_release(&recording);
	return status;
}
