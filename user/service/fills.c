/* SPDX-License-Identifier: BSD-2-Clause */
#include "fills.h"

#include "../analyze/fill_order.h"

enum {
	FILLS_MAX = 64, /* more than are told: the line that counts may have few hits */
	FILL_FRAMES_MAX = 64,
};

#define EXPLAINS_LEAST 0.25

enum watch_kind watch_kind_of(enum word_kind kind)
{
	return kind == WORD_LENGTH ? WATCH_LENGTH : kind == WORD_SLOT ? WATCH_SLOT : WATCH_REFCOUNT;
}

static void copy_frames(struct zone *zone, const struct watch_writer *writer,
			struct answer_fill *fill)
{
	struct answer_frame *frames;

	fill->frame_count =
		writer->frame_count < FILL_FRAMES_MAX ? writer->frame_count : FILL_FRAMES_MAX;
	frames = zone_alloc(zone, fill->frame_count, sizeof(*frames));
	fill->own = fill->frame_count;
	for (size_t i = 0; i < fill->frame_count; i++) {
		const struct watch_frame *frame = &writer->frames[i];

		frames[i] = (struct answer_frame){
			.function = zone_strdup(zone, frame->function ? frame->function : "?"),
			.file = frame->file ? zone_strdup(zone, frame->file) : NULL,
			.line = frame->line,
			.own = frame->own,
		};
		if (frame->own && fill->own == fill->frame_count)
			fill->own = i;
	}
	fill->frames = frames;
}

static void append(struct zone *zone, struct answer_fill **fills, size_t *count,
		   const struct watch_writer *writer)
{
	struct answer_fill fill = {.delta = writer->net, .count = writer->count};
	size_t place = 0;

	copy_frames(zone, writer, &fill);
	while (place < *count && !fills_share_stack(&(*fills)[place], &fill))
		place++;
	if (place < *count) {
		(*fills)[place].delta += fill.delta;
		(*fills)[place].count += fill.count;
		return;
	}
	if (!*fills)
		*fills = zone_alloc(zone, FILLS_MAX, sizeof(**fills));
	if (*count < FILLS_MAX)
		(*fills)[(*count)++] = fill;
}

/* Who looks something up by a key gives up again what it refers to it by; who makes a dictionary
 * with it does not. The last one to look up may not have given it up yet. */
static bool keeps_key(const struct watch_writer *writer)
{
	return writer->net > 1 && (uint64_t)writer->net == writer->count;
}

uint64_t fills_entries(enum word_kind kind, const struct watch_result *result)
{
	uint64_t count = 0;

	if (kind == WORD_SLOT)
		return result->replaced;
	if (kind != WORD_KEY)
		return result->grew;
	for (size_t i = 0; i < result->writer_count; i++)
		count += keeps_key(&result->writers[i]) ? result->writers[i].count : 0;
	return count;
}

static bool grows(const struct watch_writer *writer, enum word_kind kind)
{
	if (kind == WORD_KEY)
		return keeps_key(writer);
	return kind == WORD_SLOT ? writer->change == WATCH_REPLACED || writer->change == WATCH_GREW
				 : writer->net > 0;
}

void fills_take(struct fills *fills, struct zone *zone, enum word_kind kind,
		const struct watch_result *result)
{
	for (size_t i = 0; i < result->writer_count; i++) {
		const struct watch_writer *writer = &result->writers[i];

		if (grows(writer, kind))
			append(zone, &fills->grow, &fills->grow_count, writer);
		else if (kind == WORD_LENGTH && writer->net < 0)
			append(zone, &fills->shrink, &fills->shrink_count, writer);
	}
}

void fills_put_first(struct fills *fills, double stayed)
{
	if (fills->shrink_count)
		fills_order(fills->grow, fills->grow_count, stayed);
}

bool fills_tell(const struct fills *fills, double stayed)
{
	return fills->grow_count &&
	       (!fills->shrink_count ||
		fills_explain(fills->grow, fills->grow_count, 0, stayed) >= EXPLAINS_LEAST);
}
