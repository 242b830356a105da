/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two epoll descriptors, of which the one for what is LOOP_ALWAYS is in the other one. Each wait
 * asks the kernel for one event, so that none can be at hand for a source that was dropped; the
 * kernel takes them in turn.
 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

struct loop_source {
	struct loop *loop;
	struct loop_source *next;
	enum loop_when when;
	loop_fn *act;
	void *context;
	int fd;
	bool owned; /* the descriptor is the loop's */
	bool once;
	size_t message_bytes; /* of what must be read from it before `act` is called */
};

struct loop {
	int all;
	int always;
	struct loop_source *sources;
};

static struct epoll_event event_of(void *source)
{
	return (struct epoll_event){.events = EPOLLIN, .data.ptr = source};
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event always = event_of(NULL);

	if (!loop)
		return NULL;
	loop->all = epoll_create1(EPOLL_CLOEXEC);
	loop->always = epoll_create1(EPOLL_CLOEXEC);
	if (loop->all >= 0 && loop->always >= 0 &&
	    !epoll_ctl(loop->all, EPOLL_CTL_ADD, loop->always, &always))
		return loop;
	loop_free(loop);
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->sources)
		loop_drop(loop->sources);
	if (loop->always >= 0)
		close(loop->always);
	if (loop->all >= 0)
		close(loop->all);
	free(loop);
}

static int epoll_of(const struct loop_source *source)
{
	return source->when == LOOP_ALWAYS ? source->loop->always : source->loop->all;
}

static struct loop_source *add(struct loop *loop, const struct loop_source *made)
{
	struct loop_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = event_of(source);

	if (!source)
		return NULL;
	*source = *made;
	source->loop = loop;
	source->next = loop->sources;
	if (epoll_ctl(epoll_of(source), EPOLL_CTL_ADD, source->fd, &event)) {
		free(source);
		return NULL;
	}
	loop->sources = source;
	return source;
}

struct loop_source *loop_on_descriptor(struct loop *loop, int fd, enum loop_when when, loop_fn *act,
				       void *context)
{
	const struct loop_source made = {.fd = fd, .when = when, .act = act, .context = context};

	return add(loop, &made);
}

/* As above, of a descriptor that was made for it. */
static struct loop_source *add_owned(struct loop *loop, struct loop_source *made)
{
	struct loop_source *source;
	int error;

	if (made->fd < 0)
		return NULL;
	made->owned = true;
	source = add(loop, made);
	if (source)
		return source;
	error = errno;
	close(made->fd);
	errno = error;
	return NULL;
}

struct loop_source *loop_on_timer(struct loop *loop, enum loop_when when, loop_fn *act,
				  void *context)
{
	struct loop_source made = {
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.when = when,
		.act = act,
		.context = context,
		.message_bytes = sizeof(uint64_t),
	};

	return add_owned(loop, &made);
}

struct loop_source *loop_on_process(struct loop *loop, pid_t pid, enum loop_when when, loop_fn *act,
				    void *context)
{
	struct loop_source made = {
		.fd = (int)syscall(SYS_pidfd_open, pid, 0),
		.when = when,
		.act = act,
		.context = context,
		.once = true,
	};

	return add_owned(loop, &made);
}

struct loop_source *loop_on_signals(struct loop *loop, const sigset_t *signals, enum loop_when when,
				    loop_fn *act, void *context)
{
	struct loop_source made = {
		.fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK),
		.when = when,
		.act = act,
		.context = context,
		.message_bytes = sizeof(struct signalfd_siginfo),
	};

	return add_owned(loop, &made);
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

void loop_set_timer(struct loop_source *timer, uint64_t first_ns, uint64_t then_ns)
{
	const struct itimerspec times = {timespec_of(then_ns), timespec_of(first_ns)};

	timerfd_settime(timer->fd, 0, &times, NULL);
}

/* A muted one is out of the set: an error of its descriptor would be told all the same. */
void loop_mute(struct loop_source *source, bool muted)
{
	struct epoll_event event = event_of(source);

	epoll_ctl(epoll_of(source), muted ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, source->fd, &event);
}

void loop_drop(struct loop_source *source)
{
	struct loop_source **place;

	if (!source)
		return;
	for (place = &source->loop->sources; *place != source; place = &(*place)->next)
		;
	*place = source->next;
	epoll_ctl(epoll_of(source), EPOLL_CTL_DEL, source->fd, NULL);
	if (source->owned)
		close(source->fd);
	free(source);
}

static bool has_message(const struct loop_source *source)
{
	char message[sizeof(struct signalfd_siginfo)];

	return !source->message_bytes ||
	       read(source->fd, message, source->message_bytes) == (ssize_t)source->message_bytes;
}

/* Returns as loop_wait() does. */
static int serve(const struct loop *loop, int epoll, int timeout_ms)
{
	struct epoll_event event;
	struct loop_source *source;
	int count = epoll_wait(epoll, &event, 1, timeout_ms);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	if (!count)
		return 0;
	source = event.data.ptr;
	if (!source)
		return serve(loop, loop->always, 0);
	if (!has_message(source))
		return 0;
	if (source->once)
		loop_mute(source, true);
	source->act(source->context);
	return 1;
}

int loop_wait(struct loop *loop, int timeout_ms)
{
	return serve(loop, loop->all, timeout_ms);
}

void loop_serve(struct loop *loop)
{
	if (loop)
		serve(loop, loop->always, 0);
}

static int until_ms(uint64_t deadline_ns)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), left_ms;

	if (now_ns >= deadline_ns)
		return 0;
	left_ms = (deadline_ns - now_ns + 999999) / 1000000;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

void loop_rest(struct loop *loop, uint64_t until_ns)
{
	int left_ms, served;

	do {
		left_ms = until_ms(until_ns);
		served = loop ? loop_wait(loop, left_ms) : poll(NULL, 0, left_ms);
	} while (left_ms && served > 0);
}

int loop_wait_for(struct loop *loop, int fd, short events, uint64_t deadline_ns)
{
	return loop_wait_unless(loop, fd, events, deadline_ns, NULL);
}

int loop_wait_unless(struct loop *loop, int fd, short events, uint64_t deadline_ns,
		     const bool *given_up)
{
	struct pollfd ready[] = {
		{.fd = fd, .events = events},
		{.fd = loop ? loop->always : -1, .events = POLLIN},
	};

	while (!given_up || !*given_up) {
		int left_ms = until_ms(deadline_ns);
		int count = left_ms ? poll(ready, 2, left_ms) : 0;

		if (count < 0 && errno != EINTR)
			return -errno;
		if (!left_ms)
			return -ETIME;
		if (count > 0 && ready[1].revents)
			serve(loop, loop->always, 0);
		if (count > 0 && ready[0].revents)
			return 0;
	}
	return -ECANCELED;
}
