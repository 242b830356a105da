// SPDX-License-Identifier: BSD-2-Clause
/* Names of C++: templates, namespaces, constructors, lambdas, operators. */
#include "report.h"

#define STANDING __attribute__((noinline))
#define REPORT(name)                               \
	do {                                       \
		report(name, __LINE__, "");        \
		__asm__ volatile("" ::: "memory"); \
	} while (0)

namespace shop
{

template <class T> struct Basket {
	STANDING Basket(T first) : value(first)
	{
		REPORT("shop::Basket<int>::Basket");
	}

	STANDING T add(T more)
	{
		REPORT("shop::Basket<int>::add");
		return value += more;
	}

	STANDING Basket &operator<<(T)
	{
		REPORT("shop::Basket<int>::operator<<");
		return *this;
	}

	T value;
};

namespace
{
STANDING void hidden(const char *)
{
	REPORT("shop::(anonymous namespace)::hidden");
}
} // namespace

} // namespace shop

int main()
{
	shop::Basket<int> basket(1);

	basket.add(2);
	basket << 3;
	shop::hidden("");
	return 0;
}
