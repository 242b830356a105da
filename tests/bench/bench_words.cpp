/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A C++ program that allocates heavily, without frame pointers: it counts the words of a text and
 * lists them by how often they come. Answers lines as bench_loop does: "run COUNT" with
 * "ns WALL CPU" for each text.
 */
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

using places = std::vector<size_t>;

static std::string text_make()
{
	std::string text;
	uint64_t random = 88172645463325252;

	for (int i = 0; i < 400; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		text += "word-with-a-long-stem-" + std::to_string(random % 100) + ' ';
	}
	return text;
}

static std::unordered_map<std::string, places> words_find(const std::string &text)
{
	std::unordered_map<std::string, places> found;
	std::istringstream in(text);
	std::string word;

	for (size_t place = 0; in >> word; place++)
		found[word].push_back(place);
	return found;
}

static std::vector<std::string> words_list(const std::unordered_map<std::string, places> &found)
{
	std::multimap<size_t, std::string> by_count;
	std::vector<std::string> lines;

	for (const auto &[word, places] : found)
		by_count.emplace(places.size(), word);
	for (const auto &[count, word] : by_count)
		lines.push_back(std::to_string(count) + ' ' + word);
	std::reverse(lines.begin(), lines.end());
	return lines;
}

static double now_ns(clockid_t clock)
{
	timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static void round_run(const std::string &text, uint64_t count)
{
	double wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (uint64_t i = 0; i < count; i++)
		if (words_list(words_find(text)).empty())
			std::exit(1);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	std::printf("ns %.1f %.1f\n", wall / count, cpu / count);
}

int main()
{
	const std::string text = text_make();
	uint64_t count;

	setlinebuf(stdout);
	std::puts("ready");
	while (std::scanf(" run %" SCNu64, &count) == 1)
		round_run(text, std::max<uint64_t>(count, 1));
	return 0;
}
