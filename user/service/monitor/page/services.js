/* The table of services: those that are watched, and those that the history alone knows. */
const SERVICE_COLUMNS = [
	{key: "name", title: "service", name: true},
	{key: "processes", title: "processes"},
	{key: "resident", title: "resident"},
	{key: "anonymous", title: "anonymous"},
	{key: "swapped", title: "swapped"},
	{key: "limit", title: "of limit"},
	{key: "growth", title: "MB/h, last hour"},
	{key: "day", title: "MB/h, last day"},
	{key: "findings", title: "finding", name: true},
];

function keyOf(service) {
	return JSON.stringify([service.name, service.cgroup]);
}

/* The least of its room: pages of files that were not used lately go first. */
function limitShare(service) {
	const limit = service.limit;

	return limit ? (limit.used_bytes - limit.inactive_file_bytes) / limit.limit_bytes : -1;
}

/* What grows fastest of it; null: nothing. */
function worstFinding(service) {
	return Array.from(service.findings).sort(
		(a, b) => b.bytes_per_hour - a.bytes_per_hour)[0] || null;
}

function rowOfService(service) {
	const {hour, day, inquiry} = service.growth;
	const growth = hour || inquiry;

	return {
		service, key: keyOf(service), name: service.name, processes: service.processes.length,
		resident: service.resident_bytes, anonymous: service.anonymous_bytes,
		swapped: service.swapped_bytes, limit: limitShare(service),
		reached: service.limit && service.limit.limit_reached_in,
		rate: growth, isInquiry: !hour, ofDay: day,
		growth: growth ? growth.bytes_per_hour : -Infinity,
		day: day ? day.bytes_per_hour : -Infinity,
		findings: service.findings.length, worst: worstFinding(service),
	};
}

/* As a service that has no process. */
function pastService(kept) {
	return {
		id: kept.id, name: kept.name, cgroup: kept.cgroup, last_at: kept.last_at, processes: [],
		resident_bytes: 0, anonymous_bytes: 0, swapped_bytes: 0, limit: null, memory: null, connections: null,
		findings: [], growth: {hour: null, day: null, inquiry: null},
	};
}

function allServices(answer) {
	const watched = new Set(answer.services.map(keyOf));
	const past = (answer.history || []).filter(kept => !watched.has(keyOf(kept)));

	return answer.services.concat(past.map(pastService));
}

function sortRows(rows, sort) {
	const turned = sort.startsWith("-"), key = sort.replace(/^-/, "");

	return rows.sort(function (a, b) {
		const order = key === "name" ? a.name.localeCompare(b.name) : b[key] - a[key];

		return (turned ? -order : order) || b.resident - a.resident || a.key.localeCompare(b.key);
	});
}

function drawRate(cell, rate) {
	if (!rate)
		return;
	element(cell, "span", "", formatPerHour(rate.bytes_per_hour));
	element(cell, "small", "", formatInterval(rate));
}

/* A time that is null is further away than can be told. */
function drawReached(cell, reached) {
	const [early, likely, late] = [reached.early_s, reached.likely_s, reached.late_s].map(seconds =>
		seconds === null ? "later" : formatSince(1000 * seconds));

	if (reached.likely_s === null)
		return;
	element(cell, "small", "", "full in " + likely);
	element(cell, "small", "", early + " to " + late);
}

/* Near to its end it is red. */
function drawShareBar(cell, of) {
	const share = Math.max(0, Math.min(1, of));
	const bar = shape(cell, "svg", {class: share >= 0.7 ? "share near" : "share",
		viewBox: "0 0 40 8", "aria-hidden": "true"});

	shape(bar, "rect", {class: "all", width: 40, height: 8, rx: 2});
	shape(bar, "rect", {class: "used", width: (40 * share).toFixed(1), height: 8, rx: 2});
}

function drawLimit(cell, row) {
	if (row.limit < 0)
		return;
	drawShareBar(cell, row.limit);
	element(cell, "span", "", formatShare(row.limit, 1));
	if (row.reached)
		drawReached(cell, row.reached);
}

function drawServiceCell(cell, row, key) {
	const {service} = row;

	switch (key) {
	case "name":
		element(cell, "span", "what", plain(service.name));
		if (service.is_asked)
			element(cell, "span", "badge passing", "is being asked");
		element(cell, "small", "", plain(service.cgroup || "/"));
		break;
	case "processes":
		cell.textContent = row.processes ? formatCount(row.processes) :
			"none" + (service.last_at ?
				" for " + formatSince(Date.now() - momentOf(service.last_at)) : "");
		break;
	case "limit":
		drawLimit(cell, row);
		break;
	case "growth":
		drawRate(cell, row.rate);
		if (row.rate && row.isInquiry)
			element(cell, "small", "", "by the last inquiry");
		break;
	case "day":
		drawRate(cell, row.ofDay);
		break;
	case "findings":
		if (row.worst) {
			drawVerdict(cell, row.worst.verdict);
			element(cell, "span", "what", plain(row.worst.name));
		}
		break;
	default:
		cell.textContent = row.processes ? formatBytes(row[key]) : "";
	}
}

function drawServicesHead(table, sort, resort) {
	const head = element(element(table, "thead"), "tr");

	for (const column of SERVICE_COLUMNS) {
		const cell = element(head, "th", (column.name ? "name " : "") + column.key);
		const sorted = sort.replace(/^-/, "") === column.key;

		cell.setAttribute("scope", "col");
		if (sorted)
			cell.setAttribute("aria-sort", sort.startsWith("-") ? "ascending" : "descending");
		button(cell, column.title + (sorted ? sort.startsWith("-") ? " ▴" : " ▾" : ""),
			() => resort(sort === column.key ? "-" + column.key : column.key))
			.setAttribute("data-sort", column.key);
	}
}

/* `choose` and `resort` are told a key. */
function drawServices(parent, answer, chosen, sort, choose, resort) {
	const rows = sortRows(allServices(answer).map(rowOfService), sort);
	const focused = document.activeElement && document.activeElement.getAttribute("data-key");
	const sorting = document.activeElement && document.activeElement.getAttribute("data-sort");

	parent.textContent = "";
	const table = element(element(parent, "div", "wide"), "table", "services");
	drawServicesHead(table, sort, resort);
	const body = element(table, "tbody");

	for (const row of rows) {
		const line = element(body, "tr", row.key === chosen ? "only" : "");

		line.setAttribute("tabindex", 0);
		line.setAttribute("data-key", row.key);
		for (const column of SERVICE_COLUMNS)
			drawServiceCell(element(line, "td", (column.name ? "name " : "") + column.key), row,
				column.key);
		line.addEventListener("click", () => choose(row.key));
		line.addEventListener("keydown", event => event.key === "Enter" && choose(row.key));
		if (row.key === focused)
			line.focus({preventScroll: true});
	}
	if (sorting)
		table.querySelector('[data-sort="' + sorting + '"]').focus({preventScroll: true});
	if (!rows.length)
		element(parent, "p", "", "No service is there yet.");
}
