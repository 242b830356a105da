/* What grows in a service, and what one answer says of it, with its stacks. */
function drawFilledBy(cell, finding) {
	if (finding.filled_by)
		element(cell, "code", "", plain(finding.filled_by));
	if (finding.reason)
		element(cell, "small", "", plain(finding.reason));
}

function drawFindingName(cell, name, type) {
	if (type)
		element(cell, "span", "type", plain(type) + " ");
	element(cell, "span", "what", plain(name));
}

/* Those that are over too. */
function drawFindings(parent, findings) {
	const now = Date.now();

	parent.textContent = "";
	element(parent, "h2", "", "Findings");
	if (!findings.length) {
		element(parent, "p", "empty", "Nothing was found that grows.");
		return;
	}
	const body = drawTable(parent, "findings", [["verdict", "name"], ["what", "name"], ["MB/h", ""],
		["holds", ""], ["filled by", "name"], ["first seen", ""], ["last", ""]]);

	for (const finding of findings) {
		const row = element(body, "tr", finding.over_at ? "over" : "");

		drawVerdict(element(row, "td", "name"), finding.verdict);
		drawFindingName(element(row, "td", "name"), finding.name, finding.type);
		drawRate(element(row, "td", "rate"), finding.bytes_per_hour === null ? null : finding);
		element(row, "td", "holding", finding.holds_bytes ? formatBytes(finding.holds_bytes) : "");
		drawFilledBy(element(row, "td", "name by"), finding);
		element(row, "td", "since", formatSince(now - momentOf(finding.first_at)) + " ago");
		element(row, "td", "last", finding.over_at ?
			"over for " + formatSince(now - momentOf(finding.over_at)) :
			formatSince(now - momentOf(finding.last_at)) + " ago");
	}
}

function frameText(frame) {
	const place = frame.file ? " (" + frame.file + (frame.line ? ":" + frame.line : "") + ")" : "";

	return plain((frame.name || "?") + place);
}

function drawStack(parent, fill, number) {
	const details = element(parent, "details");
	const frame = fill.frames[fill.own === null ? 0 : fill.own] || fill.frames[0];

	element(details, "summary", "", frame ? frameText(frame) : "stack " + number);
	const list = element(details, "ol", "stack");

	for (const one of fill.frames)
		element(list, "li", one.own ? "own" : "", frameText(one));
}

function nameOfFound(finding) {
	return finding.container ? finding.container.name || "at no known name" : finding.subject || "memory";
}

function drawFound(list, finding) {
	const item = element(list, "li", "found");
	const head = element(item, "p", "head");

	drawVerdict(head, finding.verdict);
	if (finding.bytes_per_hour !== null) {
		element(head, "b", "", formatPerHour(finding.bytes_per_hour) + " MB/h");
		element(head, "small", "", formatInterval(finding));
	}
	drawFindingName(head, nameOfFound(finding), finding.container && finding.container.type);
	if (finding.holds_bytes)
		element(head, "span", "", "holds " + formatBytes(finding.holds_bytes));
	if (finding.reason)
		element(item, "p", "", plain(finding.reason));
	finding.filled_by.forEach((fill, index) => drawStack(item, fill, index + 1));
}

/* An answer whole, an unfreed/why/1. Returns what draws it anew where its width depends on the page's. */
function drawAnswer(parent, answer, moment, close) {
	parent.textContent = "";
	const head = element(parent, "h3", "", "Answer of " + formatMoment(moment));

	button(head, "Close", close);
	element(parent, "p", "", "process " + answer.target.pid + ", " + (answer.growth ?
		"grows " + formatPerHour(answer.growth.bytes_per_hour) + " MB/h (" +
			formatInterval(answer.growth) + ")" : "too early to tell how fast it grows") +
		", watched for " + formatSince(1000 * answer.watched_s));
	if (answer.lacks)
		element(parent, "p", "", plain(answer.lacks));
	const graph = element(parent, "div");
	drawFlames(graph, answer);
	const list = element(parent, "ol", "founds");

	answer.findings.forEach(finding => drawFound(list, finding));
	if (!answer.findings.length)
		element(parent, "p", "empty", "Nothing was found that grows.");
	return () => drawFlames(graph, answer);
}
