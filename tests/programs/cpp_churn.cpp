// SPDX-License-Identifier: BSD-2-Clause
//
// Every form of new and of malloc in turn, of mixed sizes, by `--threads N` (4) that take `--steps
// N` (10,000) each, drawn by `--seed`, over some thousand blocks of their own; now and then one that
// throws or returns null. What is freed has the address that the call returned, so that a tracer
// that saw another one does not know it. The threads are made before `ready` and never end.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <pthread.h>
#include <unistd.h>

#include "truth.h"

namespace
{

constexpr std::size_t slots = 1500, threads_max = 64;
constexpr std::align_val_t alignment{64};

// Not known to the compiler; below what new[] refuses by itself.
volatile std::size_t huge = std::size_t{1} << 60;

enum form : unsigned {
	plain,
	array,
	aligned,
	aligned_array,
	quiet,
	by_malloc,
	by_calloc,
	by_memalign,
	by_realloc,
	forms,
};

struct held {
	void *block;
	std::size_t bytes;
	form how;
};

struct worker {
	std::uint64_t seed, alloc_bytes, alloc_blocks, free_bytes, free_blocks, thrown;
	held blocks[slots];
};

worker workers[threads_max];
std::uint64_t steps;
pthread_barrier_t begins, ends;

std::uint64_t draw(worker &w)
{
	w.seed ^= w.seed << 13;
	w.seed ^= w.seed >> 7;
	w.seed ^= w.seed << 17;
	return w.seed;
}

// Mostly small, some beyond what an allocator keeps by size.
std::size_t draw_bytes(worker &w)
{
	std::uint64_t random = draw(w);

	return 1 + random / 1024 % (random % 512 == 0 ? 400000 : random % 16 == 0 ? 6000 : 300);
}

extern "C" TRUTH_LEAF void *churn(form how, std::size_t bytes, void *old)
{
	void *block = nullptr;

	switch (how) {
	case plain:
		block = operator new(bytes);
		break;
	case array:
		block = operator new[](bytes);
		break;
	case aligned:
		block = operator new(bytes, alignment);
		break;
	case aligned_array:
		block = operator new[](bytes, alignment);
		break;
	case quiet:
		block = operator new(bytes, std::nothrow);
		break;
	case by_malloc:
		block = std::malloc(bytes);
		break;
	case by_calloc:
		block = std::calloc(1, bytes);
		break;
	case by_memalign:
		if (posix_memalign(&block, 64, bytes))
			block = nullptr;
		break;
	default:
		block = std::realloc(old, bytes);
	}
	TRUTH_NO_TAIL_CALL();
	return block;
}

void release(const held &old)
{
	if (old.how == plain || old.how == quiet)
		operator delete(old.block);
	else if (old.how == array)
		operator delete[](old.block);
	else if (old.how == aligned)
		operator delete(old.block, alignment);
	else if (old.how == aligned_array)
		operator delete[](old.block, alignment);
	else
		std::free(old.block);
}

// What is thrown is a block too: not under churn().
TRUTH_LEAF void fail(worker &w, form how)
{
	try {
		if (how == array)
			operator delete[](operator new[](huge));
		else if (how == aligned)
			operator delete(operator new(huge, alignment), alignment);
		else if (how == aligned_array)
			operator delete[](operator new[](huge, alignment), alignment);
		else
			operator delete(operator new(huge));
		truth_die("2^60 bytes");
	} catch (const std::bad_alloc &) {
		w.thrown++;
	}
}

void count_free(worker &w, const held &old)
{
	w.free_bytes += old.bytes;
	w.free_blocks++;
}

void count_alloc(worker &w, const held &fresh)
{
	if (!fresh.block)
		truth_die("no memory");
	*static_cast<char *>(fresh.block) = 1;
	w.alloc_bytes += fresh.bytes;
	w.alloc_blocks++;
}

void step(worker &w, bool may_throw)
{
	held &slot = w.blocks[draw(w) % slots];
	const form how = form(draw(w) % forms);
	const std::size_t bytes = draw_bytes(w);

	if (draw(w) % 256 == 0) {
		if (may_throw)
			fail(w, how);
		if (churn(quiet, huge, nullptr))
			truth_die("2^60 bytes");
	}
	if (slot.block && slot.how >= by_malloc && draw(w) % 2) {
		count_free(w, slot);
		slot = {churn(by_realloc, bytes, slot.block), bytes, by_realloc};
		count_alloc(w, slot);
		return;
	}
	if (slot.block) {
		count_free(w, slot);
		release(slot);
		slot.block = nullptr;
	}
	if (draw(w) % 4) {
		slot = {churn(how, bytes, nullptr), bytes, how};
		count_alloc(w, slot);
	}
}

void *work(void *argument)
{
	worker &w = *static_cast<worker *>(argument);
	const bool may_throw = !truth_flag("--no-bad-alloc");

	pthread_barrier_wait(&begins);
	for (std::uint64_t i = 0; i < steps; i++)
		step(w, may_throw);
	pthread_barrier_wait(&ends);
	for (;;)
		pause();
	return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
	truth_init(argc, argv);
	const std::size_t threads = truth_number("--threads", 4);
	std::uint64_t thrown = 0;

	steps = truth_number("--steps", 10000);
	if (threads > threads_max)
		truth_die("too many threads");
	pthread_barrier_init(&begins, nullptr, unsigned(threads + 1));
	pthread_barrier_init(&ends, nullptr, unsigned(threads + 1));
	for (std::size_t i = 0; i < threads; i++) {
		pthread_t thread;

		workers[i].seed = 88172645463325252 + truth_number("--seed", 0) * threads_max + i;
		if (pthread_create(&thread, nullptr, work, &workers[i]))
			truth_die("no thread");
	}
	truth_ready();
	pthread_barrier_wait(&begins);
	pthread_barrier_wait(&ends);
	for (std::size_t i = 0; i < threads; i++) {
		const worker &w = workers[i];

		truth_alloc_many("churn", w.alloc_bytes, w.alloc_blocks);
		truth_free_many("churn", w.free_bytes, w.free_blocks);
		thrown += w.thrown;
	}
	truth_note("thrown", thrown);
	truth_finish();
	return 0;
}
