/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpp_classes: objects of five classes, 6,600 in all, and as many blocks that are none. Prints how
 * many there are of each and how many bytes malloc gave for them, as one line of JSON; then for
 * each line that it reads it makes 100 caches more, and prints again.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <vector>

namespace shop {

struct Shape {
	virtual ~Shape() = default;
	virtual double area() const = 0;
	double x = 1;
};

struct Circle : Shape {
	double area() const override { return x * 3; }
	double more[3] = {};
};

struct Square : Shape {
	double area() const override { return x * x; }
};

struct Named {
	virtual ~Named() = default;
	virtual const char *name() const { return "named"; }
	char text[40] = {};
};

/* Two bases with virtual tables of their own, and one that is virtual. */
struct Label : Named, virtual Shape {
	double area() const override { return 0; }
};

template <typename Key, int Ways> struct Cache {
	virtual ~Cache() = default;
	virtual Key find(Key key) { return key; }
	Key keys[Ways] = {};
};

} /* namespace shop */

namespace {
struct Hidden {
	virtual ~Hidden() = default;
	virtual int number() const { return 7; }
};
} /* namespace */

struct Count {
	const char *name;
	size_t objects;
	size_t bytes;
};

static std::vector<void *> kept;
static Count counts[] = {{"shop::Circle", 0, 0},
			 {"shop::Square", 0, 0},
			 {"shop::Label", 0, 0},
			 {"shop::Cache<unsigned int, 16>", 0, 0},
			 {"(anonymous namespace)::Hidden", 0, 0}};

template <typename T> static void make(Count &count, size_t objects)
{
	for (size_t i = 0; i < objects; i++) {
		T *object = new T;

		kept.push_back(object);
		kept.push_back(std::malloc(16 + i % 50)); /* is no object */
		count.objects++;
		count.bytes += malloc_usable_size(object);
	}
}

static void print()
{
	std::printf("{");
	for (const Count &count : counts)
		std::printf("%s\"%s\":[%zu,%zu]", &count == counts ? "" : ",", count.name,
			    count.objects, count.bytes);
	std::printf("}\n");
	std::fflush(stdout);
}

extern "C" void make_all()
{
	make<shop::Circle>(counts[0], 3000);
	make<shop::Square>(counts[1], 2000);
	make<shop::Label>(counts[2], 1000);
	make<shop::Cache<unsigned int, 16>>(counts[3], 500);
	make<Hidden>(counts[4], 100);
	print();
}

int main()
{
	make_all();
	std::printf("ready\n");
	std::fflush(stdout);
	while (std::getchar() != EOF) {
		make<shop::Cache<unsigned int, 16>>(counts[3], 100);
		print();
	}
	return kept.empty();
}
