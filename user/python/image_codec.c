/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_codec.h"

int image_ask(const struct python_image *image, confined_fn *function,
	      const uint64_t words[QUESTION_WORDS], struct confined_answer *answer)
{
	struct image_question question = {.segment_count = image->segment_count};
	const struct confined_call call = {
		.function = function,
		.fd = image->fd,
		.input = &question,
		.length = sizeof(question),
	};

	memcpy(question.segments, image->segments, sizeof(question.segments));
	memcpy(question.words, words, sizeof(question.words));
	return confined_call(image->confined, &call, answer);
}

int image_asked(int fd, const void *input, size_t length, struct python_image *image,
		uint64_t words[QUESTION_WORDS])
{
	struct image_question question;

	if (length != sizeof(question))
		return -EINVAL;
	memcpy(&question, input, sizeof(question));
	*image = (struct python_image){.fd = fd, .segment_count = question.segment_count};
	memcpy(image->segments, question.segments, sizeof(image->segments));
	memcpy(words, question.words, sizeof(question.words));
	return 0;
}

static int parts_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct image_parts parts;
	int error = image_parts_read(fd, &parts);

	(void)input;
	(void)length;
	return error ? error : confined_answer_copy(answer, &parts, sizeof(parts));
}

int image_parts_decode(const struct confined_answer *answer, struct image_parts *parts)
{
	struct image_parts found;

	if (answer->length != sizeof(found))
		return -EPROTO;
	memcpy(&found, answer->data, sizeof(found));
	if (found.segment_count > IMAGE_SEGMENTS_MAX)
		return -EPROTO;
	for (size_t i = 0; i < found.segment_count; i++)
		if (found.segments[i].flags & ~(uint64_t)(PF_X | PF_W | PF_R))
			return -EPROTO;
	*parts = found;
	return 0;
}

static int call_parts(struct confined *confined, int fd, struct image_parts *parts)
{
	const struct confined_call call = {.function = parts_confined, .fd = fd};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);

	return error ?: confined_settle(confined, &answer, image_parts_decode(&answer, parts));
}

int image_parts_request(struct confined *confined, int fd, struct image_parts *parts)
{
	int error = call_parts(confined, fd, parts);

	if (error || (!parts->symbols[SYMBOL_RUNTIME].address && !parts->runtime_section) ||
	    !confined_renew(confined))
		return error;
	return call_parts(confined, fd, parts);
}

static int bytes_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	uint8_t bytes[IMAGE_BYTES_MAX];
	uint64_t words[QUESTION_WORDS];
	struct python_image image;
	int error = image_asked(fd, input, length, &image, words);

	if (error)
		return error;
	ssize_t got = image_bytes_read(&image, words[0], bytes, words[1]);
	return got < 0 ? (int)got : confined_answer_copy(answer, bytes, (size_t)got);
}

ssize_t image_bytes_request(const struct python_image *image, uint64_t address, void *buffer,
			    size_t size)
{
	const uint64_t words[QUESTION_WORDS] = {address,
						size < IMAGE_BYTES_MAX ? size : IMAGE_BYTES_MAX};
	struct confined_answer answer;
	int error = image_ask(image, bytes_confined, words, &answer);

	if (error)
		return error;
	ssize_t got = (ssize_t)answer.length;
	if (answer.length <= words[1])
		memcpy(buffer, answer.data, answer.length);
	else
		error = -EPROTO;
	return confined_settle(image->confined, &answer, error) ?: got;
}
