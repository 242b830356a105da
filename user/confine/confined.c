/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent's side. It believes nothing that comes back: a reply that is malformed, late or cut
 * short costs the process its life and the call its answer.
 *
 * A call waits for its answer where whoever asks cannot go on without it; what cannot wait
 * meanwhile is in the loop. Where he can, the call is left to the loop (errands.h): its process
 * works on it alone, and the need's next call gets another process.
 */
#include "confined.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../arch/elf_machine.h"
#include "../lib/clock.h"
#include "confined_internal.h"
#include "errands.h"
#include "kept.h"

#define TIMEOUT_MS         20000
#define TIMEOUT_NETWORK_MS 120000
#define MS_UNSET           UINT32_MAX

struct need {
	struct reader reader; /* that works on nothing */
	bool network;
	size_t calls;         /* of all readers */
	const bool *given_up; /* NULL: never */
	struct patience patience;
};

struct confined {
	struct zygote zygote;
	struct kept *kept;
	struct loop *loop; /* served while an answer is awaited; NULL: none */
	bool busy;
	uint64_t until_ns; /* for answers that may be late; 0: as long as for others */
	struct errands errands;
	unsigned int forced_timeout_ms;
	struct need needs[CONFINED_NEEDS];
};

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static void need_init(struct need *need, enum confined_need which)
{
	need->network = which == CONFINED_DEBUGINFOD;
	patience_init(&need->patience, need->network ? TIMEOUT_NETWORK_MS : TIMEOUT_MS, now_ms());
}

struct confined *confined_new(void)
{
	struct confined *confined = calloc(1, sizeof(*confined));
	int error;

	if (!confined)
		return NULL;
	confined->forced_timeout_ms = MS_UNSET;
	for (int which = 0; which < CONFINED_NEEDS; which++)
		need_init(&confined->needs[which], which);
	confined->kept = kept_new();
	error = confined->kept ? zygote_start(&confined->zygote) : -ENOMEM;
	if (!error)
		return confined;
	confined_free(confined);
	errno = -error;
	return NULL;
}

void confined_free(struct confined *confined)
{
	if (!confined)
		return;
	for (int which = 0; which < CONFINED_NEEDS; which++) {
		errands_forget(&confined->errands, which);
		reader_stop(&confined->needs[which].reader);
	}
	zygote_stop(&confined->zygote);
	kept_free(confined->kept);
	free(confined);
}

bool confined_has_network(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && *urls;
}

void confined_use_loop(struct confined *confined, struct loop *loop)
{
	for (int which = 0; which < CONFINED_NEEDS; which++)
		errands_forget(&confined->errands, which);
	confined->loop = loop;
}

void confined_wait_until(struct confined *confined, uint64_t moment_ns)
{
	confined->until_ns = moment_ns;
}

size_t confined_ended(const struct confined *confined)
{
	return confined->errands.ended;
}

void confined_give_up_if(struct confined *confined, const bool *given_up, bool network)
{
	for (int which = 0; which < CONFINED_NEEDS; which++) {
		struct need *need = &confined->needs[which];

		need->given_up = need->network || !network ? given_up : NULL;
	}
}

void confined_set_timeout_ms(struct confined *confined, unsigned int timeout_ms)
{
	confined->forced_timeout_ms = timeout_ms;
}

pid_t confined_pid(const struct confined *confined, enum confined_need which)
{
	return confined->needs[which].reader.pid;
}

size_t confined_calls(const struct confined *confined, enum confined_need which)
{
	return confined->needs[which].calls;
}

struct patience *confined_patience(struct confined *confined, enum confined_need which)
{
	return &confined->needs[which].patience;
}

static bool is_alone_with(const struct reader *reader, const struct stat *file)
{
	return !reader->asked ||
	       (!reader->mixed && reader->device == file->st_dev && reader->inode == file->st_ino);
}

/* The need gets a reader for a call about a file. */
static int provide_reader(struct confined *confined, const struct confined_call *call,
			  const struct stat *file)
{
	struct need *need = &confined->needs[call->need];

	if (call->alone && !is_alone_with(&need->reader, file))
		reader_stop(&need->reader);
	if (reader_alive(&need->reader))
		return 0;
	return reader_start(&confined->zygote, confined->loop, need->network, &need->reader);
}

static void note_call(struct need *need, const struct stat *file)
{
	struct reader *reader = &need->reader;

	need->calls++;
	reader->mixed = !is_alone_with(reader, file);
	reader->asked = true;
	reader->device = file->st_dev;
	reader->inode = file->st_ino;
}

static bool may_be_left(const struct confined *confined, const struct confined_call *call)
{
	return call->wait != CONFINED_WAIT && confined->until_ns && confined->loop;
}

/* Sends a call on its way. */
static int begin(struct confined *confined, const struct confined_call *call,
		 const struct stat *file, struct errand **errand)
{
	struct need *need = &confined->needs[call->need];
	int64_t wait_ms = patience_for(&need->patience, file, now_ms());
	int error;

	if (!wait_ms)
		return -ETIME;
	if (need->given_up && *need->given_up)
		return -ECANCELED;
	if (may_be_left(confined, call) && !errands_have_room(&confined->errands, call->need))
		return -EINPROGRESS;
	if (confined->forced_timeout_ms != MS_UNSET)
		wait_ms = confined->forced_timeout_ms;
	error = provide_reader(confined, call, file);
	if (error)
		return error;
	note_call(need, file);
	*errand = errand_begin(&confined->errands, call, file, &need->reader, confined->loop,
			       (uint64_t)(now_ms() + wait_ms) * 1000000);
	return *errand ? 0 : -ENOMEM;
}

/* What came of it: the exchange's error, or what the function returned. */
static int end(struct confined *confined, const struct confined_call *call, struct errand *errand,
	       struct confined_answer *answer, bool *alone)
{
	struct need *need = &confined->needs[call->need];
	int error = errand->result ? errand->result : errand->exchange.reply.status;

	if (errand->result == -ETIME)
		patience_note(&need->patience, &errand->file,
			      now_ms() - (int64_t)(errand->begun_ns / 1000000), now_ms());
	if (!error) {
		*answer = errand->exchange.answer;
		errand->exchange.answer = (struct confined_answer){0};
	}
	*alone = !errand->exchange.reader.mixed;
	errand_end(errand, &need->reader);
	return error;
}

static uint64_t wait_until(const struct confined *confined, const struct confined_call *call,
			   bool leave)
{
	if (!leave)
		return UINT64_MAX;
	return call->wait == CONFINED_WAIT_NOT ? 0 : confined->until_ns;
}

static int ask(struct confined *confined, const struct confined_call *call, const struct stat *file,
	       struct confined_answer *answer, bool *alone)
{
	struct errand *errand = errands_find(&confined->errands, call, file);
	bool leave = may_be_left(confined, call);
	int error = errand ? 0 : begin(confined, call, file, &errand);

	if (error)
		return error;
	if (leave && errand_is_left(errand) && call->wait != CONFINED_WAIT_AGAIN)
		return -EINPROGRESS;
	error = errand_wait(errand, confined->loop, wait_until(confined, call, leave),
			    confined->needs[call->need].given_up);
	if (error != -EINPROGRESS)
		return end(confined, call, errand, answer, alone);
	errand_leave(errand, confined->loop);
	return error;
}

/* Asks, unless the answer is known. */
static int find_answer(struct confined *confined, const struct confined_call *call,
		       const struct stat *file, struct confined_answer *answer)
{
	bool alone;
	int error;

	if (call->keep && kept_find(confined->kept, call, file, answer))
		return 0;
	error = ask(confined, call, file, answer, &alone);
	if (!error && call->keep)
		kept_add(confined->kept, call, file, answer, alone);
	return error;
}

int confined_call(struct confined *confined, const struct confined_call *call,
		  struct confined_answer *answer)
{
	struct stat file;
	int error = 0;

	*answer = (struct confined_answer){0};
	if (call->length > CONFINED_INPUT_MAX)
		return -EINVAL;
	if (confined->busy)
		return -EBUSY;
	if (fstat(call->fd, &file) < 0)
		error = -errno;
	else if (!S_ISREG(file.st_mode))
		error = -ENOEXEC;
	confined->busy = true;
	if (!error)
		error = find_answer(confined, call, &file, answer);
	confined->busy = false;
	return error;
}

int confined_reject(struct confined *confined, enum confined_need which)
{
	errands_forget(&confined->errands, which);
	reader_stop(&confined->needs[which].reader);
	kept_forget(confined->kept, which);
	return -EPIPE;
}

const char *confined_error_text(int error)
{
	switch (error) {
	case -ENOEXEC:
		return "damaged ELF file";
	case -ENOTSUP:
		return elf_machine_refusal;
	case -EFBIG:
		return "too large";
	case -E2BIG:
		return "more work than its size justifies";
	case -EPIPE:
		return "its reader crashed";
	case -ETIME:
		return "reading it took too long";
	case -ECANCELED:
		return "given up, as the recording ended";
	case -EREMOTE:
		return "on a file system that a user's process serves";
	default:
		return strerror(-error);
	}
}
