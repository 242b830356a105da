/* SPDX-License-Identifier: BSD-2-Clause */
#include "signals.h"

#include <stdbool.h>
#include <stddef.h>

static const int of_writes[] = {SIGPIPE, SIGXFSZ};
static const int of_end[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1,   SIGUSR2,  SIGALRM,
			     SIGIO,  SIGPROF, SIGPWR, SIGXCPU, SIGVTALRM, SIGSTKFLT};

enum {
	OF_WRITES = sizeof(of_writes) / sizeof(*of_writes),
	OF_END = sizeof(of_end) / sizeof(*of_end),
};

static struct sigaction before[OF_WRITES];
static bool changed;

void signals_leave_writes_alone(void)
{
	const struct sigaction ignored = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < OF_WRITES; i++)
		sigaction(of_writes[i], &ignored, &before[i]);
	changed = true;
}

void signals_unblock(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_restore(void)
{
	signals_unblock();
	for (size_t i = 0; i < OF_WRITES && changed; i++)
		sigaction(of_writes[i], &before[i], NULL);
}

static bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

void signals_of_end(sigset_t *signals)
{
	sigemptyset(signals);
	for (size_t i = 0; i < OF_END; i++)
		if (of_end[i] != SIGHUP || !is_ignored(SIGHUP))
			sigaddset(signals, of_end[i]);
}

void signals_handle_end(void (*handler)(int signal))
{
	const struct sigaction action = {.sa_handler = handler};
	sigset_t signals;

	signals_of_end(&signals);
	for (size_t i = 0; i < OF_END; i++)
		if (sigismember(&signals, of_end[i]) == 1)
			sigaction(of_end[i], &action, NULL);
}
