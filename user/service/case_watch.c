/* SPDX-License-Identifier: BSD-2-Clause */
/* Which words of a process of an inquiry are watched, one round after another. */
#include "case.h"

#include <math.h>
#include <string.h>

#include "../lib/clock.h"
#include "examples.h"
#include "replaced.h"

static double weight_of(const struct subject *subject)
{
	if (subject->sample_count < 2)
		return (double)subject->container.bytes;
	return ((double)subject->samples[subject->sample_count - 1].length -
		(double)subject->samples[0].length) *
	       subject->bytes_per_entry;
}

/* Other processes of the same program, one of which may have told who fills what. */
struct others {
	struct patient_case *const *cases;
	size_t count;
};

static bool is_told_by(const struct others *others, const struct subject *subject)
{
	for (size_t i = 0; i < others->count && subject->key; i++) {
		const struct subjects *subjects = &others->cases[i]->subjects;

		for (size_t j = 0; j < subjects->count; j++)
			if (subjects->items[j].fills.grow_count && subjects->items[j].key &&
			    !strcmp(subjects->items[j].key, subject->key))
				return true;
	}
	return false;
}

static bool comes_before(const struct subject *a, const struct subject *b,
			 const struct others *others)
{
	bool told_a = is_told_by(others, a), told_b = is_told_by(others, b);

	if (told_a != told_b)
		return told_b;
	return a->watches != b->watches ? a->watches < b->watches : weight_of(a) > weight_of(b);
}

/*
 * The subject whose growth weighs most of those that were watched least often. One that showed who
 * fills it needs no more watching; one that did not is watched again, as it may grow seldom, or be
 * filled and emptied far more often than it grows.
 */
static struct subject *next_subject(struct patient_case *kase, const struct others *others,
				    const bool *taken)
{
	struct subject *best = NULL;

	for (size_t i = 0; i < kase->subjects.count; i++) {
		struct subject *subject = &kase->subjects.items[i];

		if (taken[i] || subject_is_told(subject) || subject->gone || subject->weak ||
		    replaced_is_doubtful(subject) || examples_are_over(subject) ||
		    !subject->word_count)
			continue;
		if (!best || comes_before(subject, best, others))
			best = subject;
	}
	return best;
}

static bool is_chosen(const struct watch_word *words, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (words[i].address == address)
			return true;
	return false;
}

/* Two subjects may have a word in common, such as the reference count of a class of which both hold
 * instances. */
static size_t choose_words(struct patient_case *kase, const struct others *others,
			   struct watch_word *words)
{
	bool taken[SUBJECTS_MAX] = {false};
	struct subject *subject;

	kase->watched_count = 0;
	while (kase->watched_count < SUBJECT_WORDS &&
	       (subject = next_subject(kase, others, taken))) {
		size_t index = (size_t)(subject - kase->subjects.items);

		taken[index] = true;
		for (size_t i = 0; i < subject->word_count && kase->watched_count < SUBJECT_WORDS;
		     i++) {
			if (is_chosen(words, kase->watched_count, subject->words[i].address))
				continue;
			words[kase->watched_count] = (struct watch_word){
				.address = subject->words[i].address,
				.kind = watch_kind_of(subject->words[i].kind),
			};
			kase->watched[kase->watched_count++] =
				(struct watched_word){index, subject->words[i]};
		}
	}
	return kase->watched_count;
}

bool case_watch_next(struct patient_case *kase, struct patient_case *const *others, size_t count,
		     double cost_share, struct failure *lacks)
{
	const struct others all = {others, count};
	struct watch_config config = {
		.procfs = kase->patient.procfs,
		.confined = kase->patient.confined,
		.python = &kase->patient.interpreter,
		.loop = kase->loop,
		.programs = kase->programs,
	};

	case_watch_end(kase);
	config.word_count = kase->gone ? 0 : choose_words(kase, &all, config.words);
	if (!config.word_count)
		return false;
	config.limits.cost_ns = (uint64_t)(fmax(case_used_s(kase), 1) * cost_share * NS_PER_S);
	kase->watch = watch_open(kase->patient.pid, &config, lacks);
	kase->watch_began_s = clock_s(CLOCK_MONOTONIC);
	kase->watch_round = 0;
	for (size_t i = 0; i < kase->watched_count; i++) {
		struct subject *subject = &kase->subjects.items[kase->watched[i].subject];

		if (++subject->watches > kase->watch_round)
			kase->watch_round = subject->watches;
	}
	return kase->watch;
}

uint64_t case_watch_poll(struct patient_case *kase)
{
	return kase->watch ? watch_poll(kase->watch) : 0;
}

bool case_watch_is_over(const struct patient_case *kase, double now, double most_s)
{
	return !kase->watch || kase->gone || !watch_armed(kase->watch) ||
	       now - kase->watch_began_s >= most_s * kase->watch_round;
}

static void take_result(struct patient_case *kase, size_t word, double *watched_s)
{
	const struct watched_word *watched = &kase->watched[word];
	struct subject *subject = &kase->subjects.items[watched->subject];
	struct watch_result result;

	if (watch_result(kase->watch, word, &result))
		return;
	event_tell(kase->listener,
		   &(struct event){
			   .kind = EVENT_WATCHED,
			   .pid = (int)kase->patient.pid,
			   .name = subject->key,
			   .count = result.hits,
			   .seconds = result.watched_s,
			   .each_us = result.hits ? result.cost_s / (double)result.hits * 1e6 : 0,
		   });
	if (subject_take_result(&kase->subjects, subject, &watched->word, &result))
		watched_s[watched->subject] = fmax(watched_s[watched->subject], result.watched_s);
	watch_result_release(&result);
}

void case_watch_end(struct patient_case *kase)
{
	double watched_s[SUBJECTS_MAX] = {0};

	if (!kase->watch)
		return;
	watch_stop_all(kase->watch);
	for (size_t i = 0; i < kase->watched_count; i++)
		take_result(kase, i, watched_s);
	for (size_t i = 0; i < kase->subjects.count; i++) {
		kase->subjects.items[i].watched_s += watched_s[i];
		subject_order_fills(&kase->subjects.items[i]);
	}
	watch_close(kase->watch);
	kase->watch = NULL;
}
