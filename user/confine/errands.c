/* SPDX-License-Identifier: BSD-2-Clause */
#include "errands.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"

bool errand_is_left(const struct errand *errand)
{
	return errand->answer != NULL;
}

struct errand *errands_find(const struct errands *errands, const struct confined_call *call,
			    const struct stat *file)
{
	struct question *question = errands->first ? question_of(call, file) : NULL;
	struct errand *errand = question ? errands->first : NULL;

	while (errand && (errand->question->bytes != question->bytes ||
			  memcmp(errand->question, question, question->bytes) != 0 ||
			  (call->alone && errand->exchange.reader.mixed)))
		errand = errand->next;
	free(question);
	return errand;
}

/* What is there when one is begun was left. */
bool errands_have_room(struct errands *errands, enum confined_need need)
{
	struct errand *unasked = NULL;
	size_t count = 0;

	for (struct errand *errand = errands->first; errand; errand = errand->next) {
		if (errand->question->need != need)
			continue;
		count++;
		if (!errand_is_left(errand))
			unasked = errand;
	}
	if (count < ERRANDS_LEFT_MAX)
		return true;
	if (unasked)
		errand_end(unasked, NULL);
	return unasked != NULL;
}

struct errand *errand_begin(struct errands *errands, const struct confined_call *call,
			    const struct stat *file, struct reader *reader, struct loop *loop,
			    uint64_t deadline_ns)
{
	struct errand *errand = calloc(1, sizeof(*errand));
	struct question *question = question_of(call, file);

	if (!errand || !question) {
		free(errand);
		free(question);
		return NULL;
	}
	*errand = (struct errand){
		.next = errands->first,
		.errands = errands,
		.question = question,
		.exchange.reader = *reader,
		.file = *file,
		.begun_ns = clock_ns(CLOCK_MONOTONIC),
		.deadline_ns = deadline_ns,
		.result = -EINPROGRESS,
	};
	errands->first = errand;
	*reader = (struct reader){0};
	int error = exchange_send(&errand->exchange, call, loop, deadline_ns);

	if (error)
		errand->result = error;
	return errand;
}

/* What others have received takes room too. */
static void receive(struct errand *errand)
{
	size_t most = CONFINED_ANSWER_MAX;
	int error;

	for (struct errand *other = errand->errands->first; other; other = other->next)
		if (other != errand)
			most -= other->exchange.answer.length;
	error = exchange_receive(&errand->exchange, most);
	if (error != -EAGAIN)
		errand->result = error;
}

/* Takes it out of the loop's hands. */
static void take_back(struct errand *errand)
{
	loop_drop(errand->answer);
	loop_drop(errand->timer);
	errand->answer = errand->timer = NULL;
}

int errand_wait(struct errand *errand, struct loop *loop, uint64_t until_ns, const bool *given_up)
{
	if (until_ns > errand->deadline_ns)
		until_ns = errand->deadline_ns;
	take_back(errand);
	while (errand->result == -EINPROGRESS) {
		int error = loop_wait_unless(loop, errand->exchange.reader.socket, POLLIN, until_ns,
					     given_up);

		if (error == -ETIME && until_ns < errand->deadline_ns)
			break;
		if (error)
			errand->result = error;
		else
			receive(errand);
	}
	return errand->result;
}

static void end_of_left(struct errand *errand)
{
	take_back(errand);
	errand->errands->ended++;
}

static void take_answer(void *context)
{
	struct errand *errand = context;

	receive(errand);
	if (errand->result != -EINPROGRESS)
		end_of_left(errand);
}

static void note_deadline(void *context)
{
	struct errand *errand = context;

	errand->result = -ETIME;
	end_of_left(errand);
}

void errand_leave(struct errand *errand, struct loop *loop)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	if (errand_is_left(errand))
		return;
	errand->answer = loop_on_descriptor(loop, errand->exchange.reader.socket, LOOP_ALWAYS,
					    take_answer, errand);
	errand->timer = loop_on_timer(loop, LOOP_ALWAYS, note_deadline, errand);
	if (!errand->answer || !errand->timer) {
		errand->result = -ENOMEM;
		end_of_left(errand);
		return;
	}
	/* 0 would be never */
	loop_set_timer(errand->timer,
		       errand->deadline_ns > now_ns ? errand->deadline_ns - now_ns : 1, 0);
}

void errand_end(struct errand *errand, struct reader *reader)
{
	struct errand **place;

	for (place = &errand->errands->first; *place != errand; place = &(*place)->next)
		;
	*place = errand->next;
	take_back(errand);
	if (!errand->result && reader && !reader->pid)
		*reader = errand->exchange.reader;
	else
		reader_stop(&errand->exchange.reader);
	free(errand->exchange.answer.data);
	free(errand->question);
	free(errand);
}

void errands_forget(struct errands *errands, enum confined_need need)
{
	for (struct errand *errand = errands->first, *next; errand; errand = next) {
		next = errand->next;
		if (errand->question->need == need)
			errand_end(errand, NULL);
	}
}
