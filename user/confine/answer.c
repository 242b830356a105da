/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "confined.h"

int confined_settle(struct confined *confined, enum confined_need need,
		    struct confined_answer *answer, int error)
{
	free(answer->data);
	*answer = (struct confined_answer){};
	return error == -EPROTO ? confined_reject(confined, need) : error;
}

int confined_call_for(struct confined *confined, const struct confined_call *call, void *result,
		      size_t size)
{
	struct confined_answer answer;
	int error = confined_call(confined, call, &answer);

	if (error)
		return error;
	if (answer.length == size)
		memcpy(result, answer.data, size);
	else
		error = -EPROTO;
	return confined_settle(confined, call->need, &answer, error);
}

int confined_answer_copy(struct confined_answer *answer, const void *data, size_t length)
{
	answer->data = malloc(length + 1);
	if (!answer->data)
		return -ENOMEM;
	if (length)
		memcpy(answer->data, data, length);
	answer->length = length;
	return 0;
}
