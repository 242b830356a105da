/* SPDX-License-Identifier: BSD-2-Clause */
#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "../lib/clock.h"

/* Beyond so much, the rest waits in the ring buffer. */
#define ASIDE_BYTES ((size_t)128 << 20)

struct aside {
	struct aside *next;
	size_t size;
	uint64_t at_ns;
	char bytes[];
};

struct intake {
	struct ring_buffer *ring;
	struct loop_source *source; /* NULL: there is no loop */
	bool muted;
	struct aside *first;
	struct aside **end;
	struct aside *handed; /* out, by intake_next() */
	size_t bytes;
	size_t lost;
};

/* An error ends a round; the record that gives it has been taken all the same. */
static int set_aside(void *context, void *data, size_t size)
{
	struct intake *intake = context;
	struct aside *aside = malloc(sizeof(*aside) + size);

	if (!aside) {
		intake->lost++;
		return 0;
	}
	aside->next = NULL;
	aside->size = size;
	aside->at_ns = clock_ns(CLOCK_MONOTONIC);
	memcpy(aside->bytes, data, size);
	*intake->end = aside;
	intake->end = &aside->next;
	intake->bytes += size;
	return intake->bytes < ASIDE_BYTES ? 0 : -ENOBUFS;
}

static void mute(struct intake *intake, bool muted)
{
	if (intake->source && intake->muted != muted)
		loop_mute(intake->source, muted);
	intake->muted = muted;
}

void intake_fetch(struct intake *intake)
{
	if (intake->bytes < ASIDE_BYTES)
		ring_buffer__consume(intake->ring);
	mute(intake, intake->bytes >= ASIDE_BYTES);
}

static void fetch(void *context)
{
	intake_fetch(context);
}

struct intake *intake_new(int ring_map, struct loop *loop)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (!intake)
		return NULL;
	intake->end = &intake->first;
	intake->ring = ring_buffer__new(ring_map, set_aside, intake, NULL);
	if (intake->ring && loop)
		intake->source = loop_on_descriptor(loop, ring_buffer__epoll_fd(intake->ring),
						    LOOP_ALWAYS, fetch, intake);
	if (intake->ring && (intake->source || !loop))
		return intake;
	intake_free(intake);
	return NULL;
}

void intake_free(struct intake *intake)
{
	size_t size;

	if (!intake)
		return;
	loop_drop(intake->source);
	while (intake_next(intake, &size))
		;
	ring_buffer__free(intake->ring);
	free(intake);
}

const void *intake_next(struct intake *intake, size_t *size)
{
	struct aside *aside = intake->first;

	free(intake->handed);
	intake->handed = aside;
	if (!aside)
		return NULL;
	intake->first = aside->next;
	if (!intake->first)
		intake->end = &intake->first;
	intake->bytes -= aside->size;
	*size = aside->size;
	return aside->bytes;
}

uint64_t intake_aside_ns(const struct intake *intake)
{
	return intake->handed ? intake->handed->at_ns : 0;
}

bool intake_has_some(const struct intake *intake)
{
	return intake->first != NULL;
}

size_t intake_lost(const struct intake *intake)
{
	return intake->lost;
}
