/* SPDX-License-Identifier: BSD-2-Clause */
/* lost_objects SHAPE | --list: see lost_shapes.h. What `new` gives is
 * counted while it is losing. */
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "lost_shapes.h"

static bool losing;

void *operator new(size_t size)
{
	void *block = malloc(size);

	return losing ? lost(block) : block;
}

void *operator new[](size_t size)
{
	return operator new(size);
}

void operator delete(void *block) noexcept
{
	if (losing && block) {
		lost_blocks--;
		lost_bytes -= malloc_usable_size(block);
	}
	free(block);
}

void operator delete[](void *block) noexcept
{
	operator delete(block);
}

void operator delete[](void *block, size_t) noexcept
{
	operator delete(block);
}

void operator delete(void *block, size_t) noexcept
{
	operator delete(block);
}

/* What is made in it is lost. */
template <typename Make> __attribute__((noinline)) static void lose(Make make)
{
	losing = true;
	make();
	losing = false;
}

struct First {
	virtual ~First() = default;
	char first[992] = {};
};

struct Second {
	virtual ~Second() = default;
	char second[992] = {};
};

struct Both : First, Second {
	std::unique_ptr<First> owned = std::make_unique<First>();
};

struct Peer {
	std::shared_ptr<Peer> other;
	std::vector<int> numbers = std::vector<int>(250);
};

static void map_lost()
{
	lose([] {
		auto *map = new std::map<int, long>;
		for (int i = 0; i < 500; i++)
			(*map)[i] = i;
	});
}

static void map_kept()
{
	static std::map<int, std::string> map;

	for (int i = 0; i < 500; i++)
		map[i] = std::string(1000, 'a');
}

static void hash_map_lost()
{
	lose([] {
		auto *map = new std::unordered_map<std::string, std::vector<int>>;
		for (int i = 0; i < 300; i++)
			(*map)[std::string(100, static_cast<char>('a' + i % 26)) +
			       std::to_string(i)]
				.resize(50);
	});
}

static void containers_of_containers_kept()
{
	static std::vector<std::map<int, std::list<std::string>>> all(10);

	for (size_t i = 0; i < all.size(); i++)
		for (int k = 0; k < 10; k++)
			all[i][k].assign(5, std::string(100, 'b'));
}

/* All but what the last vector of the outermost one has. */
static void containers_of_containers_lost()
{
	lose([] {
		auto *all = new std::deque<std::vector<std::list<std::string>>>;
		for (int i = 0; i < 10; i++)
			all->emplace_back(10, std::list<std::string>(5, std::string(103, 'c')));
	});
}

static void shared_cycle_lost()
{
	lose([] {
		for (int i = 0; i < 100; i++) {
			auto a = std::make_shared<Peer>(), b = std::make_shared<Peer>();
			a->other = b;
			b->other = a;
		}
	});
}

/* A weak pointer keeps the block of make_shared, not what its object had. */
static void weak_keeps()
{
	static std::vector<std::weak_ptr<Peer>> weak;

	for (int i = 0; i < 100; i++)
		weak.push_back(std::make_shared<Peer>());
}

static void released_lost()
{
	lose([] {
		std::vector<std::unique_ptr<First>> all;
		for (int i = 0; i < 100; i++)
			all.push_back(std::make_unique<First>());
		for (auto &one : all)
			(void)one.release();
	});
}

static void unique_kept()
{
	static std::vector<std::unique_ptr<First>> all;

	for (int i = 0; i < 100; i++)
		all.push_back(std::make_unique<First>());
}

/* The pointer is to the second base, in the middle. */
Second *second; /* not static: it is only written */

static void second_base_keeps()
{
	second = new Both;
}

/* It points behind the count of elements. */
static void array_of_objects_kept()
{
	static std::string *kept = new std::string[20];

	for (int i = 0; i < 20; i++)
		kept[i] = std::string(200, 'd');
}

static void array_of_objects_lost()
{
	lose([] {
		auto *array = new std::string[20];
		for (int i = 0; i < 20; i++)
			array[i].assign(199, 'e');
	});
}

static void base_without_destructor_lost()
{
	struct Base {
		int number = 1;
	};
	struct Owner : Base {
		std::string text = std::string(999, 'f');
	};

	for (int i = 0; i < 50; i++) {
		lose([] {
			auto *owner = new Owner;
			std::string text;
			/* as `delete` of a Base would do: frees the object, and leaves its text */
			owner->number = 2;
			operator delete(owner);
		});
	}
}

static void function_keeps()
{
	static std::function<size_t()> kept;
	std::vector<std::string> captured(50, std::string(500, 'g'));

	kept = [captured] { return captured.size(); };
}

static void cyclic_function_lost()
{
	struct Button {
		std::function<void()> pressed;
		char rest[968] = {};
	};

	lose([] {
		for (int i = 0; i < 50; i++) {
			auto button = std::make_shared<Button>();
			button->pressed = [button] { button->rest[0]++; };
		}
	});
}

static void exception_kept()
{
	static std::exception_ptr kept;

	try {
		throw std::runtime_error(std::string(1000, 'h'));
	} catch (...) {
		kept = std::current_exception();
	}
}

static void future_keeps()
{
	static std::promise<std::string> promise;
	static std::future<std::string> future = promise.get_future();

	promise.set_value(std::string(1000, 'i'));
}

thread_local std::vector<std::string> of_thread;

static void thread_objects_kept()
{
	static std::promise<void> ready;

	of_thread.assign(50, std::string(300, 'j'));
	std::thread([] {
		of_thread.assign(50, std::string(400, 'k'));
		ready.set_value();
		pause();
	}).detach();
	ready.get_future().wait();
}

/* Their destructors run when the thread ends, but for what they gave away. */
static void thread_objects_ended()
{
	std::thread([] {
		of_thread.assign(50, std::string(300, 'l'));
		lose([] { (void)std::make_unique<First>().release(); });
	}).join();
}

static void placement_lost()
{
	static char room[sizeof(std::list<long>)];

	lose([] {
		auto *list = new (room) std::list<long>;
		for (int i = 0; i < 200; i++)
			list->push_back(i);
	});
	memset(room, 0, sizeof(room)); /* no destructor */
}

static void set_of_pointers_cleared()
{
	static std::set<First *> all;

	lose([] {
		for (int i = 0; i < 100; i++)
			all.insert(new First);
		all.clear();
	});
}

static void leaked_singleton_kept()
{
	static auto &single = *new std::map<std::string, First>;

	for (int i = 0; i < 50; i++)
		single.try_emplace(std::to_string(i));
}

#define SHAPE(name)                                                                                \
	{                                                                                          \
#name, name                                                                        \
	}

static const struct shape shapes[] = {
	SHAPE(map_lost),
	SHAPE(map_kept),
	SHAPE(hash_map_lost),
	SHAPE(containers_of_containers_kept),
	SHAPE(containers_of_containers_lost),
	SHAPE(shared_cycle_lost),
	SHAPE(weak_keeps),
	SHAPE(released_lost),
	SHAPE(unique_kept),
	SHAPE(second_base_keeps),
	SHAPE(array_of_objects_kept),
	SHAPE(array_of_objects_lost),
	SHAPE(base_without_destructor_lost),
	SHAPE(function_keeps),
	SHAPE(cyclic_function_lost),
	SHAPE(exception_kept),
	SHAPE(future_keeps),
	SHAPE(thread_objects_kept),
	SHAPE(thread_objects_ended),
	SHAPE(placement_lost),
	SHAPE(set_of_pointers_cleared),
	SHAPE(leaked_singleton_kept),
};

int main(int argc, char **argv)
{
	return shapes_main(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
