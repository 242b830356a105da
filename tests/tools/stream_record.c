/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `unfreed record`, which also writes what user/collect/ was given, and what came of it, as
 * a stream of tests/replay/:
 *
 *   stream_record STREAM OPTION…
 *
 * The linker puts what is here in the place of the functions that the tracer gives records to
 * (--wrap, see Makefile): it notes them and goes on to the real ones. For small programs in C: of
 * Python there are no frames, of code only what lies in files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/replay_print.h"
#include "collect/collector.h"
#include "commands/record.h"
#include "lib/array.h"

enum { FILES_MAX = 16, PROCESSES_MAX = 64, ROWS_MAX = 62, SYMBOLS_MAX = 4096 };

#define NOW_NS UINT64_C(1000000000000) /* when its report is, as in tests/unit/replay.h */

struct file {
	char *path;
	uint64_t inode;
	uint64_t device;
};

struct symbol_note {
	const struct file *file;
	uint64_t offset; /* of the call */
	char *name;
};

/* As last noted. */
struct process {
	uint32_t pid;
	char *name;
	char *maps;
};

static struct file files[FILES_MAX];
static size_t file_count;
static struct symbol_note symbols[SYMBOLS_MAX];
static size_t symbol_count;
static struct process processes[PROCESSES_MAX];
static size_t process_count;
static uint32_t rows[ROWS_MAX]; /* of the ledger, by row of the stream */
static uint32_t row_count;
static uint32_t unloads[UNWIND_SPACES];

static const struct procfs *procfs;
static const struct ledger_view *view;
static const struct unwind_memory *unwind;
static FILE *steps;
static char *expected;

static void die(const char *what)
{
	fprintf(stderr, "stream_record: %s\n", what);
	exit(1);
}

/* --- names of the stream's own --- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct file *find_file(uint64_t inode, uint64_t device, const char *path)
{
	for (size_t i = 0; i < file_count; i++)
		if (files[i].inode == inode && files[i].device == device)
			return &files[i];
	if (!path)
		return NULL;
	if (file_count == FILES_MAX)
		die("too many files");
	files[file_count] = (struct file){strdup(path), inode, device};
	return &files[file_count++];
}

static uint32_t find_row(uint32_t row)
{
	if (row + STACK_ROWS_EXTRA >= view->row_count)
		return (uint32_t)(ROWS_MAX + STACK_ROWS_EXTRA - (view->row_count - row));
	for (uint32_t i = 0; i < row_count; i++)
		if (rows[i] == row)
			return i;
	if (row_count == ROWS_MAX)
		die("too many stacks");
	rows[row_count] = row;
	return row_count++;
}

/* --- the machine --- */

static char *describe_maps(uint32_t pid)
{
	struct mappings mappings;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (mappings_read(procfs, (pid_t)pid, &mappings))
		mappings = (struct mappings){0};
	for (size_t i = 0; i < mappings.count; i++) {
		const struct mapping *mapping = &mappings.items[i];

		if (!mapping->executable || !mapping->inode)
			continue;
		const struct file *of = find_file(
			mapping->inode, PLACE_DEVICE(mapping->device_major, mapping->device_minor),
			mapping->path);

		fprintf(file, " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " f%zu", mapping->start,
			mapping->end, mapping->file_offset, (size_t)(of - files));
	}
	mappings_release(&mappings);
	fclose(file);
	return text;
}

static struct process *find_process(uint32_t pid)
{
	for (size_t i = 0; i < process_count; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	if (process_count == PROCESSES_MAX)
		die("too many processes");
	processes[process_count] =
		(struct process){.pid = pid, .name = strdup(""), .maps = strdup("")};
	return &processes[process_count++];
}

/* "COMM EXE", NULL of a process that is gone. */
static char *describe_name(uint32_t pid)
{
	char *exe = procfs_read_exe(procfs, (pid_t)pid), *text = NULL;
	struct process_status status;

	if (exe && !procfs_read_status(procfs, (pid_t)pid, &status) &&
	    asprintf(&text, "%s /srv/%s", status.comm, base_name(exe)) < 0)
		text = NULL;
	free(exe);
	return text;
}

/* What is known of a process, where that changed. */
static void note_process(uint32_t pid)
{
	struct process *process = find_process(pid);
	char *name = describe_name(pid), *maps = describe_maps(pid);

	if (!name || !*maps) {
		if (*process->name)
			fprintf(steps, "gone %u\n", pid);
		free(name);
		free(maps);
		name = strdup("");
		maps = strdup("");
	} else {
		if (strcmp(name, process->name))
			fprintf(steps, "process %u %s\n", pid, name);
		if (strcmp(maps, process->maps))
			fprintf(steps, "maps %u%s\n", pid, maps);
	}
	free(process->name);
	free(process->maps);
	process->name = name;
	process->maps = maps;
}

static void note_unloads(uint32_t space)
{
	if (!unwind->unloads || space >= UNWIND_SPACES)
		return;
	uint32_t now =
		UNWIND_UNLOADS(__atomic_load_n(&unwind->unloads[space].count, __ATOMIC_ACQUIRE));

	for (; unloads[space] < now; unloads[space]++)
		fprintf(steps, "unload %u\n", space);
}

/* --- records --- */

static void note_flags(uint32_t flags)
{
	static const char *const names[] = {"truncated",  "guessed",  "no_mapping",
					    "python_cut", "unlisted", "unplaced"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & 1u << i)
			fprintf(steps, " %s", names[i]);
}

static void note_place(const struct stack_place *place)
{
	const struct file *file = find_file(place->inode, place->device, NULL);

	fprintf(steps, " place %#llx %#llx %#llx ", place->start, place->end, place->file_offset);
	if (place->inode == PLACE_UNKNOWN)
		fputs("unknown", steps);
	else if (!place->inode)
		fputc('-', steps);
	else if (file)
		fprintf(steps, "f%zu", (size_t)(file - files));
	else
		die("a place of a file that is not known");
}

static void note_stack(const struct stack_record *record)
{
	static const char *const domains[DOMAIN_COUNT] = {"", " python", " mmap"};
	const __u64 *word = record->words;

	if (record->python_count)
		die("Python frames cannot be recorded");
	fprintf(steps, "stack %u %u%s", record->record.space, find_row(record->stack),
		record->domain < DOMAIN_COUNT ? domains[record->domain] : "");
	note_flags(record->flags);
	if (record->unloads)
		fprintf(steps, " unloads %u", record->unloads);
	fputs(" at", steps);
	for (size_t i = 0; i < record->frame_count; i++)
		fprintf(steps, " %#llx", *word++);
	for (size_t i = 0; i < record->place_count; i++, word += PLACE_WORDS)
		note_place((const struct stack_place *)word);
	fputc('\n', steps);
}

static void note_told(const struct file_record *record)
{
	/* its own name comes first */
	const struct file *file = find_file(record->inode, record->device, record->path);

	fprintf(steps, "told %u f%zu\n", record->record.space, (size_t)(file - files));
}

static void note_record(const struct record *record)
{
	const struct fork_record *fork = (const void *)record;
	const struct exec_record *exec = (const void *)record;
	const char *shared = record->shared ? " shared" : "";

	switch (record->type) {
	case RECORD_STACK:
		note_stack((const void *)record);
		break;
	case RECORD_FILE:
		note_told((const void *)record);
		break;
	case RECORD_FORK:
		note_process(fork->child_pid);
		fprintf(steps, "fork %u %u %u\n", record->space, fork->child_pid,
			fork->child_space);
		break;
	case RECORD_EXEC:
		fprintf(steps, "exec %u %u %u%s %.16s\n", record->pid, exec->old_space,
			record->space, exec->shared ? " shared" : "", exec->comm);
		break;
	case RECORD_EXIT:
		fprintf(steps, "exit %u%s\n", record->space, shared);
		break;
	}
}

struct collector *__real_collector_new(const struct procfs *, struct confined *,
				       const struct ledger_view *, const struct unwind_memory *);
struct collector *__wrap_collector_new(const struct procfs *given, struct confined *confined,
				       const struct ledger_view *given_view,
				       const struct unwind_memory *memory)
{
	procfs = given;
	view = given_view;
	unwind = memory;
	return __real_collector_new(given, confined, given_view, memory);
}

struct image *__real_collector_add_image(struct collector *, uint32_t, uint32_t);
struct image *__wrap_collector_add_image(struct collector *collector, uint32_t space, uint32_t pid)
{
	note_process(pid);
	fprintf(steps, "trace %u %u\n", space, pid);
	return __real_collector_add_image(collector, space, pid);
}

void __real_collector_refresh(struct collector *, uint32_t);
void __wrap_collector_refresh(struct collector *collector, uint32_t pid)
{
	const struct image *image = collector_image(collector, pid);

	if (image)
		note_unloads(image->space);
	note_process(pid);
	fprintf(steps, "refresh %u\n", pid);
	__real_collector_refresh(collector, pid);
}

struct image *__real_collector_take(struct collector *, const void *, size_t);
struct image *__wrap_collector_take(struct collector *collector, const void *data, size_t size)
{
	const struct record *record = data;

	note_unloads(record->space);
	note_process(record->pid);
	note_record(record);
	return __real_collector_take(collector, data, size);
}

/* --- the report --- */

struct blocks {
	uint64_t taken_ns;
	struct stack_totals *rows; /* what the blocks that are noted do not make up */
};

static void note_block(void *context, uint64_t key, const struct block *block)
{
	struct blocks *blocks = context;
	uint64_t age_ns = blocks->taken_ns - block->time_ns;

	fprintf(steps, "block %u %u %#llx %llu %" PRIu64 "\n", find_row(block->stack),
		BLOCK_KEY_SPACE(key), BLOCK_KEY_ADDRESS(key), block->size,
		age_ns < NOW_NS ? NOW_NS - age_ns : 1);
	blocks->rows[block->stack].alloc_bytes -= block->size;
	blocks->rows[block->stack].alloc_blocks--;
}

static void note_ledger(const struct snapshot_request *request)
{
	struct blocks blocks = {request->taken_monotonic_ns,
				calloc(view->row_count, sizeof(*blocks.rows))};
	struct counters counters;

	if (!blocks.rows || ledger_view_counters(view, &counters))
		die("cannot read the ledger");
	memcpy(blocks.rows, view->totals, view->row_count * sizeof(*blocks.rows));
	if (ledger_view_visit(view, UINT64_MAX, note_block, &blocks))
		die("cannot read the ledger");
	for (uint32_t i = 0; i < view->row_count; i++) {
		const struct stack_totals *row = &blocks.rows[i];

		if (row->alloc_blocks || row->free_blocks)
			fprintf(steps, "totals %u %llu %llu %llu %llu\n", find_row(i),
				row->alloc_bytes, row->alloc_blocks, row->free_bytes,
				row->free_blocks);
	}
	for (int i = 0; i < LOSS_COUNT; i++)
		if (counters.losses[i] + request->losses[i])
			fprintf(steps, "loss %s %llu\n", loss_name((enum loss)i),
				counters.losses[i] + request->losses[i]);
	if (counters.unknown_frees)
		fprintf(steps, "unknown_frees %llu\n", counters.unknown_frees);
	free(blocks.rows);
}

struct snapshot *__real_collector_snapshot(struct collector *, const struct snapshot_request *);
struct snapshot *__wrap_collector_snapshot(struct collector *collector,
					   const struct snapshot_request *request)
{
	if (!request->last)
		return __real_collector_snapshot(collector, request);
	note_ledger(request);
	fputs("snapshot\n", steps);

	struct snapshot *snapshot = __real_collector_snapshot(collector, request);
	size_t size;
	FILE *file = open_memstream(&expected, &size);

	if (snapshot)
		replay_print(file, snapshot);
	fclose(file);
	return snapshot;
}

int __real_symbolizer_resolve(struct confined *, int, const char *, const uint64_t *, size_t,
			      enum confined_wait, struct symbol_list *);
int __wrap_symbolizer_resolve(struct confined *confined, int fd, const char *path,
			      const uint64_t *offsets, size_t count, enum confined_wait network,
			      struct symbol_list *lists)
{
	int error = __real_symbolizer_resolve(confined, fd, path, offsets, count, network, lists);
	const struct file *file = NULL;

	for (size_t i = 0; i < file_count; i++)
		if (!strcmp(base_name(files[i].path), base_name(path)))
			file = &files[i];
	for (size_t i = 0; !error && file && i < count; i++) {
		const char *name =
			lists[i].count ? lists[i].symbols[lists[i].count - 1].name : NULL;

		if (!name || symbol_count == SYMBOLS_MAX)
			continue;
		symbols[symbol_count++] = (struct symbol_note){file, offsets[i] - 1, strdup(name)};
	}
	return error;
}

static void write_stream(FILE *out, const char *text)
{
	for (size_t i = 0; i < file_count; i++) {
		fprintf(out, "file f%zu /srv/%s\n", i, base_name(files[i].path));
		for (size_t j = 0; j < symbol_count; j++)
			if (symbols[j].file == &files[i])
				fprintf(out, "symbol %#" PRIx64 " 1 %s\n", symbols[j].offset,
					symbols[j].name);
	}
	fprintf(out, "%sexpect\nsnapshot\n%s", text, expected ? expected : "");
}

int main(int argc, char **argv)
{
	char *text = NULL;
	size_t size;
	FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;

	if (!out) {
		fputs("usage: stream_record STREAM OPTION…\n", stderr);
		return 2;
	}
	steps = open_memstream(&text, &size);

	int status = record_main(argc - 1, argv + 1);

	fclose(steps);
	write_stream(out, text);
	fclose(out);
	free(text);
	return status;
}
