/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lost_blocks [busy|large|register|behind]: loses blocks of malloc in every shape that losing has,
 * and keeps others by every way of keeping. Each kind has a size of its own. Prints what it lost
 * and what it kept, by usable size, as one line of JSON, and waits for the end of its input. busy:
 * with threads that allocate, hand over and free all the time, and lose nothing. large: with 400 MB
 * of heap more, of which nearly nothing is resident. register: it waits for good, and one register
 * alone refers to a block. behind: what it lost with mappings of their own lies right behind
 * variables of a module, as it does by chance in a process of a few hundred.
 */
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <link.h>
#include <list>
#include <malloc.h>
#include <map>
#include <mutex>
#include <pthread.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

struct Node {
	Node *next;
	char rest[];
};

struct Session {
	virtual ~Session() = default;
	virtual int number() const { return 1; }
	char text[880] = {};
};

static std::map<size_t, size_t> lost, kept; /* counts by usable size */

static void *count(std::map<size_t, size_t> &counts, void *block)
{
	counts[malloc_usable_size(block)]++;
	return block;
}

/* --- losing --- */

static void lose_single(size_t size, size_t blocks)
{
	for (size_t i = 0; i < blocks; i++)
		memset(count(lost, malloc(size)), 'x', size);
}

static void lose_chain(size_t size, size_t nodes, bool ring)
{
	Node *first = nullptr, *last = nullptr;

	for (size_t i = 0; i < nodes; i++) {
		Node *node = static_cast<Node *>(count(lost, malloc(size)));

		node->next = first;
		last = last ? last : node;
		first = node;
	}
	if (ring)
		last->next = first;
}

static void lose_objects(size_t objects)
{
	for (size_t i = 0; i < objects; i++)
		count(lost, new Session);
}

/* An owner is freed, and what it owned is not: the free block still has the address. */
static void lose_owned(size_t size, size_t blocks)
{
	for (size_t i = 0; i < blocks; i++) {
		void **owner = static_cast<void **>(malloc(40));

		owner[2] = count(lost, malloc(size));
		free(owner);
	}
}

/* Finds a page behind a module's last byte from which so many bytes are free. */
static int find_room(struct dl_phdr_info *module, size_t, void *context)
{
	void **room = static_cast<void **>(context);
	size_t bytes = reinterpret_cast<size_t>(*room);
	uintptr_t end = 0;
	bool writable = false;

	for (size_t i = 0; i < module->dlpi_phnum; i++) {
		const ElfW(Phdr) &header = module->dlpi_phdr[i];

		if (header.p_type != PT_LOAD)
			continue;
		end = module->dlpi_addr + header.p_vaddr + header.p_memsz;
		writable = header.p_flags & PF_W && header.p_memsz > header.p_filesz + 4096;
	}
	void *wanted = reinterpret_cast<void *>((end + 4095) & ~uintptr_t(4095));
	void *got = writable ? mmap(wanted, bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)
			     : MAP_FAILED;
	if (got == MAP_FAILED)
		return 0;
	*room = got;
	return 1;
}

/* Blocks with mappings of their own, which the allocator knows by no address. */
static void lose_mapped(size_t size, size_t blocks, bool behind)
{
	size_t bytes = (size + 4096) & ~size_t(4095);
	void *room = reinterpret_cast<void *>(blocks * bytes);

	if (behind && !dl_iterate_phdr(find_room, &room))
		std::abort();
	for (size_t i = 0; i < blocks; i++) {
		char *block = static_cast<char *>(count(lost, malloc(size))) - 16;

		memset(block + 16, 'x', size);
		if (!behind)
			continue;
		memcpy(static_cast<char *>(room) + i * bytes, block, bytes);
		munmap(block, bytes);
	}
}

__attribute__((noinline)) static void lose_all(bool behind)
{
	lose_single(1000, 700);
	lose_mapped(200000, 3, behind);
	lose_chain(2000, 500, false);
	lose_chain(3000, 300, true);
	lose_objects(400);
	lose_owned(4000, 100);
}

/* What calls left on the stack would be taken for references. */
__attribute__((noinline)) static void wipe_stack()
{
	volatile char wiped[200000];

	for (size_t i = 0; i < sizeof(wiped); i++)
		wiped[i] = 0;
}

/* --- keeping --- */

void *array[100]; /* not static: they are only written */
char *inside, *last_bytes;
thread_local void *of_thread[50];
Node *list_head;
const void *closed_page;
static pthread_barrier_t threads_ready;

static void keep_in_kernel(size_t size)
{
	int epoll = epoll_create1(0);

	for (size_t i = 0; i < 20; i++) {
		struct epoll_event event = {};

		event.events = EPOLLIN;
		event.data.ptr = count(kept, malloc(size));
		epoll_ctl(epoll, EPOLL_CTL_ADD, eventfd(0, 0), &event);
	}
}

static void keep_by_thread(size_t size)
{
	static std::mutex counts;
	void *volatile on_stack[30];
	std::unique_lock<std::mutex> guard(counts);

	for (size_t i = 0; i < 30; i++)
		on_stack[i] = count(kept, malloc(size));
	for (size_t i = 0; i < 50; i++)
		of_thread[i] = count(kept, malloc(size));
	guard.unlock();
	pthread_barrier_wait(&threads_ready);
	pause();
	(void)on_stack[29];
}

static void keep_all()
{
	for (void *&block : array)
		block = count(kept, malloc(5000));
	inside = static_cast<char *>(count(kept, malloc(6000))) + 3001;
	/* the last 8 bytes lie where the next chunk begins */
	last_bytes = static_cast<char *>(count(kept, malloc(7000)));
	last_bytes += malloc_usable_size(last_bytes) - 8;
	for (size_t i = 0; i < 1000; i++) {
		Node *node = static_cast<Node *>(count(kept, malloc(600)));

		node->next = list_head;
		list_head = node;
	}
	keep_in_kernel(8000);
	void **page = static_cast<void **>(aligned_alloc(4096, 4096));
	for (size_t i = 0; i < 64; i++)
		page[i] = count(kept, malloc(9000));
	closed_page = page;
	pthread_barrier_init(&threads_ready, nullptr, 5);
	for (size_t i = 0; i < 4; i++)
		std::thread(keep_by_thread, 10000 + 100 * i).detach();
	pthread_barrier_wait(&threads_ready);
}

/* --- being busy --- */

static std::mutex queue_lock;
static std::list<std::vector<std::string>> queue;

static void be_busy(unsigned int seed)
{
	std::map<unsigned int, std::string> own;

	for (size_t i = 0;; i++) {
		if (i % 16 == 15)
			usleep(100);
		seed = seed * 1103515245 + 12345;
		own[seed >> 16 & 1023] = std::string(seed >> 20, 'a');
		std::vector<std::string> parts(seed >> 28, std::string(seed >> 22, 'b'));
		std::lock_guard<std::mutex> guard(queue_lock);
		queue.push_back(std::move(parts));
		if (queue.size() > 1000)
			queue.pop_front();
	}
}

static void be_large()
{
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	for (size_t i = 0; i < 4000; i++) {
		Node *node = static_cast<Node *>(count(kept, malloc(100000)));

		node->next = list_head;
		list_head = node;
	}
}

__attribute__((noinline)) static uintptr_t make_hidden()
{
	return ~reinterpret_cast<uintptr_t>(count(kept, malloc(11000)));
}

/* pause(), with a block's address in a register that calls preserve. */
[[noreturn]] static void wait_with(uintptr_t hidden)
{
	for (;;)
		asm volatile("mov %0, %%rbx\n\tnot %%rbx\n\tmov $34, %%eax\n\tsyscall"
			     :
			     : "r"(hidden)
			     : "rax", "rbx", "rcx", "r11", "memory");
}

static void print(const char *name, const std::map<size_t, size_t> &counts)
{
	const char *comma = "";

	std::printf("\"%s\":{", name);
	for (const auto &item : counts) {
		std::printf("%s\"%zu\":%zu", comma, item.first, item.second);
		comma = ",";
	}
	std::printf("}");
}

int main(int argc, char **argv)
{
	bool in_register = argc > 1 && !strcmp(argv[1], "register");
	uintptr_t hidden = in_register ? make_hidden() : 0;

	keep_all();
	lose_all(argc > 1 && !strcmp(argv[1], "behind"));
	wipe_stack();
	if (argc > 1 && !strcmp(argv[1], "busy"))
		for (unsigned int i = 0; i < 3; i++)
			std::thread(be_busy, i).detach();
	if (argc > 1 && !strcmp(argv[1], "large"))
		be_large();
	std::printf("{");
	print("lost", lost);
	std::printf(",");
	print("kept", kept);
	std::printf("}\nready\n");
	std::fflush(stdout);
	if (in_register)
		wait_with(hidden);
	while (std::getchar() != EOF)
		;
	return inside == last_bytes || closed_page == nullptr;
}
