/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "binary_codec.h"

uint64_t binary_to_file(const struct python_binary *binary, uint64_t address)
{
	return address ? address - binary->bias : 0;
}

uint64_t binary_from_file(const struct python_binary *binary, uint64_t address)
{
	return address ? address + binary->bias : 0;
}

int binary_ask(const struct python_binary *binary, confined_fn *function,
	       const uint64_t words[QUESTION_WORDS], size_t addresses,
	       struct confined_answer *answer)
{
	struct binary_question question = {.segment_count = binary->segment_count};
	const struct confined_call call = {
		.need = CONFINED_INTERPRETER,
		.function = function,
		.fd = binary->fd,
		.input = &question,
		.length = sizeof(question),
		.alone = true,
		.keep = true,
	};

	memcpy(question.segments, binary->segments, sizeof(question.segments));
	for (size_t i = 0; i < binary->segment_count; i++)
		question.segments[i].address -= binary->bias;
	for (size_t i = 0; i < QUESTION_WORDS; i++)
		question.words[i] = i < addresses ? binary_to_file(binary, words[i]) : words[i];
	return confined_call(binary->confined, &call, answer);
}

int binary_settle(const struct python_binary *binary, struct confined_answer *answer, int error)
{
	return confined_settle(binary->confined, CONFINED_INTERPRETER, answer, error);
}

int binary_asked(int fd, const void *input, size_t length, struct python_binary *binary,
		 uint64_t words[QUESTION_WORDS])
{
	struct binary_question question;

	if (length != sizeof(question))
		return -EINVAL;
	memcpy(&question, input, sizeof(question));
	*binary = (struct python_binary){.fd = fd, .segment_count = question.segment_count};
	memcpy(binary->segments, question.segments, sizeof(binary->segments));
	memcpy(words, question.words, sizeof(question.words));
	return 0;
}

static int parts_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct binary_parts parts;
	int error = binary_parts_read(fd, &parts);

	(void)input;
	(void)length;
	return error ? error : confined_answer_copy(answer, &parts, sizeof(parts));
}

int binary_parts_decode(const struct confined_answer *answer, struct binary_parts *parts)
{
	struct binary_parts found;

	if (answer->length != sizeof(found))
		return -EPROTO;
	memcpy(&found, answer->data, sizeof(found));
	if (found.segment_count > BINARY_SEGMENTS_MAX)
		return -EPROTO;
	for (size_t i = 0; i < found.segment_count; i++)
		if (found.segments[i].flags & ~(uint64_t)(PF_X | PF_W | PF_R))
			return -EPROTO;
	*parts = found;
	return 0;
}

static int call_parts(struct confined *confined, int fd, bool alone, struct binary_parts *parts)
{
	const struct confined_call call = {
		.need = CONFINED_INTERPRETER,
		.function = parts_confined,
		.fd = fd,
		.alone = alone,
		.keep = true,
		.wait = CONFINED_WAIT_FIRST,
	};
	struct confined_answer answer;
	int error = confined_call(confined, &call, &answer);

	return error
		       ?: confined_settle(confined, call.need, &answer,
					  binary_parts_decode(&answer, parts));
}

int binary_parts_request(struct confined *confined, int fd, struct binary_parts *parts)
{
	int error = call_parts(confined, fd, false, parts);

	if (error || (!parts->symbols[SYMBOL_RUNTIME].address && !parts->runtime_section))
		return error;
	return call_parts(confined, fd, true, parts);
}

static int bytes_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	uint8_t bytes[BINARY_BYTES_MAX];
	uint64_t words[QUESTION_WORDS];
	struct python_binary binary;
	int error = binary_asked(fd, input, length, &binary, words);

	if (error)
		return error;
	ssize_t got = binary_bytes_read(&binary, words[0], bytes, words[1]);
	return got < 0 ? (int)got : confined_answer_copy(answer, bytes, (size_t)got);
}

ssize_t binary_bytes_request(const struct python_binary *binary, uint64_t address, void *buffer,
			     size_t size)
{
	const uint64_t words[QUESTION_WORDS] = {address,
						size < BINARY_BYTES_MAX ? size : BINARY_BYTES_MAX};
	struct confined_answer answer;
	int error = binary_ask(binary, bytes_confined, words, 1, &answer);

	if (error)
		return error;
	ssize_t got = (ssize_t)answer.length;
	if (answer.length <= words[1])
		memcpy(buffer, answer.data, answer.length);
	else
		error = -EPROTO;
	return binary_settle(binary, &answer, error) ?: got;
}
