// SPDX-License-Identifier: BSD-2-Clause
//
// Leaks through C++: each form of new, and containers. libstdc++ stands between the leaking
// function and malloc and keeps no frame pointer, so a walk by frame pointers skips the function
// itself: each one has a caller of its own, NAME_caller, which no walk can miss.
#include <map>
#include <new>
#include <string>
#include <vector>

#include "truth.h"

namespace
{

constexpr int blocks = 20;

#define LEAK(name, bytes, ...)                                 \
	extern "C" TRUTH_LEAF void *leak_via_##name()          \
	{                                                      \
		void *kept = __VA_ARGS__;                      \
		if (!kept)                                     \
			truth_die("new failed");               \
		truth_alloc("leak_via_" #name, bytes);         \
		return kept;                                   \
	}                                                      \
	extern "C" TRUTH_LEAF void *leak_via_##name##_caller() \
	{                                                      \
		void *kept = leak_via_##name();                \
		TRUTH_NO_TAIL_CALL();                          \
		return kept;                                   \
	}

struct alignas(128) Wide {
	char bytes[256];
};

LEAK(new, 40, operator new(40))
LEAK(new_array, 41, operator new[](41))
LEAK(new_nothrow, 42, operator new(42, std::nothrow))
LEAK(new_array_nothrow, 43, operator new[](43, std::nothrow))
LEAK(new_aligned, sizeof(Wide), new Wide)

} // namespace

namespace shop
{

template <typename T> struct Cart {
	TRUTH_LEAF void *add(T count)
	{
		void *kept = operator new(count);
		truth_alloc("shop", count);
		return kept;
	}
};

} // namespace shop

namespace
{

extern "C" TRUTH_LEAF void leak_via_vector()
{
	alignas(std::vector<long>) static char kept[blocks][sizeof(std::vector<long>)];
	static int next;

	new (kept[next++]) std::vector<long>(1000);
	truth_alloc("leak_via_vector", 8000);
}

extern "C" TRUTH_LEAF void leak_via_vector_caller()
{
	leak_via_vector();
	TRUTH_NO_TAIL_CALL();
}

extern "C" TRUTH_LEAF void leak_via_string()
{
	alignas(std::string) static char kept[blocks][sizeof(std::string)]; // never destroyed
	static int next;

	(new (kept[next++]) std::string)->reserve(500); // 501 bytes with the terminator
	truth_alloc("leak_via_string", 501);
}

extern "C" TRUTH_LEAF void leak_via_string_caller()
{
	leak_via_string();
	TRUTH_NO_TAIL_CALL();
}

extern "C" TRUTH_LEAF void shop_caller()
{
	shop::Cart<int>().add(90);
	TRUTH_NO_TAIL_CALL();
}

using Map = std::map<long, long>;

extern "C" TRUTH_LEAF void leak_via_map(Map &map, long key)
{
	map.emplace(key, key);
	truth_alloc("leak_via_map", sizeof(std::_Rb_tree_node<Map::value_type>));
}

extern "C" TRUTH_LEAF void leak_via_map_caller(Map &map, long key)
{
	leak_via_map(map, key);
	TRUTH_NO_TAIL_CALL();
}

void run()
{
	alignas(Map) static char memory[sizeof(Map)]; // never destroyed
	Map &map = *new (memory) Map;

	for (int i = 0; i < blocks; i++) {
		leak_via_new_caller();
		leak_via_new_array_caller();
		leak_via_new_nothrow_caller();
		leak_via_new_array_nothrow_caller();
		leak_via_new_aligned_caller();
		leak_via_vector_caller();
		leak_via_string_caller();
		shop_caller();
		leak_via_map_caller(map, i);
		::operator delete(leak_via_new_caller());
		truth_free("leak_via_new", 40);
		::operator delete[](leak_via_new_array_caller());
		truth_free("leak_via_new_array", 41);
		::operator delete(leak_via_new_caller(), 40);
		truth_free("leak_via_new", 40);
		delete static_cast<Wide *>(leak_via_new_aligned_caller());
		truth_free("leak_via_new_aligned", sizeof(Wide));
	}
}

} // namespace

int main(int argc, char **argv)
{
	const truth_case cases[] = {{"cpp", nullptr, run}};

	return truth_main(argc, argv, cases, 1);
}
