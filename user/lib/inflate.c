/* SPDX-License-Identifier: BSD-2-Clause */
#include "inflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define FIRST_ROOM_BYTES (64u * 1024)

struct output {
	uint8_t *data;
	size_t size;
	size_t room;
};

/* One byte beyond the limit may come out, so that reaching it and passing it differ. */
static int make_room(struct output *output, size_t limit)
{
	size_t room = output->room ? output->room * 2 : FIRST_ROOM_BYTES;

	if (output->size < output->room)
		return 0;
	if (output->size > limit)
		return -EFBIG;
	if (room > limit + 1)
		room = limit + 1;
	uint8_t *data = realloc(output->data, room);

	if (!data)
		return -ENOMEM;
	output->data = data;
	output->room = room;
	return 0;
}

static int inflate_step(z_stream *stream, struct output *output, int *state)
{
	size_t room = output->room - output->size;

	stream->next_out = output->data + output->size;
	stream->avail_out = (uInt)(room > UINT32_MAX / 2 ? UINT32_MAX / 2 : room);
	uInt offered = stream->avail_out;

	*state = inflate(stream, Z_NO_FLUSH);
	output->size += offered - stream->avail_out;
	if (*state == Z_MEM_ERROR)
		return -ENOMEM;
	if (*state == Z_BUF_ERROR || (*state == Z_OK && !stream->avail_in && stream->avail_out))
		return -ENODATA;
	return *state == Z_OK || *state == Z_STREAM_END ? 0 : -EBADMSG;
}

int gzip_inflate(const void *data, size_t size, size_t limit, uint8_t **unpacked,
		 size_t *unpacked_size)
{
	enum { GZIP_WINDOW = 15 + 16 };
	struct output output = {0};
	z_stream stream = {.next_in = (uint8_t *)data, .avail_in = (uInt)size};
	int error = 0, state = Z_OK;

	if (size > UINT32_MAX / 2)
		return -EFBIG;
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	while (!error && state != Z_STREAM_END) {
		error = make_room(&output, limit);
		if (!error)
			error = inflate_step(&stream, &output, &state);
	}
	if (!error && output.size > limit)
		error = -EFBIG;
	if (!error && stream.avail_in)
		error = -EBADMSG;
	inflateEnd(&stream);
	if (error) {
		free(output.data);
		return error;
	}
	*unpacked = output.data;
	*unpacked_size = output.size;
	return 0;
}
