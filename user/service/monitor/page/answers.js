/* The answers that were kept of a service: one is shown whole, two are compared. */
const COMPARED_MOST = 30;

function drawAnswerRow(body, answer, picks, show, pick) {
	const row = element(body, "tr");
	const moment = momentOf(answer.at);
	const name = element(row, "td", "name");

	button(name, formatMoment(moment), () => show(answer)).setAttribute("data-answer", answer.id);
	for (const side of ["before", "after"]) {
		const box = element(element(row, "td"), "input");

		box.setAttribute("type", "radio");
		box.setAttribute("name", side);
		box.setAttribute("aria-label", side + ": " + formatMoment(moment));
		box.checked = picks[side] === answer.id;
		box.addEventListener("change", () => pick(side, answer.id));
	}
	const link = element(element(row, "td"), "a", "", "JSON");

	link.setAttribute("href", "/api/answer?id=" + Number(answer.id));
	link.setAttribute("download", fileOf(answer.id));
}

function fileOf(id) {
	return "why-" + Number(id) + ".json";
}

function drawAnswers(parent, answers, picks, show, pick) {
	parent.textContent = "";
	element(parent, "h2", "", "Answers");
	if (!answers.length) {
		element(parent, "p", "empty", "None was kept: a service is asked once it surely grows.");
		return;
	}
	const body = drawTable(element(parent, "div", "scrolled"), "answers",
		[["asked", "name"], ["before", ""], ["after", ""], ["whole", ""]]);

	answers.forEach(answer => drawAnswerRow(body, answer, picks, show, pick));
}

/* Items by name and type: nothing else is the same at two times. */
function byName(items, key) {
	const found = new Map();

	for (const item of items) {
		const name = key(item);

		if (name !== null)
			found.set(name, item);
	}
	return found;
}

/* Rows of [name, before, after], what differs most first. */
function compare(before, after, key, value) {
	const left = byName(before, key), right = byName(after, key);
	const rows = Array.from(new Set([...left.keys(), ...right.keys()]), name => [name,
		left.has(name) ? value(left.get(name)) : null, right.has(name) ? value(right.get(name)) : null]);
	const change = row => (row[2] || 0) - (row[1] || 0);

	return rows.filter(change).sort((a, b) => Math.abs(change(b)) - Math.abs(change(a)))
		.slice(0, COMPARED_MOST);
}

function drawCompared(parent, title, rows, format) {
	element(parent, "h4", "", title);
	if (!rows.length) {
		element(parent, "p", "empty", "No difference.");
		return;
	}
	const body = drawTable(parent, "compared",
		[["what", "name"], ["before", ""], ["after", ""], ["change", ""]]);

	for (const [name, before, after] of rows) {
		const change = (after || 0) - (before || 0), row = element(body, "tr");

		element(row, "td", "name what", name);
		element(row, "td", "", before === null ? "–" : format(before));
		element(row, "td", "", after === null ? "–" : format(after));
		element(row, "td", change > 0 ? "grew" : "shrank",
			(change > 0 ? "+" : "−") + format(Math.abs(change)));
	}
}

function nameAndType(item) {
	return item.name === null ? null : plain(item.type + " " + item.name);
}

function itemsOf(answer, key) {
	return answer.look && answer.look[key] || [];
}

/* What is unexplained is no thing of its own. */
function foundKey(finding) {
	return finding.bytes_per_hour === null || !finding.container && !finding.subject ? null :
		plain(nameOfFound(finding));
}

/* `before` and `after` are answers whole, with their `id` and `moment`. */
function drawComparison(parent, before, after) {
	const compareItems = key => compare(itemsOf(before.whole, key), itemsOf(after.whole, key),
		key === "types" ? item => plain(item.name) : nameAndType, item => item.bytes || 0);

	parent.textContent = "";
	element(parent, "h3", "", formatMoment(before.moment) + " and " + formatMoment(after.moment));
	if (before.whole.target.pid !== after.whole.target.pid)
		element(parent, "p", "", "Two processes: " + before.whole.target.pid + " and " +
			after.whole.target.pid + ".");
	element(parent, "p", "", "Resident: " + formatBytes(before.whole.resident_bytes) + " and " +
		formatBytes(after.whole.resident_bytes) + ".");
	drawCompared(parent, "Containers: what is held", compareItems("containers"), formatBytes);
	drawCompared(parent, "Types", compareItems("types"), formatBytes);
	drawCompared(parent, "Findings: MB an hour",
		compare(before.whole.findings, after.whole.findings, foundKey, found => found.bytes_per_hour),
		formatPerHour);
	const hint = element(parent, "p", "", "–: not there, or not among those that the answer lists. With intervals, of both files: ");

	element(hint, "code", "", "unfreed diff " + fileOf(before.id) + " " + fileOf(after.id));
}
