/* What the last look found in a process: parts, Python's collector, caches, pools, large containers.
 * Counters are told as they rose since an earlier look at the same process, where there was one. */
function drawHeld(parent, service) {
	const {memory} = service;

	parent.textContent = "";
	if (!memory)
		return;
	const passed = memory.since === null ? 0 : momentOf(memory.taken_at) - momentOf(memory.since);
	const since = passed > 0 ? "in " + formatSince(passed) : "since it began";

	element(parent, "h2", "", "In process " + memory.pid + ", " +
		formatSince(momentOf(current.at) - momentOf(memory.taken_at)) + " ago");
	const columns = element(parent, "div", "held");

	drawParts(element(columns, "section", "of-parts"), memory);
	drawCaches(element(columns, "section", "of-caches"), memory.caches, since);
	drawPools(element(columns, "section", "of-pools"), memory.pools);
	drawCollector(element(columns, "section", "of-collector"), memory.gc, passed, since);
	drawContainers(element(columns, "section", "of-containers"), memory.containers);
}

function drawParts(parent, memory) {
	const parts = Object.entries(memory.parts).filter(part => part[1]).sort((a, b) => b[1] - a[1]);
	const all = parts.reduce((sum, part) => sum + part[1], 0);

	element(parent, "h3", "", "Parts of its memory");
	const body = drawTable(parent, "parts", [["part", "name"], ["resident", ""], ["share", ""]]);

	for (const [name, bytes] of parts) {
		const row = element(body, "tr");

		element(row, "td", "name", plain(name.replace(/_/g, " ")));
		element(row, "td", "", formatBytes(bytes));
		element(row, "td", "", formatShare(bytes, all));
	}
}

function drawName(row, item) {
	drawFindingName(element(row, "td", "name"), item.name === null ? "at no known name" : item.name,
		item.type);
}

function drawCaches(parent, caches, since) {
	if (!caches.length)
		return;
	element(parent, "h3", "", "Caches");
	const body = drawTable(parent, "caches", [["cache", "name"], ["entries", ""], ["of at most", ""],
		["hits " + since, ""], ["misses", ""], ["hit rate", ""], ["holds", ""]]);

	for (const cache of caches) {
		const row = element(body, "tr");
		const isSince = cache.hits_since !== null && cache.misses_since !== null;
		const hits = isSince ? cache.hits_since : cache.hits;
		const misses = isSince ? cache.misses_since : cache.misses;

		drawName(row, cache);
		element(row, "td", "", formatCount(cache.length));
		element(row, "td", "", cache.bound === null ? "no bound" : formatCount(cache.bound));
		element(row, "td", "", formatCount(hits));
		element(row, "td", "", misses === null ? "" : formatCount(misses));
		element(row, "td", "", hits + misses ? formatShare(hits, hits + misses) : "not asked");
		element(row, "td", "", formatBytes(cache.bytes));
	}
}

function drawPools(parent, pools) {
	if (!pools.length)
		return;
	element(parent, "h3", "", "Connection pools");
	const body = drawTable(parent, "pools",
		[["pool", "name"], ["in use", ""], ["idle", ""], ["at most", ""], ["used", ""]]);

	for (const pool of pools) {
		const row = element(body, "tr");

		drawName(row, pool);
		element(row, "td", "", formatCount(pool.in_use));
		element(row, "td", "", formatCount(pool.idle));
		element(row, "td", "", pool.maximum === null ? "no bound" : formatCount(pool.maximum));
		const cell = element(row, "td");

		if (pool.maximum) {
			drawShareBar(cell, pool.in_use / pool.maximum);
			element(cell, "span", "", formatShare(pool.in_use, pool.maximum));
		}
	}
}

function drawCollector(parent, gc, passed, since) {
	if (!gc)
		return;
	element(parent, "h3", "", "Python's garbage collector" + (gc.enabled ? "" : " is off"));
	if (gc.frozen)
		element(parent, "p", "", formatCount(gc.frozen) + " objects are frozen.");
	const body = drawTable(parent, "collector", [["generation", ""], ["collections " + since, ""],
		["freed by each", ""], ["uncollectable", ""]]);

	gc.generations.forEach(function (generation, number) {
		const row = element(body, "tr");
		const isSince = generation.collections_since !== null && generation.collected_since !== null;
		const times = isSince ? generation.collections_since : generation.collections;
		const freed = isSince ? generation.collected_since : generation.collected;

		element(row, "td", "", number);
		const often = element(row, "td", "", formatCount(times));

		if (isSince && times && passed > 0)
			element(often, "small", "", "every " + formatSince(passed / times));
		element(row, "td", "", times ? formatCount(Math.round(freed / times)) : "");
		element(row, "td", "", formatCount(generation.uncollectable));
	});
}

function drawContainers(parent, containers) {
	if (!containers.length)
		return;
	element(parent, "h3", "", "Largest containers");
	const body = drawTable(parent, "containers",
		[["container", "name"], ["entries", ""], ["holds", ""]]);

	for (const container of containers) {
		const row = element(body, "tr");

		drawName(row, container);
		element(row, "td", "", formatCount(container.length));
		element(row, "td", "", formatBytes(container.bytes));
	}
}
