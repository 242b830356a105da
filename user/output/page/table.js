/*
 * The findings: what each function of the user's own code has not freed, whatever libraries do
 * below it. A click on one shows its stacks alone.
 */
const SHOWN_AT_FIRST = 8;
const COLUMNS = [
	{key: "name", title: "own code", text: finding => finding.label.frame.name},
	{key: "place", title: "where", text: finding => finding.label.place},
	{key: "bytes", title: data.at_peak ? "held" : "not freed",
		text: finding => formatBytes(finding.bytes)},
	{key: "share", title: "share", of: "bytes",
		text: finding => formatShare(finding.bytes, finding.all.bytes)},
	{key: "rate", title: "MB/h", of: "bytes", text: rateText},
	{key: "freed", title: "freed", text: freedText},
	{key: "blocks", title: "blocks", text: finding => formatCount(finding.blocks)},
	{key: "oldest", title: "oldest", text: finding => formatAge(finding.oldest)},
	{key: "stacks", title: "stacks", text: finding => formatCount(finding.stacks)},
	{key: "processes", title: "processes",
		text: finding => formatCount(finding.processes.size)},
	{key: "holds", title: "holds", of: "bytes", text: holdsText},
].filter(column => column.key !== "holds" || data.holds.length);

/* As text reports have it: nothing of the first half of the recording is left, and most is gone. */
function turnsOver(finding) {
	return data.of_any_age && data.duration_ms >= 5000 && finding.oldest > 0 &&
		finding.oldest < data.duration_ms / 2 && finding.bytes < finding.allocated / 2;
}

function rateText(finding) {
	if (turnsOver(finding))
		return "turns over";
	return finding.blocks < 3 || !finding.rated ? "" : formatRate(finding.rated);
}

/* The share of what it allocated that was freed again; of pools that is not known. */
function freedText(finding) {
	return data.of_any_age && finding.freed > 0 ?
		formatShare(finding.freed, finding.allocated) : "";
}

/* The type that most of it is. */
function holdsText(finding) {
	const most = Array.from(finding.types).sort((a, b) => b[1] - a[1])[0];

	return most ? most[0] + " " + formatBytes(most[1]) : "";
}

function makeFindings() {
	const set = labelSets[Number(view.lines)];
	const all = {bytes: 0, blocks: 0};
	const byKey = new Map();

	for (const row of rows) {
		if (row.finding < 0)
			continue;
		const label = set.labels[set.of[row.finding]];
		let finding = byKey.get(label);

		if (!finding) {
			finding = {label, all, bytes: 0, blocks: 0, stacks: 0, oldest: 0,
				rated: 0, allocated: 0, freed: 0,
				processes: new Set(), types: new Map()};
			byKey.set(label, finding);
		}
		finding.bytes += row.bytes;
		finding.blocks += row.blocks;
		finding.rated += row.rated;
		finding.stacks += row.stacks;
		finding.allocated += row.allocated;
		finding.freed = finding.allocated - finding.bytes;
		finding.oldest = Math.max(finding.oldest, row.oldest);
		finding.processes.add(row.process);
		for (const [type, bytes] of types.get(row) || [])
			finding.types.set(type, (finding.types.get(type) || 0) + bytes);
		all.bytes += row.bytes;
		all.blocks += row.blocks;
	}
	return Array.from(byKey.values());
}

function sortValue(finding, key) {
	switch (key) {
	case "name":
		return finding.label.frame.name;
	case "place":
		return finding.label.frame.path || finding.label.frame.module;
	case "processes":
		return finding.processes.size;
	default:
		return finding[key];
	}
}

/* Numbers from the largest on, names from A; a minus before the key turns that. */
function sortFindings(findings) {
	const turned = view.sort.startsWith("-");
	const key = view.sort.replace(/^-/, "");

	return findings.sort(function (a, b) {
		const left = sortValue(a, key), right = sortValue(b, key);
		const order = typeof left === "string" ? left.localeCompare(right) : right - left;

		return (turned ? -order : order) || b.bytes - a.bytes;
	});
}

function drawHead(table) {
	const row = element(element(table, "thead"), "tr");

	for (const column of COLUMNS) {
		const named = column.key === "name" || column.key === "place";
		const cell = element(row, "th", (named ? "name " : "") + column.key);
		const key = column.of || column.key;
		const sorted = view.sort.replace(/^-/, "") === key && !column.of;

		if (sorted)
			cell.setAttribute("aria-sort",
				view.sort.startsWith("-") ? "ascending" : "descending");
		const sort = button(cell, column.title + (sorted ? " ▾" : ""), function () {
			show({sort: view.sort === key ? "-" + key : key}, false);
		});

		sort.setAttribute("data-sort", key);
	}
}

function drawFinding(body, finding) {
	const row = element(body, "tr", view.only === finding.label.text ? "only" : "");

	row.setAttribute("tabindex", 0);
	row.setAttribute("title", "Show its stacks alone: " + finding.label.text + "\n" +
		finding.label.origin);
	row.setAttribute("data-finding", finding.label.text);
	for (const column of COLUMNS) {
		const named = column.key === "name" || column.key === "place";

		const cell = element(row, "td", (named ? "name " : "") + column.key);

		element(cell, "bdi", "", column.text(finding)).setAttribute("dir", "ltr");
	}
	function choose() {
		show({only: view.only === finding.label.text ? "" : finding.label.text, zoom: "",
			open: ""}, true);
	}
	row.addEventListener("click", choose);
	row.addEventListener("keydown", function (event) {
		if (event.key === "Enter")
			choose();
	});
	if (finding.label.frame.own)
		row.classList.add("own");
	if (isMatch(finding.label))
		row.classList.add("match");
}

function drawTable() {
	if (differs)
		return; /* the page has tables of its own */
	const findings = sortFindings(makeFindings());
	const shown = view.all ? findings.length : Math.min(SHOWN_AT_FIRST, findings.length);

	page.table.textContent = "";
	const table = element(page.table, "table", "findings");

	drawHead(table);
	const body = element(table, "tbody");

	findings.slice(0, Math.min(shown, 2000)).forEach(finding => drawFinding(body, finding));
	const left = findings.slice(shown);

	if (!left.length && findings.length <= SHOWN_AT_FIRST)
		return;
	const line = element(page.table, "p", "more");

	button(line, view.all ? "Fewer" : "Show all " + formatCount(findings.length), function () {
		show({all: !view.all}, false);
	});
	if (left.length)
		element(line, "span", "", " " + formatCount(left.length) + " smaller ones hold " +
			formatBytes(left.reduce((sum, finding) => sum + finding.bytes, 0)));
}
