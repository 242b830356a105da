/* SPDX-License-Identifier: BSD-2-Clause */
/* A question to the confined process about the bytes of an image: where these lie, and words. */
#ifndef UNFREED_PYTHON_IMAGE_CODEC_H
#define UNFREED_PYTHON_IMAGE_CODEC_H

#include "image.h"

enum { QUESTION_WORDS = 4 };

struct image_question {
	struct elf_segment segments[IMAGE_SEGMENTS_MAX];
	uint64_t segment_count;
	uint64_t words[QUESTION_WORDS];
};

/* Asks. Returns as confined_call. */
int image_ask(const struct python_image *image, confined_fn *function,
	      const uint64_t words[QUESTION_WORDS], struct confined_answer *answer);

/* In the confined process: what was asked, and about what. `image` needs no release. */
int image_asked(int fd, const void *input, size_t length, struct python_image *image,
		uint64_t words[QUESTION_WORDS]);

#endif
