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
#include "../service/survey.h"
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
#include "../evidence/sources.h"
#include "../plan/plan.h"
#include "../probes/check.h"
#include "../process/spawn.h"
#include "../tracer/trial.h"
#include "../tracer/waiting.h"

#define ESTIMATE_WINDOW_MS  200
#define ESTIMATE_LONGEST_MS 2000
#define ANNOUNCED_MAX       8

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
	struct cost known;
	struct plan plan; /* as that has it */
	bool told_stopped;
	struct failure failure;
};

static int open_session(struct recording *recording)
{
	const struct record_options *options = &recording->options;
	struct session_config config = {
		.attach = recording->attach,
		.follow_forks = options->follow_forks,
		.peak = options->how.peak,
		.malloc_off = !recording->plan.malloc,
		.python = recording->plan.python,
		.native_interpreter = options->native_interpreter,
		.max_blocks = options->max_blocks,
		.max_stacks = options->max_stacks,
	};

	recording->session =
		session_open(&config, &recording->procfs, recording->confined, &recording->failure);
	return recording->session ? 0 : -1;
}

static void make_plan(struct recording *recording)
{
	recording->known.nops_emulated = estimate_nops_emulated(&recording->cost.traps);
	plan_make(&recording->plan, &evidence_sources, &recording->options.how, &recording->known);
}

static void tell_reason(enum reason reason, const struct reason_words *words)
{
	char text[REASON_SIZE];

	if (reason != REASON_NONE)
		message_info("%s", reason_write(reason, words, text, sizeof(text)));
}

static int check_safety(struct recording *recording, pid_t pid)
{
	return survey_process(&recording->procfs, &recording->kernel, pid, &recording->failure);
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

/* Whether malloc's calls are going to be recorded, by what is known so far. */
static bool wants_malloc(const struct recording *recording)
{
	return recording->options.how.malloc != MALLOC_OFF && !recording->known.malloc_is_dear;
}

static int check_cost(struct recording *recording, pid_t pid)
{
	const struct target_check *check = find_check(recording, pid);
	const struct reason_words words = {.pid = (int)pid,
					   .percent = check->estimate.slowdown_percent};
	struct ruling ruling;

	if (check->failed) {
		recording->failure = check->failure;
		return -1;
	}
	record_cost_add(&recording->cost, &check->estimate);
	if (wants_malloc(recording) && recording->list.count <= ANNOUNCED_MAX)
		tell_cost(pid, &check->estimate);
	ruling = plan_malloc(&recording->options.how, words.percent);
	recording->known.malloc_is_dear |= ruling.dear;
	return reason_fail(ruling.refusal, &words, &recording->failure);
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

	if (recording->options.how.exact) /* nothing hangs on it */
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
	if (!error && wants_malloc(recording) && recording->list.count > ANNOUNCED_MAX)
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

/*
 * What recording each block of an interpreter costs is seen only now. *again: it is to be recorded in
 * a cheaper way, from the beginning.
 */
static int check_python_cost(struct recording *recording, bool *again)
{
	enum site_kind costliest;
	struct trial trial;
	struct ruling ruling;

	*again = false;
	if (!session_exact_python(recording->session, &costliest))
		return 0;
	record_cost_of_python(&recording->cost, costliest);
	if (recording->options.how.exact)
		return 0;
	trial_run(&trial, &recording->procfs, recording->session, recording->list.pids,
		  recording->list.count, recording->cost.call.cost_ns);
	const struct reason_words words = {.calls_per_s = trial.calls_per_s,
					   .percent = trial.slowdown_percent};

	ruling = plan_objects(&recording->options.how, trial.slowdown_percent);
	tell_reason(ruling.note, &words);
	recording->known.objects_are_dear |= ruling.dear;
	*again = ruling.dear;
	return reason_fail(ruling.refusal, &words, &recording->failure);
}

/* Without malloc's calls a process is recorded for its objects. */
static int check_objects(struct recording *recording, pid_t pid)
{
	const struct reason_words words = {.pid = (int)pid,
					   .percent = recording->cost.slowdown_percent};

	return reason_fail(plan_seen(&recording->plan, &recording->options.how,
				     session_sees_objects(recording->session, pid)),
			   &words, &recording->failure);
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

static int attach_all(struct recording *recording)
{
	if (for_each_process(recording, attach_one))
		return -1;
	for (int i = 0; i < PLAN_NOTES_MAX; i++)
		tell_reason(recording->plan.notes[i], NULL);
	begin(recording, recording->list.pids, recording->list.count);
	return 0;
}

/* Tried until what it costs is no news any more: once, or twice. */
static int attach_running(struct recording *recording)
{
	bool again;

	do {
		session_close(recording->session);
		recording->session = NULL;
		make_plan(recording);
		if (open_session(recording) || attach_all(recording) ||
		    check_python_cost(recording, &again))
			return -1;
	} while (again);
	return 0;
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
	make_plan(recording);
	if (open_session(recording) ||
	    spawn_prepare(&recording->spawn, recording->options.target.command,
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
		.freeze = options->how.freeze,
	};

	if (!options->how.reachability || !recording->plan.malloc)
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
	if (survey_kernel(&recording->kernel, &options->how, &recording->attach,
			  &recording->failure))
		return -1;
	if (target_list_fill(&recording->list, &recording->procfs, target, options->follow_forks,
			     &recording->failure) ||
	    check_targets(recording))
		return -1;
	if (options->target.command && options->how.python != PYTHON_OFF &&
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
	return 0;
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
	if (output_check_all(&recording.options.outputs))
		status = run(&recording);
	recording_release(&recording);
	return status;
}
