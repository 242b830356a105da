/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeds the reader of saved profiles. gzip would hide the format from the fuzzer, so each input is
 * packed here first; what is read must be written and read again to the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../../user/output/formats.h"
#include "../../user/profile/pprof.h"

static size_t pack(const uint8_t *data, size_t size, uint8_t **packed)
{
	z_stream stream = {.next_in = (uint8_t *)data, .avail_in = (uInt)size};

	deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	size_t room = deflateBound(&stream, size);

	*packed = malloc(room);
	stream.next_out = *packed;
	stream.avail_out = (uInt)room;
	deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	return stream.total_out;
}

static void check_outputs(const struct snapshot *snapshot)
{
	static output_fn *const writers[] = {output_text, output_folded, output_svg,
					     output_html, output_json,   output_pprof};
	static const struct output_options options;

	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		char *text = NULL, error[300];
		size_t size;
		FILE *file = open_memstream(&text, &size);

		if (writers[i](snapshot, &options, file))
			abort();
		fclose(file);
		if (writers[i] == output_pprof) {
			struct snapshot *again =
				profile_read_memory(text, size, error, sizeof(error));

			if (!again)
				abort();
			snapshot_free(again);
		}
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[300];
	uint8_t *packed;
	size_t packed_size = pack(data, size, &packed);
	struct snapshot *snapshot = profile_read_memory(packed, packed_size, error, sizeof(error));

	if (snapshot)
		check_outputs(snapshot);
	snapshot_free(snapshot);
	free(packed);
	return 0;
}
