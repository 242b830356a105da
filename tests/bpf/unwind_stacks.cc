// SPDX-License-Identifier: BSD-2-Clause
// C++ stacks: `leaf` is called where each construct is at work.
#include <algorithm>
#include <coroutine>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{
void (*leaf)();

struct Guard {
	~Guard() { leaf(); }
};

[[gnu::noinline]] void throwing(int depth)
{
	Guard guard;
	std::string text(depth + 40, 'x');

	if (!depth)
		throw std::runtime_error(text);
	throwing(depth - 1);
	asm volatile("" ::: "memory");
}

[[gnu::noinline]] void exceptions()
{
	try {
		throwing(3);
	} catch (const std::exception &) {
		leaf();
	}
}

template <int depth> [[gnu::noinline]] int nested(const std::function<int(int)> &function)
{
	if constexpr (depth == 0)
		return function(depth);
	else
		return nested<depth - 1>([&](int value) { return function(value) + depth; }) + 1;
}

struct Task {
	struct promise_type {
		Task get_return_object()
		{
			return {std::coroutine_handle<promise_type>::from_promise(*this)};
		}
		std::suspend_always initial_suspend() { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() {}
	};
	std::coroutine_handle<promise_type> handle;
};

Task coroutine(int steps)
{
	for (int i = 0; i < steps; i++) {
		leaf();
		co_await std::suspend_always{};
	}
}

void coroutines()
{
	Task task = coroutine(3);

	while (!task.handle.done())
		task.handle.resume();
	task.handle.destroy();
}

void containers()
{
	std::vector<int> numbers{3, 1, 2};
	bool done = false;

	std::sort(numbers.begin(), numbers.end(), [&](int left, int right) {
		if (!done)
			leaf();
		done = true;
		return left < right;
	});
}
} // namespace

extern "C" void cxx_stacks(void (*call)(void))
{
	leaf = call;
	exceptions();
	nested<20>([](int value) {
		leaf();
		return value;
	});
	coroutines();
	containers();
	std::thread(exceptions).join();
}
