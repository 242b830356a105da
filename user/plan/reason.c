/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sentence names its case in braces: {pid}, {percent}, {calls}, {comm}, {release}, {probes},
 * {lacks}, {version}. See lib/sentence.h.
 */
#include "reason.h"

#include <stdio.h>

#include "../lib/sentence.h"
#include "share.h"

static const struct sentence {
	enum exit_status status; /* STATUS_OK: it refuses nothing */
	const char *text;
} sentences[REASON_COUNT] = {
	/* clang-format off */
	[REASON_NONE] = {STATUS_OK, ""},

	[REASON_FREEZE_ALONE] = {STATUS_USAGE,
		"--freeze stops the targets for --reachability: give that too"},
	[REASON_NO_MALLOC_TO_REACH] = {STATUS_USAGE,
		"--reachability is of malloc's blocks, and --malloc off records none"},
	[REASON_NOTHING_ASKED] = {STATUS_USAGE,
		"nothing to record: --malloc off and --python off leave nothing"},
	[REASON_PEAK_OF_REACHABLE] = {STATUS_USAGE,
		"--peak says what was held at a moment that is gone: --reachability cannot be told of "
		"that"},
	[REASON_PEAK_OF_OLD] = {STATUS_USAGE,
		"--peak says what was held at a moment that is gone: --older-than cannot be told of "
		"that"},
	[REASON_PEAK_OF_NOTHING] = {STATUS_USAGE,
		"--peak is of malloc's blocks, and of Python's with --python exact: --malloc off "
		"leaves none"},

	[REASON_GROWTH_ALONE] = {STATUS_USAGE,
		"--growth is of new pages of memory, not of allocators' blocks: leave --exact, --peak, "
		"--reachability, --freeze, --malloc and --python out"},

	[REASON_BUDGET_ALONE] = {STATUS_USAGE,
		"--budget records malloc's calls for moments: leave --exact, --growth, --peak, "
		"--older-than, --reachability, --freeze, --malloc and --python out"},

	[REASON_NO_PRIVILEGE] = {STATUS_KERNEL, "not allowed to load BPF programs {lacks}"},
	[REASON_OTHER_PIDS] = {STATUS_KERNEL,
		"this PID namespace is not the host's: run unfreed on the host, or in a container "
		"that shares the host's PIDs"},
	[REASON_NO_SUCH_PROBES] = {STATUS_KERNEL,
		"Linux {release} has no {probes} probes; `unfreed doctor` lists what it has"},
	[REASON_NO_PROBES] = {STATUS_KERNEL, "Linux {release} cannot probe user space"},
	[REASON_NO_PROBES_HERE] = {STATUS_KERNEL, "no probes are to be had here"},

	[REASON_GONE] = {STATUS_TARGET, "process {pid} is gone"},
	[REASON_NOT_ALLOWED] = {STATUS_KERNEL,
		"not allowed to look into process {pid} ({comm}) without CAP_SYS_PTRACE; run as root"},
	[REASON_NO_EXECUTABLE] = {STATUS_TARGET,
		"process {pid} ({comm}) has no executable: a kernel thread, or not yours to read"},
	[REASON_32_BIT] = {STATUS_TARGET,
		"process {pid} ({comm}) is a 32-bit program, which is not supported"},
	[REASON_SECCOMP] = {STATUS_TARGET,
		"refused: process {pid} ({comm}) runs under seccomp, and return probes of Linux "
		"{release} would kill it (CVE-2025-21834); update the kernel, or let --growth say who "
		"touches new memory: it needs none"},
	[REASON_NO_MALLOC] = {STATUS_TARGET,
		"found no malloc in process {pid}: a static executable without symbols?"},

	[REASON_MALLOC_DEAR] = {STATUS_TARGET,
		"refused: exact recording would slow process {pid} by about {percent} %, more than "
		SHARE_TEXT ", and what is asked for needs each call; with fewer options it is recorded for "
		"moments, at most " BUDGET_TEXT " of its time, --growth says who touches new memory, "
		"--exact records each call all the same"},
	[REASON_MALLOC_DEAR_MEANWHILE] = {STATUS_TARGET,
		"recording malloc's calls would slow it by {percent} %"},
	[REASON_WINDOWS_INSTEAD] = {STATUS_OK,
		"exact recording would slow process {pid} by about {percent} %: calls are recorded for "
		"moments instead, at most " BUDGET_TEXT " of its time, and what grows is estimated "
		"(--budget " BUDGET_NUMBER "); --exact records each call"},
	[REASON_NO_OBJECTS] = {STATUS_TARGET,
		"process {pid} is no CPython whose objects can be seen: with --malloc off nothing of "
		"it would be recorded"},
	[REASON_MALLOC_LEFT_OUT] = {STATUS_OK,
		"that is more than " SHARE_TEXT ": malloc's calls are left out, and what is recorded "
		"is what Python's pools show; --exact records all"},
	[REASON_NOTHING_TO_JUDGE] = {STATUS_OK,
		"without malloc's calls --reachability has nothing to judge"},

	[REASON_OBJECTS_DEAR] = {STATUS_OK,
		"with the allocator of CPython it is {calls} calls per second, and exact recording "
		"slows it by about {percent} %"},
	[REASON_OBJECTS_CHEAPER] = {STATUS_OK,
		"with the allocator of CPython it is {calls} calls per second, and exact recording "
		"slows it by about {percent} %: its objects are recorded in a cheaper way"},
	[REASON_OBJECTS_REFUSED] = {STATUS_TARGET,
		"refused: that is more than " SHARE_TEXT "; --python pools is near-free, but tells who "
		"took a pool, not who fills it: `unfreed why` does that; --exact records each block "
		"all the same"},

	[REASON_NO_ALLOCATORS] = {STATUS_TARGET,
		"process {pid}: the allocators of CPython {version} were not found"},
	[REASON_HOOK_IN_FRONT] = {STATUS_TARGET,
		"exact is not to be had: the interpreter inlines its allocator, and a hook stands in "
		"front of it; try --python pools"},
	[REASON_NO_SECOND_ADDRESS] = {STATUS_TARGET,
		"exact is not to be had: the interpreter inlines its allocator, and a function of it "
		"has no second address; try --python pools"},
	[REASON_NO_REFILL] = {STATUS_TARGET,
		"pools are not to be had: this interpreter has no pool refill to probe; try --python "
		"exact"},

	[REASON_ALLOCATOR_NOT_FOUND] = {STATUS_OK,
		"its allocator was not found, or it has ended: only what it takes from malloc is "
		"seen"},
	[REASON_SYSTEM_MALLOC] = {STATUS_OK,
		"PYTHONMALLOC=malloc: malloc's probes see all of its blocks"},
	[REASON_MIMALLOC] = {STATUS_OK,
		"its built-in mimalloc is not covered: only what it takes from malloc is seen"},
	[REASON_UNKNOWN_ALLOCATOR] = {STATUS_OK,
		"its allocator was set by an extension and is not known: only what it takes from "
		"malloc is seen"},
	[REASON_HOOK] = {STATUS_OK,
		"an allocator hook of an extension is on: sizes are those that it asks of pymalloc"},
	[REASON_HOOK_DEBUG] = {STATUS_OK,
		"the debug allocator is on: sizes are those that it asks of pymalloc"},
	[REASON_HOOK_TRACEMALLOC] = {STATUS_OK,
		"tracemalloc is on: sizes are those that it asks of pymalloc, and what it keeps of "
		"each block itself is among malloc's"},
	[REASON_STEPPED] = {STATUS_OK,
		"a probe on the allocator is single-stepped on this kernel, at 10 to 60 times the "
		"cost of another: --python pools is near-free"},
	[REASON_INLINED] = {STATUS_OK,
		"only what the interpreter takes from malloc is seen: it inlines its allocator and "
		"has no pool refill to probe; --python exact may see more"},
	[REASON_TOO_OFTEN] = {STATUS_OK,
		"only what the interpreter takes from malloc is seen: it allocates too often for "
		"exact and has no pool refill to probe; --python exact may see more"},
	[REASON_LEFT_STEERED] = {STATUS_OK,
		"process {pid}: the allocator slots of CPython {version} are steered, by a tool that "
		"was killed or still runs: all calls are seen while they are; --python exact gives "
		"them their old values back"},
	/* clang-format on */
};

static const char *or_unknown(const char *text)
{
	return text ? text : "?";
}

struct finding_words {
	const struct reason_words *words;
	char room[32]; /* for numbers */
};

static const char *find_word(void *context, const char *name, size_t length)
{
	struct finding_words *finding = context;
	const struct reason_words *words = finding->words;
	const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{"comm", words->comm},   {"release", words->release}, {"probes", words->probes},
		{"lacks", words->lacks}, {"version", words->version},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (sentence_is_word(name, length, texts[i].name))
			return or_unknown(texts[i].text);
	if (sentence_is_word(name, length, "pid"))
		snprintf(finding->room, sizeof(finding->room), "%d", words->pid);
	else
		snprintf(finding->room, sizeof(finding->room), "%.0f",
			 sentence_is_word(name, length, "calls") ? words->calls_per_s
								 : words->percent);
	return finding->room;
}

const char *reason_write(enum reason reason, const struct reason_words *words, char *text,
			 size_t size)
{
	static const struct reason_words nothing;
	struct finding_words finding = {.words = words ? words : &nothing};

	sentence_write(sentences[reason].text, find_word, &finding, text, size);
	return text;
}

int reason_fail(enum reason reason, const struct reason_words *words, struct failure *failure)
{
	if (reason == REASON_NONE)
		return 0;
	failure->status = sentences[reason].status;
	reason_write(reason, words, failure->text, sizeof(failure->text));
	return -1;
}
