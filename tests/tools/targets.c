/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tracer that does as it is told: a command a line on stdin, an answer of one line of JSON to
 * each. For tests of targets that come and go, which no command of unfreed makes by itself.
 *
 *   targets [--follow] [--attach session|multi|perf] [--max-stacks N] [--max-blocks N]
 *
 *   add PID, start, drain, pause PID, resume PID, remove PID
 *   gone            removes all that are gone
 *   list            the targets
 *   claim PID       what may be said of its blocks
 *   blocks PID      those that are certain: [[address, bytes]]
 *   report          sums of a snapshot
 *   usage           what the tracer itself takes
 *
 * PID means the newest target of that number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/tell.h"
#include "confine/confined.h"
#include "lib/message.h"
#include "probes/kernel.h"
#include "tracer/tracer.h"
#include "../unit/count_descriptors.h"
#include "map_entries.h"

static size_t resident_kb(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	size_t kb = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Anonymous: %zu", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

static pid_t keeper_pid(void)
{
	char path[64], comm[32];
	int pid, found = 0;
	FILE *children, *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children = fopen(path, "re");
	while (children && !found && fscanf(children, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		file = fopen(path, "re");
		if (file && fgets(comm, sizeof(comm), file) && !strncmp(comm, "probe-keeper", 12))
			found = pid;
		if (file)
			fclose(file);
	}
	if (children)
		fclose(children);
	return found;
}

/* Of this process's hash maps, by name: its libbpf has no way to ask it for them. */
static void print_map_entries(void)
{
	for (int fd = 0; fd < 256; fd++) {
		struct bpf_map_info info;

		if (map_is_hash(fd, &info))
			printf(", \"%s\": %zu", info.name, map_count_entries(fd, info.key_size));
	}
}

static void print_usage(const struct tracer *tracer)
{
	struct tracer_usage usage;

	tracer_usage(tracer, &usage);
	printf("{\"anonymous_kb\": %zu, \"descriptors\": %zu, \"links\": %zu, \"spaces\": %zu, "
	       "\"stacks\": %zu, \"files\": %zu",
	       resident_kb(), count_descriptors(getpid()), count_descriptors(keeper_pid()),
	       usage.spaces, usage.stacks, usage.files);
	print_map_entries();
	printf("}\n");
}

static void print_result(int error)
{
	printf("{\"error\": \"%s\"}\n", error ? strerror(-error) : "");
}

static void add(struct tracer *tracer, pid_t pid)
{
	struct failure failure = {.text = ""};

	if (!tracer_add_process(tracer, pid, &failure))
		tracer_attach(tracer, pid, &failure);
	printf("{\"error\": \"%s\"}\n", failure.text);
}

static void remove_gone(struct tracer *tracer)
{
	struct tracer_target target = {.id = 0};
	int error = 0;

	while (!error && tracer_next_target(tracer, target.id, &target))
		if (target.state == TARGET_GONE)
			error = tracer_remove(tracer, target.id);
	print_result(error);
}

static void print_targets(const struct tracer *tracer)
{
	struct tracer_target target = {.id = 0};
	const char *separator = "";

	printf("[");
	while (tracer_next_target(tracer, target.id, &target)) {
		printf("%s{\"id\": %u, \"pid\": %d, \"state\": \"%s\", \"space\": %u, "
		       "\"window\": %u}",
		       separator, target.id, (int)target.pid, target_state_name(target.state),
		       target.space, target.window);
		separator = ", ";
	}
	printf("]\n");
}

static void print_claim(const struct tracer *tracer, uint32_t id)
{
	struct tracer_claim claim;

	tracer_claim(tracer, id, &claim);
	printf("{\"certain_blocks\": %zu, \"certain_bytes\": %zu, \"unconfirmed_blocks\": %zu, "
	       "\"unconfirmed_bytes\": %zu, \"alloc_blocks\": %zu, \"free_blocks\": %zu, "
	       "\"unknown_frees\": %zu}\n",
	       claim.certain.blocks, claim.certain.bytes, claim.unconfirmed.blocks,
	       claim.unconfirmed.bytes, claim.alloc_blocks, claim.free_blocks, claim.unknown_frees);
}

struct printing {
	struct tracer_target target;
	bool any;
};

static void print_block(void *context, uint64_t key, const struct block *block)
{
	struct printing *printing = context;

	if (BLOCK_KEY_SPACE(key) != SPACE_NUMBER(printing->target.space) ||
	    block->window != printing->target.window)
		return;
	printf("%s[%llu, %llu]", printing->any ? ", " : "", BLOCK_KEY_ADDRESS(key),
	       (unsigned long long)block->size);
	printing->any = true;
}

static void print_blocks(const struct tracer *tracer, uint32_t id)
{
	struct printing printing = {0};

	printf("[");
	if (id && tracer_next_target(tracer, id - 1, &printing.target))
		tracer_each_block(tracer, print_block, &printing);
	printf("]\n");
}

static void print_report(struct tracer *tracer)
{
	struct snapshot *snapshot = tracer_snapshot(tracer, 0, NULL, NULL, NULL);
	const char *separator = "";
	uint64_t live = 0;

	if (!snapshot) {
		print_result(-errno);
		return;
	}
	for (size_t i = 0; i < snapshot->stack_count; i++)
		live += snapshot->stacks[i].live_blocks;
	printf("{\"targets\": %zu, \"stacks\": %zu, \"live_blocks\": %zu, \"live_in_stacks\": %zu, "
	       "\"losses\": {",
	       snapshot->target_count, snapshot->stack_count, snapshot->totals.live_blocks, live);
	for (size_t i = 0; i < LOSS_COUNT; i++) {
		if (!snapshot->losses[i])
			continue;
		printf("%s\"%s\": %zu", separator, loss_name((enum loss)i), snapshot->losses[i]);
		separator = ", ";
	}
	printf("}}\n");
	snapshot_free(snapshot);
}

static void obey(struct tracer *tracer, const char *command, pid_t pid)
{
	uint32_t id = tracer_target(tracer, pid);

	do
		tracer_drain(tracer);
	while (tracer_is_behind(tracer));
	if (!strcmp(command, "add"))
		add(tracer, pid);
	else if (!strcmp(command, "pause"))
		print_result(tracer_pause(tracer, id));
	else if (!strcmp(command, "resume"))
		print_result(tracer_resume(tracer, id));
	else if (!strcmp(command, "remove"))
		print_result(tracer_remove(tracer, id));
	else if (!strcmp(command, "gone"))
		remove_gone(tracer);
	else if (!strcmp(command, "list"))
		print_targets(tracer);
	else if (!strcmp(command, "claim"))
		print_claim(tracer, id);
	else if (!strcmp(command, "blocks"))
		print_blocks(tracer, id);
	else if (!strcmp(command, "report"))
		print_report(tracer);
	else if (!strcmp(command, "usage"))
		print_usage(tracer);
	else
		print_result(0);
	if (!strcmp(command, "start"))
		tracer_start(tracer);
}

static enum attach_kind kind_of(const char *name)
{
	for (enum attach_kind kind = ATTACH_SESSION; kind <= ATTACH_PERF; kind++)
		if (!strcmp(attach_kind_name(kind), name))
			return kind;
	return ATTACH_AUTO;
}

static void parse(int argc, char **argv, struct tracer_config *config)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--follow"))
			config->follow_forks = true;
		else if (!strcmp(argv[i], "--attach") && ++i < argc)
			config->attach = kind_of(argv[i]);
		else if (!strcmp(argv[i], "--max-stacks") && ++i < argc)
			config->max_stacks = (uint32_t)atoi(argv[i]);
		else if (!strcmp(argv[i], "--max-blocks") && ++i < argc)
			config->max_blocks = (uint32_t)atoi(argv[i]);
	}
}

int main(int argc, char **argv)
{
	struct tracer_config config = {
		.max_blocks = 1 << 18, .max_stacks = 4096, .listener = &people};
	const struct procfs procfs = {.root = "/proc"};
	struct confined *confined = confined_new();
	struct failure failure = {.text = ""};
	struct tracer *tracer;
	struct kernel kernel;
	char line[128], command[16];
	int pid;

	parse(argc, argv, &config);
	kernel_probe(&kernel);
	if (config.attach == ATTACH_AUTO)
		config.attach = kernel_best_attach(&kernel);
	tracer = confined ? tracer_open(&config, &procfs, confined, &failure) : NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("{\"error\": \"%s\"}\n", tracer ? "" : failure.text);
	while (tracer && fgets(line, sizeof(line), stdin)) {
		pid = 0;
		if (sscanf(line, "%15s %d", command, &pid) >= 1)
			obey(tracer, command, pid);
	}
	tracer_close(tracer);
	confined_free(confined);
	return !tracer;
}
