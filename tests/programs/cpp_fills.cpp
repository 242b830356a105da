// SPDX-License-Identifier: BSD-2-Clause
//
// A map that a thread fills for ever, two hundred entries a second: what allocates is far below the
// line that does it, in headers of the library. Prints `ready`.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <unordered_map>

static std::unordered_map<int, std::string> sessions;

__attribute__((noinline)) static void open_session(int number)
{
	sessions[number] = std::string(2000, 'x');
}

int main()
{
	std::thread server([] {
		for (int number = 0;; number++) {
			open_session(number);
			std::this_thread::sleep_for(std::chrono::milliseconds(5));
		}
	});

	puts("ready");
	fflush(stdout);
	server.join();
}
