/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order matters, since an object belongs to the root that reaches it first. Modules give the
 * names that people know. Variables of functions that run come next, then what these functions
 * compute with, since nobody says how much of that is still in use. Variables of extensions are
 * next: the interpreter's own structure comes late, because its free lists still point to what they
 * gave out; its C data and stacks come last, because they hold leftovers.
 */
#include "roots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/path.h"
#include "../../memory/file_pages.h"
#include "exit_calls.h"
#include "names.h"

enum {
	INTERPRETERS_MAX = 64,
	THREADS_MAX = 4096,
	FRAMES_MAX = 2000,
	ALL_FRAMES_MAX = 1 << 18,
	THREAD_STATE_BYTES = 264,
	INTERPRETER_BYTES = 12000,
	STACK_WORDS_MAX = 32,    /* of a frame's evaluation stack */
	STACK_POINTER_FIELD = 7, /* of PID/task/TID/syscall */
	NUMBER_MAX = 1 << 20,    /* of interpreters */
	NAME_BYTES = 256,
};

struct rooting {
	struct object_reader *reader;
	const struct python_interpreter *interpreter;
	root_fn *visit;
	void *context; /* of `visit` */
	/* Of a graph alone: */
	struct graph *graph;
	const struct procfs *procfs;
	/* On the way: */
	const char *function; /* of the frame whose variables are being taken */
	int thread;
	size_t frames_left; /* that may be taken */
	uint64_t number;    /* of the interpreter; the first one is 0 */
	bool leftovers;     /* variables are done: what frames compute with, which may be stale */
};

/* Between the name of a function and the number of the thread that runs it. */
#define THREAD_MARK ", thread "

static uint32_t text_label(const struct rooting *rooting, enum label_kind kind, const char *text)
{
	return label_make(kind, labels_number(rooting->reader->labels, text));
}

/* "worker (tasks.py:12), thread 3", "…, thread 1 of interpreter 2" */
static void describe_frame(const struct rooting *rooting, uint64_t code, char *text, size_t size)
{
	name_of_code(rooting->reader, code, text, size);
	if (rooting->thread)
		snprintf(text + strlen(text), size - strlen(text), THREAD_MARK "%d",
			 rooting->thread);
	if (rooting->number)
		snprintf(text + strlen(text), size - strlen(text), " of interpreter %" PRIu64,
			 rooting->number);
}

static void take_variable(void *context, uint64_t target, uint32_t label)
{
	const struct rooting *rooting = context;
	char text[3 * NAME_BYTES];

	if (label_kind(label) == LABEL_VARIABLE)
		snprintf(text, sizeof(text), "local %s of %s",
			 labels_text(rooting->reader->labels, label_value(label)),
			 rooting->function);
	else
		snprintf(text, sizeof(text), ROOT_OF_FRAME "%s", rooting->function);
	uint32_t root = text_label(rooting, LABEL_ROOT, text);
	char *thread = strstr(text, THREAD_MARK);
	if (thread) {
		*thread = '\0';
		labels_set_alike(rooting->reader->labels, label_value(root),
				 labels_number(rooting->reader->labels, text));
	}
	rooting->visit(rooting->context, target, root);
}

/* Of its stack. Up to 3.10 a frame is an object, which says how much it has for variables and
 * stack: behind that lies another one. Later ones lie one behind the other. */
static uint64_t room_of_stack(const struct rooting *rooting, uint64_t frame, uint64_t locals)
{
	uint64_t size = object_word(rooting->reader, frame + OBJECT_SIZE);

	if (rooting->reader->structs->minor >= 11)
		return STACK_WORDS_MAX;
	if (size < locals)
		return 0;
	return size - locals < STACK_WORDS_MAX ? size - locals : STACK_WORDS_MAX;
}

/* A frame that runs does not say how much of its stack is filled. */
static void take_stack_of_running(struct rooting *rooting, uint64_t frame, uint64_t code)
{
	const struct python_layout *layout = rooting->reader->layout;
	uint32_t locals;

	if (!view_u32(rooting->reader->view, code + layout->code_local_count, &locals))
		return;
	locals &= 0xffff;
	uint64_t start = frame + layout->frame_locals + 8 * (uint64_t)locals;
	uint64_t words = room_of_stack(rooting, frame, locals);
	for (uint64_t i = 0; i < words; i++)
		take_variable(rooting, object_word(rooting->reader, start + 8 * i) & ~UINT64_C(7),
			      label_make(LABEL_ITEM, 0));
}

/* Frames change faster than all that was copied: what leads to them is read again on the way. */
static uint64_t word_now(struct rooting *rooting, uint64_t address)
{
	if (!rooting->leftovers)
		view_refresh(rooting->reader->view, address, 8);
	return object_word(rooting->reader, address);
}

static void take_frames(struct rooting *rooting, uint64_t state)
{
	struct object_reader *reader = rooting->reader;
	const struct python_walk_layout *walk = &reader->layout->walk;
	uint64_t frame = word_now(rooting, state + walk->tstate_frame);
	char function[2 * NAME_BYTES];

	if (walk->cframe_frame != PYTHON_ABSENT && frame)
		frame = word_now(rooting, frame + walk->cframe_frame);
	for (int i = 0; frame && i < FRAMES_MAX && rooting->frames_left; i++) {
		uint64_t behind = word_now(rooting, frame + walk->frame_previous);
		uint64_t code = frame_code(reader, frame);

		rooting->frames_left--;

		if (code) {
			describe_frame(rooting, code, function, sizeof(function));
			rooting->function = function;
			if (rooting->leftovers)
				take_stack_of_running(rooting, frame, code);
			else
				frame_references(reader, frame, take_variable, rooting);
		}
		frame = behind;
	}
}

/* Objects among the words of a structure. */
static void take_words(struct rooting *rooting, uint64_t start, size_t bytes, const char *name,
		       bool containers_alone)
{
	struct object_reader *reader = rooting->reader;
	uint32_t label = text_label(rooting, LABEL_C, name);

	for (uint64_t at = start; at < start + bytes; at += 8) {
		uint64_t target = object_word(rooting->reader, at), words[2];

		if (target & 7 || target < VIEW_PAGE_BYTES ||
		    !view_bytes(reader->view, target, words, sizeof(words)))
			continue;
		uint32_t type = python_types_find(reader->types, reader->view, words[1]);
		if (type && (!containers_alone || reader->types->items[type].kind != KIND_PLAIN))
			rooting->visit(rooting->context, target, label);
	}
}

static void take_threads(struct rooting *rooting, uint64_t interpreter)
{
	const struct python_layout *layout = rooting->reader->layout;
	uint64_t state = object_word(rooting->reader, interpreter + layout->interpreter_threads);

	for (rooting->thread = 1; state && rooting->thread < THREADS_MAX; rooting->thread++) {
		take_frames(rooting, state);
		if (rooting->leftovers)
			take_words(rooting, state, THREAD_STATE_BYTES, "thread state", false);
		state = object_word(rooting->reader, state + layout->tstate_next);
	}
	rooting->thread = 0;
}

/* Where an interpreter's own number is. */
static uint64_t number_offset(const struct rooting *rooting)
{
	unsigned int minor = rooting->reader->structs->minor;

	if (minor >= 12)
		return rooting->reader->layout->interpreter_next + 8;
	return minor == 11 ? 48 : minor >= 9 ? 24 : 16;
}

/* The first one first: it is the last in their list. */
static void each_interpreter(struct rooting *rooting,
			     void (*act)(struct rooting *rooting, uint64_t interpreter))
{
	const struct python_layout *layout = rooting->reader->layout;
	uint64_t addresses[INTERPRETERS_MAX], count = 0;
	uint64_t interpreter = object_word(rooting->reader, rooting->interpreter->runtime +
								    layout->runtime_interpreters);

	for (; interpreter && count < INTERPRETERS_MAX; count++) {
		addresses[count] = interpreter;
		interpreter = object_word(rooting->reader, interpreter + layout->interpreter_next);
	}
	for (uint64_t i = 0; i < count; i++) {
		interpreter = addresses[count - 1 - i];
		rooting->number =
			i ? object_word(rooting->reader, interpreter + number_offset(rooting)) : 0;
		if (rooting->number > NUMBER_MAX)
			rooting->number = i;
		act(rooting, interpreter);
	}
	rooting->number = 0;
}

static uint32_t modules_label(const struct rooting *rooting)
{
	char text[48];

	if (!rooting->number)
		return label_make(LABEL_NAMESPACE, 0);
	snprintf(text, sizeof(text), "interpreter %" PRIu64 ": ", rooting->number);
	return text_label(rooting, LABEL_MODULES, text);
}

static void visit_modules(struct rooting *rooting, uint64_t interpreter)
{
	rooting->visit(rooting->context,
		       object_word(rooting->reader,
				   interpreter + rooting->reader->layout->interpreter_modules),
		       modules_label(rooting));
}

static void visit_sysdict(struct rooting *rooting, uint64_t interpreter)
{
	rooting->visit(rooting->context,
		       object_word(rooting->reader,
				   interpreter + rooting->reader->layout->interpreter_sysdict),
		       modules_label(rooting));
}

struct exit_rooting {
	const struct rooting *rooting;
	uint32_t label;
};

static void take_exit_call(void *context, uint64_t object)
{
	const struct exit_rooting *calls = context;

	calls->rooting->visit(calls->rooting->context, object, calls->label);
}

static void take_exit_calls(struct rooting *rooting, uint64_t interpreter)
{
	struct exit_rooting calls = {rooting, text_label(rooting, LABEL_NAME, "calls of atexit")};

	exit_calls_visit(rooting->reader, interpreter, INTERPRETER_BYTES, take_exit_call, &calls);
}

static void take_interpreter(struct rooting *rooting, uint64_t interpreter)
{
	take_words(rooting, interpreter, INTERPRETER_BYTES, "interpreter", true);
}

/*
 * Arenas of pymalloc that were mapped right behind a library look like its variables. Of a file
 * those pages are taken too that are not in memory: which of them are depends on what the kernel
 * had in its cache, and what objects there are does not.
 */
static void take_page(struct rooting *rooting, uint64_t start, uint64_t end, uint32_t label)
{
	const struct object_reader *reader = rooting->reader;
	const struct region *region = regions_find(view_regions(reader->view), start);
	const uint8_t *page = region && file_pages_has(region) ? view_page(reader->view, start)
							       : view_kept(reader->view, start);

	if (!page || object_pools_at(reader->pools, start))
		return;
	for (uint64_t at = start; at + 8 <= end; at += 8) {
		uint64_t target = *(const uint64_t *)(page + (at & (VIEW_PAGE_BYTES - 1)));

		if (!(target & 7) && target >= VIEW_PAGE_BYTES)
			graph_raw_root(rooting->graph, target, label);
	}
}

static void take_range(struct rooting *rooting, uint64_t start, uint64_t end, const char *name)
{
	uint32_t label = text_label(rooting, LABEL_C, name);
	uint64_t next;

	for (uint64_t at = start & ~UINT64_C(7); at < end; at = next) {
		next = (at | (VIEW_PAGE_BYTES - 1)) + 1;
		take_page(rooting, at, next < end ? next : end, label);
	}
}

static void name_c_data(const char *path, char *name, size_t size)
{
	snprintf(name, size, "C data of %s", path_base(path));
}

/* Variables of libraries: mappings of files that are writable, and what zeroes follow them. */
bool roots_c_data(const struct regions *regions, size_t index, char *name, size_t size)
{
	const struct region *region = &regions->items[index];
	const struct mapping *file = &region->mapping;

	if (!region_is_data(region))
		return false;
	if (!file->inode) {
		if (*file->path || !index)
			return false;
		file = &regions->items[index - 1].mapping;
		if (!file->inode || file->end != region->mapping.start)
			return false;
	}
	name_c_data(file->path, name, size);
	return true;
}

/* The interpreter's own, or that of all other files. */
static void take_c_data(struct rooting *rooting, bool own)
{
	const struct regions *regions = view_regions(rooting->reader->view);
	char name[NAME_BYTES], of_interpreter[NAME_BYTES];

	name_c_data(rooting->interpreter->binary.path ?: "", of_interpreter,
		    sizeof(of_interpreter));
	for (size_t i = 0; i < regions->count; i++)
		if (roots_c_data(regions, i, name, sizeof(name)) &&
		    !strcmp(name, of_interpreter) == own)
			take_range(rooting, regions->items[i].mapping.start,
				   regions->items[i].mapping.end, name);
}

/* From the stack pointer of a thread that waits in the kernel; of one that runs it is not told. */
static int take_stack(void *context, pid_t thread)
{
	struct rooting *rooting = context;
	struct view *view = rooting->reader->view;
	char line[256] = "", *rest = line, *field = NULL;
	FILE *file = procfs_open_of_thread(rooting->procfs, rooting->interpreter->memory.pid,
					   thread, "syscall");

	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		*line = '\0';
	fclose(file);
	/* NR and six arguments, or -1 alone; then the stack pointer */
	int place = !strncmp(line, "-1", 2) ? 1 : STACK_POINTER_FIELD;
	for (int i = 0; i <= place; i++)
		field = strsep(&rest, " ");
	uint64_t pointer = field ? strtoull(field, NULL, 16) : 0;
	const struct region *region = regions_find(view_regions(view), pointer);
	if (region && region_is_data(region))
		take_range(rooting, pointer, region->mapping.end, "C stack");
	return 0;
}

static void take_root(void *context, uint64_t address, uint32_t label)
{
	graph_root(context, address, label);
}

static struct rooting rooting_of(struct graph *graph, const struct python_interpreter *interpreter)
{
	return (struct rooting){
		.reader = graph->reader,
		.interpreter = interpreter,
		.visit = take_root,
		.context = graph,
		.graph = graph,
		.frames_left = ALL_FRAMES_MAX,
	};
}

void roots_follow(struct graph *graph, const struct python_interpreter *interpreter,
		  struct root_counts *counts)
{
	struct rooting rooting = rooting_of(graph, interpreter);

	/* all modules before what any leads to: C code may lead from one interpreter to another */
	each_interpreter(&rooting, visit_modules);
	graph_follow(graph);
	each_interpreter(&rooting, visit_sysdict);
	graph_follow(graph);
	counts->modules = graph->order_count;
	each_interpreter(&rooting, take_threads);
	graph_follow(graph);
	each_interpreter(&rooting, take_exit_calls);
	graph_follow(graph);
	rooting.leftovers = true;
	each_interpreter(&rooting, take_threads);
	graph_follow(graph);
	counts->frames = graph->order_count;
}

void roots_follow_guesses(struct graph *graph, const struct python_interpreter *interpreter,
			  const struct procfs *procfs, struct root_counts *counts)
{
	struct rooting rooting = rooting_of(graph, interpreter);

	rooting.procfs = procfs;
	graph_follow_raw(graph);
	take_c_data(&rooting, false);
	graph_follow(graph);
	each_interpreter(&rooting, take_interpreter);
	graph_follow(graph);
	counts->raw = graph->order_count;
	take_c_data(&rooting, true);
	procfs_each_thread(procfs, interpreter->memory.pid, take_stack, &rooting);
	graph_follow(graph);
	counts->c = graph->order_count;
}

void roots_visit(struct object_reader *reader, const struct python_interpreter *interpreter,
		 root_fn *visit, void *context)
{
	struct rooting rooting = {
		.reader = reader,
		.interpreter = interpreter,
		.visit = visit,
		.context = context,
		.frames_left = ALL_FRAMES_MAX,
	};

	each_interpreter(&rooting, visit_modules);
	each_interpreter(&rooting, take_threads);
	each_interpreter(&rooting, take_exit_calls);
	rooting.leftovers = true;
	each_interpreter(&rooting, take_threads);
}
