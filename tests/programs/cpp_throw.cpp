// SPDX-License-Identifier: BSD-2-Clause
//
// Throws std::bad_alloc out of operator new, and other exceptions through functions that allocate,
// `--rounds N` times (2,000). A return probe on a function that throws ends the program: that it
// gets to its truth is the test. `--no-bad-alloc` is for mimalloc, which aborts where others throw
// (its shared library is C).
#include <cstdint>
#include <new>
#include <stdexcept>
#include <vector>

#include "truth.h"

namespace
{

// Not known to the compiler; below what new[] refuses by itself.
volatile std::size_t huge = std::size_t{1} << 60;

extern "C" TRUTH_LEAF void *leak_between_throws()
{
	void *kept = operator new(64);
	truth_alloc("leak_between_throws", 64);
	return kept;
}

extern "C" TRUTH_LEAF void *leak_between_throws_caller()
{
	void *kept = leak_between_throws();
	TRUTH_NO_TAIL_CALL();
	return kept;
}

TRUTH_LEAF bool throws_bad_alloc(int form)
{
	try {
		if (form == 0)
			operator delete(operator new(huge));
		else if (form == 1)
			operator delete[](operator new[](huge));
		else if (form == 2)
			operator delete (operator new (huge, std::align_val_t{64}),
					 std::align_val_t{64});
		else
			std::vector<char>(huge).front() = 1;
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

TRUTH_LEAF bool throws_through(int frames)
{
	std::vector<int> held(10);

	if (!frames)
		throw std::runtime_error("deep inside");
	return throws_through(frames - 1) && held[0];
}

void run()
{
	std::uint64_t rounds = truth_number("--rounds", 2000), caught = 0, through = 0;

	for (std::uint64_t i = 0; i < rounds; i++) {
		if (!truth_flag("--no-bad-alloc"))
			caught += throws_bad_alloc(i % 4);
		if (operator new(huge, std::nothrow))
			truth_die("2^60 bytes");
		if (i % 4 == 0)
			leak_between_throws_caller();
		try {
			throws_through(5);
		} catch (const std::runtime_error &) {
			through++;
		}
	}
	truth_note("caught", caught);
	truth_note("through", through);
	truth_note("rounds", rounds);
}

} // namespace

int main(int argc, char **argv)
{
	const truth_case cases[] = {{"throw", nullptr, run}};

	return truth_main(argc, argv, cases, 1);
}
