/* SPDX-License-Identifier: BSD-2-Clause */
#include "hints.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Less than this, and less than a hundredth of the process, is not worth a line. */
enum { WORTH_BYTES = 4 << 20, WORTH_SHARE = 50, HINTS_MAX = 16 };

struct writer {
	struct look *look;
	struct {
		uint64_t weight;
		const char *text;
	} hints[HINTS_MAX];
	size_t count;
};

static bool is_worth(const struct look *look, uint64_t bytes)
{
	return bytes >= WORTH_BYTES && bytes >= look->resident_bytes / WORTH_SHARE;
}

static double megabytes(uint64_t bytes)
{
	return (double)bytes / 1e6;
}

__attribute__((format(printf, 3, 4))) static void add(struct writer *writer, uint64_t weight,
						      const char *format, ...)
{
	char text[256];
	va_list arguments;
	size_t at = writer->count;

	if (at == HINTS_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (; at > 0 && writer->hints[at - 1].weight < weight; at--)
		writer->hints[at] = writer->hints[at - 1];
	writer->hints[at].weight = weight;
	writer->hints[at].text = zone_strdup(writer->look->zone, text);
	writer->count++;
}

static void hint_at_malloc(struct writer *writer, const struct look *look)
{
	const struct look_malloc *malloc = look->malloc;
	uint64_t pinned = look->parts[PART_MALLOC_FREE_PINNED].resident_bytes;
	uint64_t cached = malloc->cached_bytes, fast = malloc->fastbin_bytes;

	if (is_worth(look, malloc->returnable_bytes))
		add(writer, malloc->returnable_bytes, "malloc_trim(0) would return %.0f MB",
		    megabytes(malloc->returnable_bytes));
	if (is_worth(look, pinned))
		add(writer, pinned,
		    "%.0f MB are free, but pinned by live blocks around them: malloc_trim cannot "
		    "return them",
		    megabytes(pinned));
	if (is_worth(look, cached))
		add(writer, cached, "%.0f MB in caches of %" PRIu64 " thread%s", megabytes(cached),
		    malloc->threads, malloc->threads == 1 ? "" : "s");
	if (is_worth(look, fast))
		add(writer, fast,
		    "%.0f MB in fastbins, free but not joined: malloc_trim(0) joins them",
		    megabytes(fast));
	if (malloc->arenas > 2 && is_worth(look, malloc->thread_arena_free))
		add(writer, malloc->thread_arena_free,
		    "%" PRIu64 " arenas of threads hold %.0f MB that are free: MALLOC_ARENA_MAX=2 "
		    "would let threads share them",
		    malloc->arenas - 1, megabytes(malloc->thread_arena_free));
}

static void hint_at_python(struct writer *writer, const struct look *look)
{
	uint64_t free_bytes = look->parts[PART_PYTHON_FREE].resident_bytes;

	if (is_worth(look, free_bytes))
		add(writer, free_bytes,
		    "%.0f MB are kept free by CPython's allocator: pinned by live objects in the "
		    "same arenas",
		    megabytes(free_bytes));
}

static void hint_at_system(struct writer *writer, const struct look *look)
{
	if (look->swapped_bytes >= 1 << 20)
		add(writer, look->swapped_bytes, "%.0f MB in swap, not read",
		    megabytes(look->swapped_bytes));
	if (is_worth(look, look->huge_bytes) && look->huge_bytes > look->resident_bytes / 4)
		add(writer, look->huge_bytes / 8,
		    "%.0f MB are in transparent huge pages: what is touched of 2 MB makes all of "
		    "it resident",
		    megabytes(look->huge_bytes));
	if (look->limit_bytes && look->resident_bytes > look->limit_bytes / 10 * 7)
		add(writer, look->resident_bytes,
		    "resident memory is %.0f %% of the limit of %.0f MB",
		    100.0 * (double)look->resident_bytes / (double)look->limit_bytes,
		    megabytes(look->limit_bytes));
}

/* These come first: what is missing explains what is wrong with the rest. */
static void hint_at_core(struct writer *writer, const struct look *look)
{
	const struct look_core *core = look->core;

	if (core->missing_bytes)
		add(writer, UINT64_MAX, "the core is cut short: %.1f MB of memory are not in it",
		    megabytes(core->missing_bytes));
	if (core->has_no_notes)
		add(writer, UINT64_MAX - 1,
		    "the core is cut before its notes: which files were mapped and which threads "
		    "there were is not known");
	if (core->missing_stacks)
		add(writer, UINT64_MAX - 2,
		    "the stacks of %" PRIu64
		    " threads are not in the core: gcore leaves out what has "
		    "guard pages inside; the kernel's own cores have them",
		    core->missing_stacks);
	if (core->changed_files)
		add(writer, UINT64_MAX - 3,
		    "%" PRIu64
		    " file%s that it had mapped %s missing here or changed since, such as "
		    "%.*s: what %s held is not known",
		    core->changed_files, core->changed_files == 1 ? "" : "s",
		    core->changed_files == 1 ? "is" : "are", 96, core->changed_file,
		    core->changed_files == 1 ? "it" : "they");
	if (look->lost_count)
		add(writer, UINT64_MAX - 4,
		    "a core does not tell what was given to epoll_ctl and timer_create: a block "
		    "that nothing else refers to counts as lost");
}

static void hint_at_collector(struct writer *writer, const struct look *look)
{
	uint64_t bytes = 0;

	if (!look->gc.known)
		return;
	for (size_t i = 0; i < look->garbage_count; i++)
		bytes += look->garbage[i].bytes;
	if (!look->gc.enabled && bytes)
		add(writer, bytes,
		    "Python's collector of cycles is off, and %.1f MB are garbage in cycles: "
		    "gc.collect() would free what is not frozen",
		    megabytes(bytes));
	if (look->gc.is_incremental)
		add(writer, bytes,
		    "this Python (3.14.0 to 3.14.4) collects old garbage bit by bit: it stays for "
		    "longer than in other versions");
}

void look_add_hints(struct look *look)
{
	struct writer writer = {.look = look};
	const char **texts;

	if (look->core)
		hint_at_core(&writer, look);
	if (look->parts_known && look->malloc)
		hint_at_malloc(&writer, look);
	if (look->parts_known) {
		hint_at_python(&writer, look);
		hint_at_system(&writer, look);
	}
	hint_at_collector(&writer, look);
	texts = zone_alloc(look->zone, writer.count, sizeof(*texts));
	for (size_t i = 0; i < writer.count; i++)
		texts[i] = writer.hints[i].text;
	look->hints = texts;
	look->hint_count = writer.count;
}
