/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots for the tests of everything that reads one. */
#ifndef UNFREED_TEST_SNAPSHOTS_H
#define UNFREED_TEST_SNAPSHOTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/output.h"
#include "profile/snapshot.h"

static inline void add_target(struct snapshot *snapshot, uint32_t pid, const char *comm,
			      const char *exe, const char *argument)
{
	struct target *target = snapshot_add_target(snapshot);

	target->pid = pid;
	target->comm = snapshot_intern(snapshot, comm);
	target->exe = snapshot_intern(snapshot, exe);
	target->cmdline_count = 2;
	target->cmdline = snapshot_alloc(snapshot, 2, sizeof(*target->cmdline));
	target->cmdline[0] = snapshot_intern(snapshot, exe ? exe : comm);
	target->cmdline[1] = snapshot_intern(snapshot, argument);
}

static inline struct stack *add_stack(struct snapshot *snapshot, size_t target,
				      const struct frame *frames, size_t count, uint64_t bytes,
				      uint64_t blocks)
{
	const struct frame **interned = snapshot_alloc(snapshot, count, sizeof(*interned));
	struct stack *stack = snapshot_add_stack(snapshot);

	for (size_t i = 0; i < count; i++)
		interned[i] = snapshot_intern_frame(snapshot, &frames[i]);
	stack->target = target;
	stack->frames = interned;
	stack->frame_count = count;
	stack->live_bytes = bytes;
	stack->live_blocks = blocks;
	stack->alloc_bytes = bytes * 3 + 100;
	stack->alloc_blocks = blocks * 3 + 1;
	stack->oldest_ns = blocks ? 58000000000 : 0;
	snapshot->totals.live_bytes += bytes;
	snapshot->totals.live_blocks += blocks;
	snapshot->totals.alloc_bytes += stack->alloc_bytes;
	snapshot->totals.alloc_blocks += stack->alloc_blocks;
	snapshot->totals.free_bytes += stack->alloc_bytes - bytes;
	snapshot->totals.free_blocks += stack->alloc_blocks - blocks;
	return stack;
}

static inline struct target_moment moment_of(uint64_t python_live, uint64_t files)
{
	struct target_moment moment = {
		.known = true,
		.parts_known = true,
		.resident_bytes = python_live + files,
		.anonymous_bytes = python_live,
		.swapped_bytes = 4096,
	};

	moment.parts[PART_PYTHON_LIVE] = python_live;
	moment.parts[PART_FILES] = files;
	return moment;
}

/* A Python service: mixed stacks, inlined frames, a stack with nothing live, a truncated one and a
 * guessed one. */
static inline struct snapshot *service_snapshot(void)
{
	struct snapshot *snapshot = snapshot_new();
	static const struct frame start = {"_start", NULL, "/usr/bin/python3.11",
					   0x1040,   0,    FRAME_NATIVE};
	static const struct frame main_py = {"<module>", "/srv/app/main.py", NULL, 0,
					     12,         FRAME_PYTHON};
	static const struct frame handle = {"View.handle", "/srv/app/views.py", NULL, 0, 88,
					    FRAME_PYTHON};
	static const struct frame load = {"load_user", "/srv/app/views.py", NULL, 0,
					  41,          FRAME_PYTHON};
	static const struct frame bytes = {
		"PyBytes_FromStringAndSize", NULL, "/usr/bin/python3.11", 0x8812, 0, FRAME_NATIVE};
	static const struct frame outer = {"cache::put(std::string const&, int)",
					   "/src/cache.cc",
					   "/srv/lib/libcache.so.2",
					   0x2210,
					   301,
					   FRAME_NATIVE};
	static const struct frame inner = {"allocate",
					   "/usr/include/c++/12/bits/new_allocator.h",
					   "/srv/lib/libcache.so.2",
					   0x2210,
					   137,
					   FRAME_INLINED};
	static const struct frame unknown = {
		"[libssl.so.3+0x2f1a0]", NULL, "/usr/lib/libssl.so.3", 0x2f1a0, 0, FRAME_NATIVE};

	snapshot->version = snapshot_intern(snapshot, "0.0.0-test");
	snapshot->started_at_ns = 1700000000123456789;
	snapshot->duration_ns = 60000000000;
	snapshot->overhead_percent = 2;
	snapshot->overhead_core_percent = 0.5;
	snapshot->unknown_frees = 12;
	add_target(snapshot, 1234, "recommend", "/usr/bin/python3.11", "main.py");
	snapshot->targets[0].first = moment_of(40000000, 9000000);
	snapshot->targets[0].last = moment_of(55000000, 9500000);
	snapshot->targets[0].own_mappings = snapshot_intern(snapshot, "mmap");
	add_stack(snapshot, 0, (struct frame[]){start, main_py, handle, load, bytes}, 5, 9800000,
		  2900);
	add_stack(snapshot, 0, (struct frame[]){start, main_py, handle, outer, inner}, 5, 2400000,
		  300);
	add_stack(snapshot, 0, (struct frame[]){start, main_py, load, bytes}, 4, 0, 0);
	struct stack *cut = add_stack(snapshot, 0, (struct frame[]){unknown}, 1, 204800, 1);
	cut->truncated = cut->guessed = true;
	add_stack(snapshot, 0, (struct frame[]){start, main_py, handle, load}, 4, 5120, 10)
		->domain = DOMAIN_PYTHON;
	snapshot_sort(snapshot);
	return snapshot;
}

/* That service, asked what is lost: every kind of holder, and one process that is not judged. */
static inline struct snapshot *judged_snapshot(void)
{
	static struct stack_holder holders[] = {
		{{HOLDER_VARIABLE, 0, "cache::instance", "/srv/lib/libcache.so.2"},
		 {9000000, 2000},
		 1},
		{{HOLDER_VARIABLE, 0, NULL, "/usr/bin/python3.11"}, {70000, 70}, 70},
		{{HOLDER_THREAD_LOCAL, 1240, NULL, NULL}, {60000, 60}, 0},
		{{HOLDER_THREAD_LOCAL, 1240, "pool", "/usr/bin/python3.11"}, {50000, 50}, 50},
		{{HOLDER_STACK, 1240, "worker</script>\n\x1b[31m", NULL}, {40000, 40}, 40},
		{{HOLDER_STACK, 0, NULL, NULL}, {30000, 30}, 30},
		{{HOLDER_MAPPING, 0, "</script>;\x1b[2J\xff", NULL}, {20000, 20}, 20},
		{{HOLDER_SYSTEM_CALL, 1240, "worker", NULL}, {10000, 10}, 10},
		{{HOLDER_REGISTER, 1240, "worker", NULL}, {9000, 9}, 9},
		{{HOLDER_EPOLL, 0, NULL, NULL}, {8000, 8}, 8},
		{{HOLDER_TIMER, 0, NULL, NULL}, {7000, 7}, 7},
		{{HOLDER_BLOCKS, 0, NULL, NULL}, {6000, 6}, 0},
	};
	struct snapshot *snapshot = service_snapshot();
	const struct reachability held = {.lost = {100000, 300},
					  .reachable = {9310000, 2310},
					  .holders = holders,
					  .holder_count = sizeof(holders) / sizeof(*holders)};
	const struct reachability lost = {.lost = {2400000, 300}};

	snapshot_add_reachability(snapshot, &snapshot->stacks[0], &held);
	snapshot_add_reachability(snapshot, &snapshot->stacks[1], &lost);
	for (size_t i = 0; i < sizeof(holders) / sizeof(*holders) - 1; i++) {
		const struct amount *amount = &holders[i].held;
		const struct reachability one = {
			.reachable = *amount, .holders = &holders[i], .holder_count = 1};
		struct frame frame = {"hold", "/srv/app/hold.c", "/srv/app/hold", 16 + i,
				      7,      FRAME_NATIVE};

		snapshot_add_reachability(
			snapshot, add_stack(snapshot, 0, &frame, 1, amount->bytes, amount->blocks),
			&one);
	}
	snapshot->targets[0].reach_looks = 5;
	snapshot->targets[0].reach_frozen_ns = 123456789;
	add_target(snapshot, 1300, "node\x1b", "/usr/bin/node", "app.js");
	snapshot->targets[1].reach_problem =
		snapshot_intern(snapshot, "V8 (Node.js) keeps references in forms of its own");
	snapshot_sort(snapshot);
	return snapshot;
}

/* That service, its interpreter's blocks recorded one by one and looked into: some may be
 * another's. */
static inline struct snapshot *objects_snapshot(void)
{
	static struct stack_type types[] = {{"dict", {3000, 6}},
					    {"shop.models.Product</script>\n\x1b[31m;1", {1024, 2}},
					    {"str", {600, 1}},
					    {"int", {32, 1}}};
	const struct stack_objects objects = {
		.known = {5120, 10},
		.has_reused = true,
		.reused = {4096, 8},
		.types = types,
		.type_count = sizeof(types) / sizeof(*types),
	};
	const struct stack_objects in_pools = {
		.known = {2400000, 300}, .types = types, .type_count = 1};
	struct snapshot *snapshot = service_snapshot();

	snapshot->targets[0].python_mode = snapshot_intern(snapshot, "exact");
	snapshot->targets[0].python_version = snapshot_intern(snapshot, "3.11.2");
	snapshot->targets[0].python_coverage = 99.5;
	snapshot_add_objects(snapshot, &snapshot->stacks[1], &in_pools);
	snapshot_add_objects(snapshot, &snapshot->stacks[3], &objects);
	return snapshot;
}

/* Every name is an attack on some reader. */
static inline struct snapshot *hostile_snapshot(void)
{
	static const char *const names[] = {
		"</script><script>alert(1)</script>",
		"]]><script>alert(2)</script>",
		"<img src=x onerror=alert(3)>\"'&amp;",
		"a;b;c 99",
		"line\nbreak\r\ttab 7",
		"\x1b]0;owned\x07\x1b[2J",
		"c1\xc2\x9b"
		"31m",
		"bidi\xe2\x80\xae"
		"gnp.exe",
		"latin1 \xe9\xff",
		"overlong \xc0\xaf",
		"nonchar \xef\xbf\xbe\xef\xbf\xbf",
		"${7*7}{{7*7}}%s%n%p",
		"",
		"日本語の関数名がとても長い場合",
		"-->",
		"\\u003c\\",
	};
	struct snapshot *snapshot = snapshot_new();

	snapshot->version = snapshot_intern(snapshot, "0.0.0-test");
	snapshot->started_at_ns = 1700000000000000000;
	snapshot->duration_ns = 4200000000;
	snapshot->older_than_ns = 1000000000;
	snapshot->mode = MODE_GROWTH;
	add_target(snapshot, 7, "</title><b>;\n", "/bin/\x1b[31mx", "--a=\"<b>\"\xff");
	add_target(snapshot, 8, "</title><b>;\n", NULL, "");
	snapshot->targets[0].first = moment_of(1000, 0);
	snapshot->targets[0].last = moment_of(9000000, 0);
	snapshot->targets[0].last.parts[PART_ANONYMOUS] = 8999000;
	snapshot->targets[0].own_mappings =
		snapshot_intern(snapshot, "</script><script>alert(9)</script>\x1b[2J");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct frame frame = {.name = names[i], .kind = FRAME_PYTHON, .line = 1};
		struct frame native = {.name = names[i],
				       .file = names[i],
				       .module = names[i],
				       .offset = ~0ull,
				       .line = UINT32_MAX};

		frame.file = names[(i + 1) % (sizeof(names) / sizeof(names[0]))];
		add_stack(snapshot, i % 2, (struct frame[]){native, frame}, 2, 1000 + i, i + 1);
	}
	for (size_t i = 0; i < LOSS_COUNT; i++)
		snapshot->losses[i] = 1000 * i;
	snapshot_sort(snapshot);
	return snapshot;
}

/* A service of many stacks, deep and of all widths: what a drawing must bear. */
static inline struct snapshot *wide_snapshot(void)
{
	static const char *const python[] = {"WSGIHandler.__call__",
					     "BaseHandler.get_response",
					     "inner",
					     "RecommendationView.get",
					     "Serializer.to_representation",
					     "QuerySet._fetch_all",
					     "ModelIterable.__iter__",
					     "SQLCompiler.execute_sql",
					     "CursorWrapper.execute",
					     "Feature.compute",
					     "embed",
					     "Cache.set"};
	static const char *const native[] = {
		"PyObject_Malloc", "_PyBytes_Resize",
		"PyDict_SetItem",  "PQexec",
		"pqResultAlloc",   "std::vector<float, std::allocator<float> >::_M_realloc_insert"};
	struct snapshot *snapshot = snapshot_new();
	uint64_t random = 42;

	snapshot->version = snapshot_intern(snapshot, "0.0.0-test");
	snapshot->started_at_ns = 1700000000000000000;
	snapshot->duration_ns = 5400000000000;
	snapshot->overhead_percent = 1.5;
	snapshot->unknown_frees = 48213;
	snapshot->losses[LOSS_stack_too_deep] = 17;
	add_target(snapshot, 4100, "gunicorn", "/usr/bin/python3.12", "recsys.wsgi");
	add_target(snapshot, 4101, "gunicorn", "/usr/bin/python3.12", "recsys.wsgi");
	for (size_t i = 0; i < 160; i++) {
		struct frame frames[40];
		size_t count = 0, depth;

		random = random * 6364136223846793005u + 1442695040888963407u;
		depth = 4 + (random >> 33) % 8;
		frames[count++] =
			(struct frame){"_start", NULL, "/usr/bin/python3.12", 1, 0, FRAME_NATIVE};
		for (size_t j = 0; j < depth; j++) {
			size_t pick = j < 3 ? j : 3 + (random >> (3 * j + 8)) % 9;

			frames[count++] =
				(struct frame){python[pick],
					       "/srv/recsys/views.py",
					       NULL,
					       0,
					       (uint32_t)(20 + pick * 7 + (j > 4 ? i % 3 : 0)),
					       FRAME_PYTHON};
		}
		for (size_t j = 0; j < 1 + i % 3; j++)
			frames[count++] = (struct frame){native[(random >> (40 + j)) % 6],
							 NULL,
							 "/usr/lib/libpq.so.5",
							 64 * j + i,
							 0,
							 FRAME_NATIVE};
		add_stack(snapshot, i % 5 == 0, frames, count, 20000000 / (i + 1) + (random >> 50),
			  1 + 90000 / (i * i + 1))
			->truncated = i % 23 == 7;
	}
	snapshot_sort(snapshot);
	return snapshot;
}

/* Two stacks of 90 frames, own code in their middle, beside many small ones through a library. */
static inline struct snapshot *deep_snapshot(void)
{
	struct snapshot *snapshot = snapshot_new();
	struct frame frames[91] = {{"<module>", "/srv/shop/main.py", NULL, 0, 3, FRAME_PYTHON}};
	char name[32];

	snapshot->version = snapshot_intern(snapshot, "0.0.0-test");
	snapshot->host = snapshot_intern(snapshot, "web-3");
	snapshot->started_at_ns = 1700000000000000000;
	snapshot->duration_ns = 60000000000;
	snapshot->overhead_percent = snapshot->overhead_core_percent = -1;
	add_target(snapshot, 7, "shop", "/usr/bin/python3", "main.py");
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t j = 1; j < 91; j++)
			frames[j] = (struct frame){"walk", "/srv/shop/tree.py", NULL, 0,
						   10 + i, FRAME_PYTHON};
		frames[89] = (struct frame){i ? "keep" : "grow", "/srv/shop/tree.py", NULL, 0, 20,
					    FRAME_PYTHON};
		frames[90] = (struct frame){"copy",      "/usr/lib/python3.11/copy.py", NULL, 0, 7,
					    FRAME_PYTHON};
		add_stack(snapshot, 0, frames, 91, i ? 100000 : 900000, 10);
	}
	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "made%u", i);
		frames[1] = (struct frame){
			name, "/usr/lib/python3.11/enum.py", NULL, 0, i + 1, FRAME_PYTHON};
		frames[2] = (struct frame){"leafy",     "/usr/lib/python3.11/enum.py", NULL, 0, 1,
					   FRAME_PYTHON};
		add_stack(snapshot, 0, frames, 3, 100, 1);
	}
	snapshot_sort(snapshot);
	return snapshot;
}

/* Renders to a new string; its length goes to *size where that is not NULL. */
__attribute__((noinline, unused)) static char *render(const struct snapshot *snapshot,
						      const char *format_name,
						      const struct output_options *options,
						      size_t *size)
{
	static const struct output_options defaults;
	const struct output_format *format = output_format_by_name(format_name);
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	if (!file || !format || format->write(snapshot, options ? options : &defaults, file))
		abort();
	fclose(file);
	if (size)
		*size = length;
	return text;
}

/* As one that was recorded in windows: of some stacks it is told that they grow. */
static inline struct snapshot *windows_snapshot(void)
{
	struct snapshot *snapshot = service_snapshot();

	snapshot->mode = MODE_WINDOWS;
	snapshot->overhead_percent = 4.875;
	snapshot->windows = (struct recorded_windows){
		.asked_percent = 5,
		.spent_percent = 4.875,
		.count = 1234,
		.failed = 2,
		.given_up = 4,
		.promoted = 3,
		.watched_ns = 12500000000,
		.bytes_per_hour = 15.5e6,
	};
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct stack_growth *growth = snapshot_alloc(snapshot, 1, sizeof(*growth));

		*growth = (struct stack_growth){.verdict = i % GROWTH_VERDICTS,
						.suspect = i % GROWTH_VERDICTS == GROWTH_UNTOLD,
						.samples = 10 * i + 1,
						.high = 1e6 * (double)(i + 3)};
		if (growth->verdict == GROWTH_GROWS) {
			growth->blocks = 100 * i;
			growth->bytes_per_hour = 1e6 * (double)(i + 1);
			growth->low = 1e6 * (double)i;
		}
		snapshot->stacks[i].growth = growth;
	}
	return snapshot;
}

#endif
