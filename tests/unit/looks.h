/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks and answers for tests: the service of docs, and one whose every string is an attack. */
#ifndef TEST_LOOKS_H
#define TEST_LOOKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/answer.h"
#include "look/look.h"

#define HOSTILE_NAME                                                                            \
	"a\x1b[31m\n<script>alert(1)</script>\"'&\xe2\x80\xae\xc2\x9b 世界世界世界世界" \
	".very.long.name.that.goes.on.and.on.and.on.beyond.any.screen.END"

#define COPY(zone, array, count)                                                            \
	(*(count) = sizeof(array) / sizeof((array)[0]),                                     \
	 memcpy(zone_alloc((zone), sizeof(array) / sizeof((array)[0]), sizeof((array)[0])), \
		(array), sizeof(array)))

static inline void add_parts(struct look *look)
{
	static const struct look_part parts[PART_COUNT] = {
		[PART_PYTHON_LIVE] = {890000000, 872000000},
		[PART_PYTHON_FREE] = {20000000, 18500000},
		[PART_MALLOC_LIVE] = {214000000, 211000000},
		[PART_MALLOC_FREE_RETURNABLE] = {150000000, 150400000},
		[PART_MALLOC_FREE_PINNED] = {30000000, 31000000},
		[PART_MALLOC_CACHE] = {6000000, 6000000},
		[PART_STACKS] = {10000000, 66000000},
		[PART_FILES] = {100000000, 140000000},
	};

	static const struct look_malloc malloc = {
		.version = "2.35-2.42",
		.arenas = 9,
		.threads = 12,
		.heaps = 14,
		.system_bytes = 390000000,
		.live_bytes = 180000000,
		.live_chunks = 1200000,
		.free_bytes = 182000000,
		.top_bytes = 400000,
		.fastbin_bytes = 600000,
		.cached_bytes = 5400000,
		.cached_chunks = 21000,
		.mmapped_bytes = 31000000,
		.mmapped_chunks = 12,
		.returnable_bytes = 150400000,
	};
	static const struct look_chunks chunks[] = {
		{32, 9000, 288000}, {1040, 20000, 20800000}, {131072, 12, 1900000}};
	static const struct look_count mappings[] = {{"code made at run time", 2, 40000},
						     {"mmap", 3, 20000}};

	look->parts_known = true;
	memcpy(look->parts, parts, sizeof(parts));
	look->malloc = &malloc;
	look->chunks = COPY(look->zone, chunks, &look->chunk_class_count);
	look->mappings = COPY(look->zone, mappings, &look->mapping_count);
	look->proportional_bytes = 1400000000;
	look->resident_bytes = 1420000000;
	look->limit_bytes = 3000000000;
	look->swapped_bytes = 12000000;
}

static inline void add_containers(struct look *look)
{
	static const struct look_count events[] = {{"recommend.behaviour.Event", 764012, 91681440},
						   {"str", 12, 900}};
	static const struct look_container containers[] = {
		{"recommend.behaviour.HISTORY", "dict", 0x7f0011223344, 764012, 764000000,
		 LOOK_UNKNOWN, LOOK_UNKNOWN, LOOK_UNKNOWN, events, 2},
		{NULL, "list", 0x7f0011229900, 91000, 31000000, LOOK_UNKNOWN, LOOK_UNKNOWN,
		 LOOK_UNKNOWN},
		{"prices (shop/prices.py:12)", "lru_cache", 0x7f0011225500, 8912, 9000000, 10000,
		 931204, 70120},
		{"recommend.service.pipeline.stages.features.extraction.registry.by_visitor_"
		 "and_session[*].computed_vectors",
		 "collections.defaultdict", 0, 1200, 4400000, LOOK_UNKNOWN, LOOK_UNKNOWN,
		 LOOK_UNKNOWN},
	};

	static const struct look_pool pools[] = {
		{"recommend.db.ENGINE.pool", "sqlalchemy.pool.impl.QueuePool", 1, 4, 3, 15},
		{"recommend.views.SESSIONS[*].pool", "urllib3.connectionpool.HTTPConnectionPool",
		 12, 1200, 0, LOOK_UNKNOWN},
	};
	look->pools = COPY(look->zone, pools, &look->pool_count);
	look->containers = COPY(look->zone, containers, &look->container_count);
}

static inline void add_holders(struct look *look)
{
	static const struct look_step chain[] = {{"", "module", "recommend.behaviour"},
						 {".HISTORY", "dict", NULL},
						 {"[*]", "recommend.behaviour.Event", NULL}};
	static const struct look_holder holders[] = {
		{"Event", "recommend.behaviour.HISTORY[*]", 764000, 91680000, chain, 3},
		{"Event",
		 "local kept of make_handler (recommend/handlers.py:41), of a frame that "
		 "has been running since the start of thread 3",
		 12, 1440, chain, 2},
	};

	look->holders = COPY(look->zone, holders, &look->holder_count);
}

static inline void add_rest(struct look *look)
{
	static const struct look_type types[] = {
		{"recommend.behaviour.Event", "python", 764012, 91681440},
		{"str", "python", 1600210, 88011550},
		{"std::vector<features::Row, std::allocator<features::Row> >", "c++", 410, 9840},
	};
	static const char *const hints[] = {
		"malloc_trim would return 150.4 MB: a process that calls it now and then, or that "
		"has M_TRIM_THRESHOLD set, gives them back"};
	static const struct look_garbage garbage[] = {
		{"recommend.graph.Node", 6000, 720000, "cycle"}};
	static const struct look_held held[] = {{"recommend.features.Row", 4100, 459200, 4037},
						{"str", 1200, 66000, 0}};
	static const struct look_lost lost[] = {{"str", 64, 40, 2560}};

	look->types = COPY(look->zone, types, &look->type_count);
	look->hints = COPY(look->zone, hints, &look->hint_count);
	look->garbage = COPY(look->zone, garbage, &look->garbage_count);
	look->held = COPY(look->zone, held, &look->held_count);
	look->lost = COPY(look->zone, lost, &look->lost_count);
	look->gc = (struct look_gc){
		.known = true,
		.enabled = true,
		.generation_count = 3,
		.generations = {{700, 412, 904112, 8812003, 0},
				{10, 3, 82101, 41022, 0},
				{10, 7, 7376, 90112, 0}},
	};
	look->uncertain[UNCERTAIN_TORN_POOLS] = 3;
	look->uncertain[UNCERTAIN_SWAPPED] = 12000000;
}

static inline struct look *service_look(void)
{
	struct look *look = look_new();

	look->pid = 1235;
	look->comm = "gunicorn";
	look->exe = "/usr/bin/python3.11";
	look->python_version = "3.11.2";
	look->start_time = 4410023;
	look->taken_at_ns = 1769860800000000000;
	look->read_ns = 310000000;
	look->cpu_ns = 121000000;
	add_parts(look);
	add_containers(look);
	add_holders(look);
	add_rest(look);
	return look;
}

static inline void add_growth(struct look *look)
{
	static const struct look_count types[] = {
		{"recommend.behaviour.Event", 320, 38400},
		{"str", (uint64_t)-12, (uint64_t)-900},
	};
	static const struct look_grown containers[] = {
		{"recommend.behaviour.HISTORY", "dict", "recommend.behaviour.Event", 0x7f0011223344,
		 1, 764012, 320, 160000, false},
		{"USERS[*].history", "list", "Visit", 0, 1200, 91000, 84, 21000, false},
		{NULL, "list", NULL, 0x7f0011229900, 1, 40, 12, 3000, true},
	};
	static const struct look_edge edges[] = {{"list", "recommend.behaviour.Event", 320}};
	struct look_growth *growth = zone_alloc(look->zone, 1, sizeof(*growth));

	growth->seconds = 60;
	growth->looks = 6;
	growth->types = COPY(look->zone, types, &growth->type_count);
	growth->containers = COPY(look->zone, containers, &growth->container_count);
	growth->edges = COPY(look->zone, edges, &growth->edge_count);
	growth->parts[PART_PYTHON_LIVE] = 252000;
	growth->parts[PART_MALLOC_FREE_PINNED] = -4000;
	growth->resident_bytes = 262144;
	look->growth = growth;
}

/* Every string an attack, every number the largest. */
static inline struct look *hostile_look(void)
{
	static const struct look_count of[] = {{HOSTILE_NAME, UINT64_MAX, UINT64_MAX}};
	static const struct look_type types[] = {{HOSTILE_NAME, "python", UINT64_MAX, UINT64_MAX}};
	static const struct look_container containers[] = {
		{HOSTILE_NAME, HOSTILE_NAME, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX - 1,
		 UINT64_MAX - 1, UINT64_MAX - 1, of, 1},
		{NULL, HOSTILE_NAME, UINT64_MAX, 0, 0, 0, 0, 0, of, 1},
	};
	static const struct look_step chain[] = {{HOSTILE_NAME, HOSTILE_NAME, HOSTILE_NAME}};
	static const struct look_holder holders[] = {
		{HOSTILE_NAME, HOSTILE_NAME, UINT64_MAX, UINT64_MAX, chain, 1}};
	static const struct look_garbage garbage[] = {
		{HOSTILE_NAME, UINT64_MAX, UINT64_MAX, HOSTILE_NAME}};
	static const struct look_held held[] = {{"recommend.features.Row", 4100, 459200, 4037},
						{"str", 1200, 66000, 0}};
	static const struct look_lost lost[] = {{HOSTILE_NAME, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	static const char *const hints[] = {HOSTILE_NAME};
	struct look *look = look_new();

	look->pid = 1;
	look->comm = look->exe = look->python_version = HOSTILE_NAME;
	look->python_problem = look->malloc_problem = HOSTILE_NAME;
	look->resident_bytes = look->swapped_bytes = look->limit_bytes = UINT64_MAX;
	look->read_ns = look->cpu_ns = UINT64_MAX;
	look->parts_known = true;
	for (size_t i = 0; i < PART_COUNT; i++)
		look->parts[i] = (struct look_part){UINT64_MAX, UINT64_MAX};
	for (size_t i = 0; i < UNCERTAIN_COUNT; i++)
		look->uncertain[i] = UINT64_MAX;
	look->types = COPY(look->zone, types, &look->type_count);
	static const struct look_pool pools[] = {
		{HOSTILE_NAME, HOSTILE_NAME, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX - 1}};
	look->pools = COPY(look->zone, pools, &look->pool_count);
	look->containers = COPY(look->zone, containers, &look->container_count);
	look->holders = COPY(look->zone, holders, &look->holder_count);
	look->garbage = COPY(look->zone, garbage, &look->garbage_count);
	look->held = COPY(look->zone, held, &look->held_count);
	look->lost = COPY(look->zone, lost, &look->lost_count);
	look->hints = COPY(look->zone, hints, &look->hint_count);
	look->gc.known = look->gc.enabled = true;
	look->gc.generation_count = 3;
	memset(look->gc.generations, 0xff, sizeof(look->gc.generations));
	return look;
}

static inline struct answer *answer_new_of(struct look *look)
{
	struct answer *answer = zone_alloc(look->zone, 1, sizeof(*answer));

	answer->zone = look->zone;
	answer->look = look;
	answer->pid = 1234;
	answer->comm = look->comm;
	answer->exe = look->exe;
	answer->process_count = 3;
	answer->uptime_s = answer->look_uptime_s = 3.5 * 86400;
	answer->watched_s = 120;
	answer->cost_percent = 0.6;
	answer->core_percent = 0.4;
	answer->growth_known = true;
	answer->resident_bytes = look->resident_bytes;
	answer->limit_bytes = look->limit_bytes;
	answer->full_in_s = 4.3 * 86400;
	return answer;
}

static inline void add_findings(struct answer *answer)
{
	static const struct answer_frame remember[] = {
		{"setdefault", "/usr/lib/python3.11/collections/__init__.py", 400, false},
		{"remember", "/srv/shop/recommend/behaviour.py", 25, true},
		{"wrapper", "/usr/lib/python3/dist-packages/django/core.py", 11, false},
		{"recommend", "/srv/shop/recommend/views.py", 18, true},
	};
	static const struct answer_frame native[] = {
		{"buffer_fill", NULL, 0, false},
		{"scale", NULL, 0, false},
		{"compute_features", "/srv/shop/recommend/engine.py", 40, true},
	};
	static const struct answer_fill fills[] = {{640, 640, remember, 4, 1}};
	static const struct answer_fill allocations[] = {{31, 31, native, 3, 3}};
	struct finding findings[] = {
		{VERDICT_LEAK,
		 {9.1e6, 8.6e6, 9.6e6},
		 764000000,
		 &answer->look->containers[0],
		 NULL,
		 "Event",
		 fills,
		 1,
		 NULL,
		 0,
		 20,
		 EVIDENCE_MEMORY | EVIDENCE_WATCH,
		 "+1,920 entries/min, none leaves, all 640 insertions seen in 20 s came from this "
		 "line; its size is its rate x uptime"},
		{VERDICT_GROWS,
		 {4.8e6, 4.1e6, 5.5e6},
		 0,
		 NULL,
		 "malloc in features.so",
		 NULL,
		 allocations,
		 1,
		 NULL,
		 0,
		 0,
		 EVIDENCE_PROBES,
		 "31 blocks of 253.9 kB in all were made in 18 s and not freed"},
		{VERDICT_FILLING_CACHE,
		 {0.6e6, 0.5e6, 0.7e6},
		 9000000,
		 &answer->look->containers[2],
		 NULL,
		 "tuple",
		 NULL,
		 0,
		 NULL,
		 0,
		 0,
		 EVIDENCE_MEMORY,
		 "8,912 of 10,000 entries: full in 20 min"},
		{VERDICT_UNEXPLAINED,
		 {0.7e6, 0.2e6, 1.2e6},
		 .reason = "in no container and from no line that was seen"},
	};

	answer->growth = (struct rate){15.2e6, 14.1e6, 16.3e6};
	answer->resident_growth = (struct rate){14.8e6, 9e6, 20.1e6};
	answer->explained = 14.5e6;
	answer->findings = COPY(answer->zone, findings, &answer->finding_count);
	answer->saved_as = "why-1234-0312.json";
}

/* Two minutes of it: a line with the waves of the collector, and one of resident memory. */
static inline void add_lines(struct answer *answer)
{
	enum { COUNT = 21 };
	struct sample *live = zone_alloc(answer->zone, COUNT, sizeof(*live));
	struct sample *resident = zone_alloc(answer->zone, COUNT, sizeof(*resident));

	for (size_t i = 0; i < COUNT; i++) {
		double at_s = 6 * (double)i;

		live[i] = (struct sample){at_s, 1.083e9 + 4200 * at_s + 40000 * (double)(i % 5)};
		resident[i] = (struct sample){at_s, 1.42e9 + 65536 * (double)(i / 2)};
	}
	struct answer_line lines[] = {
		{"in use", live, COUNT}, {"resident", resident, COUNT}, {"of one sample", live, 1}};

	answer->lines = COPY(answer->zone, lines, &answer->line_count);
}

#endif
