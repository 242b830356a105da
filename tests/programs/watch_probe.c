/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches words of a live process and prints, as one line of JSON, who wrote to them:
 *   watch_probe [--native] [--follow-forks] [--growths N] [--hits N] PID SECONDS
 * ADDRESS:KIND[:BYTES]… KIND: length, slot, refcount. Says `ready` once it watches; the end of the
 * input ends it too. With --while-reading it polls nothing: it waits for a file to be read, which
 * takes until all words are let go.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <json-c/json.h>

#include "evidence/watch.h"
#include "evidence/watch_trial.h"
#include "symbolize/variable.h"

static const struct procfs procfs = {"/proc"};
static bool while_reading;
static const char *const end_names[] = {"on", "growths", "hits", "cost", "stopped", "gone"};

static bool find_word(pid_t pid, struct confined *confined, const char *name,
		      struct watch_word *word)
{
	struct variable variable = {0};
	struct mappings mappings;
	char *end;

	word->address = strtoull(name, &end, 0);
	if (!*end)
		return true;
	int error = mappings_read(&procfs, pid, &mappings);
	if (!error)
		error = variable_find(&procfs, confined, pid, &mappings, name, &variable);
	mappings_release(&mappings);
	if (error)
		printf("failed %s: %s\n", name, strerror(-error));
	word->address = variable.address;
	word->bytes = (uint32_t)variable.bytes;
	return !error;
}

static bool parse_word(pid_t pid, struct confined *confined, const char *text,
		       struct watch_word *word)
{
	static const char *const kinds[] = {"length", "slot", "refcount"};
	char kind[16], name[64];

	*word = (struct watch_word){0};
	if (sscanf(text, "%63[^:]:%15[a-z]:%u", name, kind, &word->bytes) < 2 ||
	    !find_word(pid, confined, name, word))
		return false;
	for (int i = 0; i < 3; i++) {
		word->kind = i;
		if (!strcmp(kind, kinds[i]))
			return true;
	}
	return false;
}

static void print_text(const char *key, const char *text)
{
	json_object *string = text ? json_object_new_string(text) : NULL;

	printf("\"%s\":%s", key, json_object_to_json_string(string));
	json_object_put(string);
}

static void print_frames(const struct watch_writer *writer)
{
	for (size_t i = 0; i < writer->frame_count; i++) {
		const struct watch_frame *frame = &writer->frames[i];

		printf("%s{", i ? "," : "");
		print_text("function", frame->function);
		putchar(',');
		print_text("file", frame->file);
		printf(",\"line\":%u,\"native\":%s,\"own\":%s}", frame->line,
		       frame->native ? "true" : "false", frame->own ? "true" : "false");
	}
}

static void print_writer(const struct watch_writer *writer)
{
	static const char *const changes[] = {"grew", "shrank", "same", "replaced"};

	printf("{\"change\":\"%s\",\"count\":%llu,\"net\":%lld,\"cut\":%s,\"own\":%zu,\"frames\":[",
	       changes[writer->change], (unsigned long long)writer->count, (long long)writer->net,
	       writer->cut ? "true" : "false", writer->own);
	print_frames(writer);
	printf("]}");
}

static void print_result(const struct watch_result *result)
{
	printf("{\"hits\":%llu,\"grew\":%llu,\"shrank\":%llu,\"same\":%llu,\"replaced\":%llu,"
	       "\"unsure\":%llu,\"net\":%lld,\"value\":%llu,\"end\":\"%s\",\"watched_s\":%.6f,"
	       "\"cost_s\":%.9f,\"lost\":%llu,\"unread\":%llu,\"stackless\":%llu,\"writers\":[",
	       (unsigned long long)result->hits, (unsigned long long)result->grew,
	       (unsigned long long)result->shrank, (unsigned long long)result->same,
	       (unsigned long long)result->replaced, (unsigned long long)result->unsure,
	       (long long)result->net, (unsigned long long)result->value, end_names[result->end],
	       result->watched_s, result->cost_s, (unsigned long long)result->lost,
	       (unsigned long long)result->unread, (unsigned long long)result->stackless);
	for (size_t i = 0; i < result->writer_count; i++) {
		printf("%s", i ? "," : "");
		print_writer(&result->writers[i]);
	}
	printf("]}");
}

static void tell_ends(struct watch *watch, size_t count)
{
	static bool told[WATCH_WORDS];
	struct watch_result result;

	for (size_t i = 0; i < count; i++) {
		if (watch_result(watch, i, &result))
			exit(1);
		if (result.end != WATCH_ON && !told[i])
			printf("let go %zu %s\n", i, end_names[result.end]);
		told[i] |= result.end != WATCH_ON;
		watch_result_release(&result);
	}
	fflush(stdout);
}

/* In pieces, so that the end of the input is seen soon. */
static void run(struct watch *watch, double seconds, size_t count)
{
	char byte;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	for (double left = seconds; left > 0 && watch_armed(watch); left -= 0.02) {
		watch_run(watch, left < 0.02 ? left : 0.02);
		tell_ends(watch, count);
		if (!read(STDIN_FILENO, &byte, 1))
			break;
	}
	watch_stop_all(watch);
	watch_poll(watch);
}

struct reading {
	struct watch *watch;
	int file;
};

/* In the confined process: until there is a byte in the file. */
static int read_slowly(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	char byte;

	(void)input;
	(void)length;
	while (pread(fd, &byte, 1, 0) != 1)
		nanosleep(&pause, NULL);
	return confined_answer_copy(answer, &byte, 1);
}

static void end_reading(void *context)
{
	const struct reading *reading = context;

	if (!watch_armed(reading->watch) && pwrite(reading->file, "!", 1, 0) != 1)
		exit(1);
}

static void read_meanwhile(struct watch *watch, const struct watch_config *config)
{
	struct reading reading = {watch, memfd_create("slow", 0)};
	const struct confined_call call = {
		.need = CONFINED_DATA, .function = read_slowly, .fd = reading.file};
	struct loop_source *timer = loop_on_timer(config->loop, LOOP_ALWAYS, end_reading, &reading);
	char byte;
	int error;

	if (!timer)
		exit(1);
	loop_set_timer(timer, 1000000, 1000000);
	error = confined_call_for(config->confined, &call, &byte, 1);
	if (error)
		printf("failed: %s\n", confined_error_text(error));
	loop_drop(timer);
	close(reading.file);
}

static void print_results(struct watch *watch, size_t count)
{
	struct watch_result result;

	printf("{\"trap_ns\":%llu,\"threads\":%zu,\"words\":[",
	       (unsigned long long)watch_trap_ns(watch), watch_threads(watch));
	for (size_t i = 0; i < count; i++) {
		printf("%s", i ? "," : "");
		if (watch_result(watch, i, &result))
			exit(1);
		print_result(&result);
		watch_result_release(&result);
	}
	printf("]}\n");
}

static int watch_it(pid_t pid, double seconds, const struct watch_config *config)
{
	struct failure failure = {0};
	struct watch *watch = watch_open(pid, config, &failure);

	if (!watch) {
		printf("failed %s\n", failure.text);
		return failure.status;
	}
	printf("ready\n");
	fflush(stdout);
	if (while_reading)
		read_meanwhile(watch, config);
	else
		run(watch, seconds, config->word_count);
	print_results(watch, config->word_count);
	watch_close(watch);
	return 0;
}

/* A program that counts nothing looks like watchpoints that never fire. */
static int try_undelivered(void)
{
	const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					   {.code = BPF_JMP | BPF_EXIT}};
	struct watch_word_state state;
	struct failure failure = {0};
	uint64_t trap_ns;
	int program = bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, NULL, "GPL", nothing, 2, NULL);

	if (program < 0)
		return 1;
	if (watch_try(&state, program, &trap_ns, &failure))
		printf("failed %s\n", failure.text);
	close(program);
	return 0;
}

static int parse_options(int argc, char **argv, struct watch_config *config, bool *native)
{
	static const struct option options[] = {
		{"native", no_argument, NULL, 'n'},
		{"native-inward", no_argument, NULL, 'i'},
		{"follow-forks", no_argument, NULL, 'f'},
		{"growths", required_argument, NULL, 'g'},
		{"hits", required_argument, NULL, 'h'},
		{"cost-us", required_argument, NULL, 'c'},
		{"while-reading", no_argument, NULL, 'r'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			*native = true;
		else if (option == 'i')
			config->native_inward = true;
		else if (option == 'r')
			while_reading = true;
		else if (option == 'f')
			config->follow_forks = true;
		else if (option == 'g')
			config->limits.growths = strtoull(optarg, NULL, 0);
		else if (option == 'h')
			config->limits.hits = strtoull(optarg, NULL, 0);
		else if (option == 'c')
			config->limits.cost_ns = strtoull(optarg, NULL, 0) * 1000;
		else
			return -1;
	}
	return optind;
}

/* 1: there is one; 0: there is none. */
static int find_python(pid_t pid, struct confined *confined, struct python_interpreter *interpreter)
{
	struct failure failure = {0};
	struct mappings mappings;
	int error = mappings_read(&procfs, pid, &mappings);

	if (!error)
		error = python_interpreter_find(&procfs, confined, pid, &mappings, interpreter,
						&failure);
	mappings_release(&mappings);
	if (error)
		fprintf(stderr, "no interpreter: %d %s\n", error, failure.text);
	return !error;
}

static int run_probe(int argc, char **argv, struct confined *confined)
{
	struct watch_config config = {.procfs = &procfs, .confined = confined, .loop = loop_new()};
	struct python_interpreter interpreter;
	bool native = false;
	int first = parse_options(argc, argv, &config, &native);

	confined_use_loop(confined, config.loop);
	if (first < 0 || argc - first < 3)
		return 2;
	pid_t pid = atoi(argv[first]);
	for (int i = first + 2; i < argc && config.word_count < WATCH_WORDS; i++)
		if (!parse_word(pid, confined, argv[i], &config.words[config.word_count++]))
			return 2;
	if (!native && find_python(pid, confined, &interpreter))
		config.python = &interpreter;
	int status = watch_it(pid, atof(argv[first + 1]), &config);
	if (config.python)
		python_interpreter_release(&interpreter);
	confined_use_loop(confined, NULL);
	loop_free(config.loop);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--undelivered"))
		return try_undelivered();
	struct confined *confined = confined_new();
	int status = confined ? run_probe(argc, argv, confined) : 1;

	confined_free(confined);
	return status;
}
