/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams in the form of tests/replay/README.md: one step a line. */
#ifndef TEST_REPLAY_STREAM_H
#define TEST_REPLAY_STREAM_H

#include "replay.h"

/* The rest of a line that words are taken from. */
struct words {
	char *rest;
	const char *line; /* for messages */
};

static inline void stream_die(const struct words *words, const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, words->line);
	abort();
}

/* NULL at the end of the line. */
static inline char *word_next(struct words *words)
{
	char *word = strsep(&words->rest, " ");

	while (word && !*word)
		word = strsep(&words->rest, " ");
	return word;
}

static inline char *word_take(struct words *words)
{
	char *word = word_next(words);

	if (!word)
		stream_die(words, "it ends early");
	return word;
}

static inline uint64_t number_take(struct words *words)
{
	char *end, *word = word_take(words);
	uint64_t number = strtoull(word, &end, 0);

	if (*end)
		stream_die(words, "no number");
	return number;
}

/* Whether this word comes next; then it is taken. */
static inline bool word_is(struct words *words, const char *expected)
{
	size_t length = strlen(expected);

	if (!words->rest || strncmp(words->rest, expected, length) ||
	    (words->rest[length] && words->rest[length] != ' '))
		return false;
	word_next(words);
	return true;
}

static inline void take_record(struct replay *replay, const void *record, size_t size)
{
	void *exact = malloc(size); /* nothing may be read behind it */

	if (!exact)
		abort();
	memcpy(exact, record, size);
	collector_take(replay->collector, exact, size);
	free(exact);
}

static inline void step_file(struct replay *replay, struct words *words)
{
	const char *name = word_take(words);

	replay_add_file(replay, name, word_take(words));
}

static inline void step_symbol(struct replay *replay, struct words *words)
{
	uint64_t offset = number_take(words), bytes = number_take(words);

	made_elf_function(&replay->files[replay->file_count - 1].elf, offset, bytes,
			  word_take(words));
}

static inline void step_process(struct words *words)
{
	uint32_t pid = (uint32_t)number_take(words);
	const char *comm = word_take(words), *exe = word_take(words);
	char arguments[256];
	size_t used = (size_t)snprintf(arguments, sizeof(arguments), "%s", exe) + 1;

	for (const char *word; (word = word_next(words));)
		used += (size_t)snprintf(arguments + used, sizeof(arguments) - used, "%s", word) +
			1;
	replay_write_process(pid, comm, exe, arguments, used);
}

/* PID, then START END OFFSET FILE for each mapping; FILE - where there is none. */
static inline void step_maps(struct replay *replay, struct words *words)
{
	uint32_t pid = (uint32_t)number_take(words);
	char name[64];

	snprintf(name, sizeof(name), "%u/maps", pid);
	FILE *maps = fopen(tree_path(name), "w");

	if (!maps)
		abort();
	while (words->rest && *words->rest) {
		uint64_t start = number_take(words), end = number_take(words);
		uint64_t offset = number_take(words);
		const char *file = word_take(words);

		replay_write_mapping(maps, pid, start, end, offset,
				     strcmp(file, "-") ? replay_file(replay, file) : NULL);
	}
	fclose(maps);
}

static inline uint32_t take_flags(struct words *words)
{
	static const char *const names[] = {"truncated",  "guessed",  "no_mapping",
					    "python_cut", "unlisted", "unplaced"};
	uint32_t flags = 0;

	for (size_t i = 0; i < 6; i++)
		if (word_is(words, names[i]))
			flags |= 1u << i;
	return flags;
}

static inline struct stack_place take_place(struct replay *replay, struct words *words)
{
	struct stack_place place = {.start = number_take(words)};

	place.end = number_take(words);
	place.file_offset = number_take(words);
	if (word_is(words, "unknown")) {
		place.inode = PLACE_UNKNOWN;
	} else if (!word_is(words, "-")) {
		struct replay_file *file = replay_file(replay, word_take(words));

		replay_write_file(file);
		place.inode = file->inode;
		place.device = file->device;
	}
	return place;
}

/* SPACE ROW [python|mmap] [FLAG…] [unloads N] [eval N] [code ADDRESS CHECK]… at ADDRESS…
 * [place START END OFFSET FILE|-|unknown]… */
static inline void step_stack(struct replay *replay, struct words *words)
{
	struct stack_record record = {.record.type = RECORD_STACK};
	size_t used = 0;

	record.record.space = (uint32_t)number_take(words);
	record.stack = (uint32_t)number_take(words);
	if (word_is(words, "python"))
		record.domain = DOMAIN_PYTHON;
	else if (word_is(words, "mmap"))
		record.domain = DOMAIN_MMAP;
	record.flags = take_flags(words);
	if (word_is(words, "unloads"))
		record.unloads = (uint32_t)number_take(words);
	if (word_is(words, "eval"))
		record.eval_frame = (uint32_t)number_take(words);
	for (; word_is(words, "code"); record.python_count++) {
		struct python_stack_frame frame = {.code = number_take(words)};

		frame.instruction = -1;
		frame.check = (uint32_t)number_take(words);
		memcpy(&record.words[used], &frame, sizeof(frame));
		used += 2;
	}
	if (!word_is(words, "at"))
		stream_die(words, "no addresses");
	while (words->rest && *words->rest && strncmp(words->rest, "place ", 6)) {
		record.words[used++] = number_take(words);
		record.frame_count++;
	}
	for (; word_is(words, "place"); used += PLACE_WORDS) {
		const struct stack_place place = take_place(replay, words);

		memcpy(&record.words[used], &place, sizeof(place));
		record.place_count++;
	}
	take_record(replay, &record, offsetof(struct stack_record, words) + used * sizeof(__u64));
}

static inline void step_trace(struct replay *replay, struct words *words)
{
	uint32_t space = (uint32_t)number_take(words);

	collector_add_image(replay->collector, space, (uint32_t)number_take(words));
}

static inline void step_fork(struct replay *replay, struct words *words)
{
	struct fork_record record = {.record.type = RECORD_FORK};

	record.record.space = (uint32_t)number_take(words);
	record.child_pid = (uint32_t)number_take(words);
	record.child_space = (uint32_t)number_take(words);
	take_record(replay, &record, sizeof(record));
}

static inline void step_exec(struct replay *replay, struct words *words)
{
	struct exec_record record = {.record.type = RECORD_EXEC};

	record.record.pid = (uint32_t)number_take(words);
	record.old_space = (uint32_t)number_take(words);
	record.record.space = (uint32_t)number_take(words);
	record.shared = word_is(words, "shared");
	snprintf(record.comm, sizeof(record.comm), "%s", word_take(words));
	take_record(replay, &record, sizeof(record));
}

static inline void step_exit(struct replay *replay, struct words *words)
{
	struct exit_record record = {.record.type = RECORD_EXIT};

	record.record.space = (uint32_t)number_take(words);
	record.record.shared = word_is(words, "shared");
	take_record(replay, &record, sizeof(record));
}

/* Where a file lies, its names the other way round. */
static inline void step_told(struct replay *replay, struct words *words)
{
	struct file_record record = {.record.type = RECORD_FILE};

	record.record.space = (uint32_t)number_take(words);
	struct replay_file *file = replay_file(replay, word_take(words));
	char path[sizeof(file->path)];

	replay_write_file(file);
	record.inode = file->inode;
	record.device = file->device;
	memcpy(path, file->path, sizeof(path));
	for (char *slash; (slash = strrchr(path, '/')); *slash = '\0')
		record.path_bytes +=
			(uint32_t)strlen(strcpy(record.path + record.path_bytes, slash + 1)) + 1;
	take_record(replay, &record, sizeof(record));
}

static inline void step_block(struct replay *replay, struct words *words)
{
	struct block block = {.stack = (uint32_t)number_take(words)};
	uint32_t space = (uint32_t)number_take(words);
	uint64_t address = number_take(words);

	block.size = number_take(words);
	block.time_ns = number_take(words);
	replay_block(replay, BLOCK_KEY(space, address), &block, word_is(words, "spilled"));
	replay_totals(replay, block.stack, (const uint64_t[]){block.size, 1, 0, 0});
}

static inline void step_totals(struct replay *replay, struct words *words)
{
	uint32_t row = (uint32_t)number_take(words);
	uint64_t counts[4];

	for (size_t i = 0; i < 4; i++)
		counts[i] = number_take(words);
	replay_totals(replay, row, counts);
}

static inline void step_loss(struct words *words)
{
	const char *name = word_take(words);

	for (int i = 0; i < LOSS_COUNT; i++)
		if (!strcmp(name, loss_name((enum loss)i))) {
			replay_counters.losses[i] += number_take(words);
			return;
		}
	stream_die(words, "no such loss");
}

static inline void step_snapshot(struct replay *replay, struct words *words)
{
	bool running = word_is(words, "running");
	uint64_t older_than_ns = word_is(words, "older") ? number_take(words) : 0;

	fputs("snapshot\n", replay->said);
	replay_print(replay->said, replay_snapshot(replay, !running, older_than_ns));
}

static inline void step_merged(struct replay *replay, bool programs)
{
	struct snapshot *merged = snapshot_merge(replay->snapshots, replay->snapshot_count);

	if (programs) {
		struct snapshot *apart = merged;

		merged = snapshot_merge_programs(apart);
		snapshot_free(apart);
	}
	fputs(programs ? "programs\n" : "merged\n", replay->said);
	replay_print(replay->said, merged);
	snapshot_free(merged);
}

static inline void step_troubles(struct replay *replay)
{
	char text[512];

	while (collector_next_trouble(replay->collector, text, sizeof(text)))
		fprintf(replay->said, "trouble %s\n", text);
}

/* What is there of a file that is none of code: no ELF, or names of a JIT. */
static inline void step_text(struct words *words)
{
	char name[128], text[256];

	snprintf(name, sizeof(name), "files%s", word_take(words));
	snprintf(text, sizeof(text), "%s\n", words->rest ? words->rest : "");
	tree_write(name, text);
}

/* What is no record: the state of the machine, and questions. False: it is none of these. */
static inline bool step_of_machine(struct replay *replay, const char *verb, struct words *words)
{
	if (!strcmp(verb, "file"))
		step_file(replay, words);
	else if (!strcmp(verb, "symbol"))
		step_symbol(replay, words);
	else if (!strcmp(verb, "text"))
		step_text(words);
	else if (!strcmp(verb, "process"))
		step_process(words);
	else if (!strcmp(verb, "gone"))
		replay_remove_process((uint32_t)number_take(words));
	else if (!strcmp(verb, "maps"))
		step_maps(replay, words);
	else if (!strcmp(verb, "unload"))
		replay->unwind.unloads[number_take(words)].count += 2;
	else if (!strcmp(verb, "block"))
		step_block(replay, words);
	else if (!strcmp(verb, "totals"))
		step_totals(replay, words);
	else if (!strcmp(verb, "loss"))
		step_loss(words);
	else if (!strcmp(verb, "unknown_frees"))
		replay_counters.unknown_frees += number_take(words);
	else
		return false;
	return true;
}

static inline bool step_of_record(struct replay *replay, const char *verb, struct words *words)
{
	if (!strcmp(verb, "stack"))
		step_stack(replay, words);
	else if (!strcmp(verb, "fork"))
		step_fork(replay, words);
	else if (!strcmp(verb, "exec"))
		step_exec(replay, words);
	else if (!strcmp(verb, "exit"))
		step_exit(replay, words);
	else if (!strcmp(verb, "told"))
		step_told(replay, words);
	else
		return false;
	return true;
}

static inline void stream_step(struct replay *replay, char *line)
{
	char *whole = strdup(line);
	struct words words = {line, whole};
	const char *verb = word_next(&words);

	if (!verb || *verb == '#' || step_of_machine(replay, verb, &words) ||
	    step_of_record(replay, verb, &words))
		verb = NULL;
	else if (!strcmp(verb, "trace"))
		step_trace(replay, &words);
	else if (!strcmp(verb, "refresh"))
		collector_refresh(replay->collector, (uint32_t)number_take(&words));
	else if (!strcmp(verb, "snapshot"))
		step_snapshot(replay, &words);
	else if (!strcmp(verb, "merged") || !strcmp(verb, "programs"))
		step_merged(replay, *verb == 'p');
	else if (!strcmp(verb, "troubles"))
		step_troubles(replay);
	else
		stream_die(&words, "no such step");
	free(whole);
}

/* Goes through a stream up to its line `expect`. Returns what was said, to be freed. */
static inline char *stream_play(struct confined *confined, char *stream)
{
	struct replay *replay = replay_new(confined);
	char *said = NULL;
	size_t size;

	replay->said = open_memstream(&said, &size);
	for (char *line; (line = strsep(&stream, "\n")) && strcmp(line, "expect");)
		stream_step(replay, line);
	fclose(replay->said);
	replay_free(replay);
	return said;
}

#endif
