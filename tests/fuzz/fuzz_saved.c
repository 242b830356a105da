/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: JSON that is said to be a report, a look or an answer. What is read is compared with
 * itself, in which nothing may differ but what cannot be told, and shown in every format.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/answer_read.h"
#include "analyze/difference.h"
#include "look/read.h"
#include "output/difference.h"
#include "profile/snapshot_read.h"

static void show(struct difference *difference, bool of_stacks)
{
	static difference_output_fn *const writers[] = {difference_text, difference_json,
							difference_html, difference_folded};
	const struct difference_options options = {0};

	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		char *text = NULL;
		size_t size;
		FILE *file = open_memstream(&text, &size);

		if (writers[i] == difference_folded && !of_stacks)
			fprintf(file, "none");
		else if (writers[i](difference, &options, file))
			abort();
		fclose(file);
		free(text);
	}
	for (size_t i = 0; i < difference->entry_count; i++) {
		enum outcome outcome = difference->entries[i].outcome;

		if (outcome != OUTCOME_SAME && outcome != OUTCOME_UNSURE)
			abort();
	}
	if (difference_above(difference, 0))
		abort();
	difference_free(difference);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[300], *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	struct snapshot *snapshot = snapshot_read_json(text, size, error, sizeof(error));
	struct look *look = look_read_text("look", text, size, error, sizeof(error));
	struct answer *answer = answer_read_text("answer", text, size, error, sizeof(error));

	if (snapshot)
		show(difference_of_profiles(snapshot, snapshot), true);
	if (look)
		show(difference_of_looks(look, look), false);
	if (answer)
		show(difference_of_answers(answer, answer), false);
	snapshot_free(snapshot);
	look_free(look);
	answer_free(answer);
	free(text);
	return 0;
}
