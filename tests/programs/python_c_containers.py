# SPDX-License-Identifier: BSD-2-Clause
"""One object held by each of many containers of C code, under names of their own.

Prints {name: what follows the name on the way to the object}, `ready`, and waits for a line."""
import asyncio
import collections
import contextvars
import functools
import gc
import itertools
import json
import operator
import queue
import sys
import types


class Held:
    def __hash__(self):
        return 5

    def __iter__(self):
        return self

    def __next__(self):
        return self

    def __call__(self, *_):
        return self

    def __getitem__(self, index):
        return index

    def __len__(self):
        return 3


truth = {}
main = sys.modules["__main__"]


def hold(name, thing, rest):
    setattr(main, name, thing)
    truth[name] = rest


def begun(iterator):
    next(iterator)
    return iterator


def hold_iterators():
    hold("chain", itertools.chain(Held(), []), ".source.seq[*]")
    hold("cycle", begun(itertools.cycle([Held(), 1])), ".saved[*]")
    hold("islice", itertools.islice(Held(), 10), ".it")
    hold("starmap", itertools.starmap(Held(), []), ".func")
    hold("takewhile", itertools.takewhile(Held(), []), ".func")
    hold("dropwhile", itertools.dropwhile(Held(), []), ".func")
    hold("filterfalse", itertools.filterfalse(Held(), []), ".func")
    hold("accumulate", begun(itertools.accumulate([Held(), 1])), ".total")
    hold("compress", itertools.compress(Held(), []), ".data")
    hold("groupby", itertools.groupby([], Held()), ".keyfunc")
    hold("product", itertools.product([Held()]), ".pools[*][*]")
    hold("permutations", itertools.permutations([Held()]), ".pool[*]")
    hold("combinations", itertools.combinations([Held()], 1), ".pool[*]")
    hold("repeat", itertools.repeat(Held()), ".element")
    hold("zip_longest", itertools.zip_longest([], fillvalue=Held()), ".fillvalue")
    hold("tee", begun(itertools.tee([Held(), 1])[0]), ".dataobj[*]")
    hold("zip_", zip(Held(), []), ".ittuple[*]")
    hold("map_", map(Held(), []), ".func")
    hold("filter_", filter(Held(), []), ".func")
    hold("enumerate_", enumerate(Held()), ".sit")
    hold("reversed_", reversed(Held()), ".seq")
    hold("list_iterator", iter([Held()]), ".seq[*]")
    hold("tuple_iterator", iter((Held(),)), ".seq[*]")
    hold("dict_values", iter({1: Held()}.values()), ".dict[*]")
    hold("set_iterator", iter({Held()}), ".set[*]")
    hold("deque_iterator", iter(collections.deque([Held()])), ".deque[*]")
    hold("callable_iterator", iter(Held(), None), ".callable")


def hold_others():
    variable = contextvars.ContextVar("variable")
    context = contextvars.Context()
    context.run(variable.set, Held())
    hold("context", context, ".vars[*]")
    many = contextvars.Context()
    for number in range(40):
        many.run(contextvars.ContextVar(f"other {number}").set, number)
    many.run(variable.set, Held())
    hold("many", many, ".vars[*]")
    hold("defaulted", contextvars.ContextVar("defaulted", default=Held()), ".default")
    hold("token", (variable.set(Held()), variable.set(1))[1], ".old_value")
    hold("partial", functools.partial(Held(), 1), ".func")
    hold("partial_args", functools.partial(print, Held()), ".args[*]")
    hold("key", functools.cmp_to_key(print)(Held()), ".obj")
    hold("view", {1: Held()}.values(), ".dict[*]")
    hold("proxy", types.MappingProxyType({1: Held()}), ".mapping[*]")
    hold("slice_", slice(Held()), ".stop")
    hold("property_", property(Held()), ".fget")
    hold("itemgetter", operator.itemgetter(Held()), ".item")
    if sys.version_info < (3, 13):  # from then on it has a buffer of its own
        hold("simple_queue", queue.SimpleQueue(), ".lst[*]")
        main.simple_queue.put(Held())
    hold("error", ValueError(Held()), ".args[*]")
    hold("stop", StopIteration(Held()), ".value")
    if sys.version_info >= (3, 12):  # a member that Python shows before
        hold("alias", list[Held()], ".args[*]")


def hold_future():
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    future.set_result(Held())
    hold("future", future, ".result")
    called = loop.create_future()
    called.add_done_callback(Held())
    hold("called", called, ".callback")


hold_iterators()
hold_others()
hold_future()
gc.collect()
gc.disable()
print(json.dumps(truth))
print("ready", flush=True)
sys.stdin.readline()
