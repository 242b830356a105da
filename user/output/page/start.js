/* The page around table and drawing, and what keys and clicks do. */
const page = buildPage();

/* In an SVG file the picture is to make way for a page of its own. */
function openRoot() {
	if (document.body) {
		return {root: document.body, scroller: document.scrollingElement,
			plain: document.getElementById("plain")};
	}
	const root = document.documentElement;

	root.removeAttribute("viewBox");
	root.setAttribute("height", "100%");
	const frame = shape(root, "foreignObject", {x: 0, y: 0, width: "100%", height: "100%"});
	const scroller = element(frame, "div", "scroller");

	return {root: scroller, scroller, plain: document.getElementById("stack-picture")};
}

function buildHead(app) {
	const head = element(app, "header");

	element(head, "h1", "", (data.at_peak ? "Held at the highest moment: " : "Not freed: ") +
		data.targets);
	element(head, "p", "totals", data.totals + "  ·  " + data.conditions);
	if (data.memory)
		element(head, "p", "", data.memory.trim().replace(/\n {4,}(seen and|Python counts)/g, "; $1")
			.replace(/\n {4,}/g, " ").replace(/ {2,}/g, " "));
	if (data.python)
		element(head, "p", "", data.python.trim().replace(/\n {4,}/g, " "));
	element(head, "p", data.losses.startsWith("losses: none") ? "" : "lossy", data.losses);
	element(head, "p", "origin", data.origin);
}

function buildSearch(bar) {
	const search = element(bar, "input", "search");

	search.setAttribute("type", "search");
	search.setAttribute("placeholder", "Find name or path: a regular expression ( / )");
	search.setAttribute("aria-label", "Find name or path by a regular expression");
	search.addEventListener("input", () => show({find: search.value}, false));
	return search;
}

function buildBar(stay) {
	const bar = element(stay, "div", "bar");
	const search = buildSearch(bar);
	const matched = element(bar, "output");
	const toggles = element(bar, "div", "toggles");
	const change = (key, on) => show({[key]: on, zoom: "", open: ""}, true);

	if (differs)
		toggle(toggles, "before", "widths of before", "How much there was, not how much there is",
			change);
	toggle(toggles, "inverted", "inverted", "What called the allocator on top, its callers below",
		change);
	if (data.processes.length > 1)
		toggle(toggles, "processes", "processes", "Each process apart", change);
	toggle(toggles, "library", "library frames", "Frames that are not of the user's own code",
		change);
	toggle(toggles, "lines", "lines", "Each line of a function apart", change);
	toggle(toggles, "chains", "fold chains",
		"Frames that have one callee alone, in one row until it is opened", change);
	const blocks = toggle(toggles, "unit", "blocks", "Widths are blocks, not bytes",
		(key, on) => show({unit: on ? "blocks" : "bytes", zoom: "", open: ""}, true));
	const reset = button(bar, "Reset", () => show({zoom: "", open: "", only: ""}, true));

	return {search, matched, toggles, blocks, reset};
}

function buildLegend(app) {
	const legend = element(app, "p", "legend");
	const colours = differs ? [["grew", "grew"], ["shrank", "shrank"], ["same", "the same"]] :
		[["own", "own code"], ["python", "Python library"], ["native", "native library"],
			["inlined", "inlined"], ["marker", "process, mark"]];

	for (const [name, text] of colours.concat([["match", "found"]])) {
		element(legend, "i", name);
		element(legend, "span", "", text);
	}
	element(legend, "span", "", "⋯9: nine frames, a click opens them");
	element(legend, "span", "", "keys: arrows, Enter zooms, Escape returns, c copies");
}

function buildPage() {
	const {root, scroller, plain} = openRoot();
	const app = element(root, "div", "app");

	if (!differs)
		buildHead(app);
	const table = element(app, "section", "table");
	const stay = element(app, "div", "stay");
	const bar = buildBar(stay);
	const only = element(stay, "p", "chosen");
	const detail = element(stay, "div", "detail");
	const graph = shape(app, "svg", {class: "graph", role: "tree",
		"aria-label": "Stacks; arrow keys move, Enter zooms"});
	const leftOut = element(app, "p", "left-out");

	buildLegend(app);
	const tip = element(app, "div", "tip");

	tip.hidden = detail.hidden = only.hidden = true;
	tip.setAttribute("role", "tooltip");
	return {app, plain, scroller, table, stay, only, detail, graph, leftOut, tip, ...bar,
		characterWidth: measureCharacter(graph)};
}

function measureCharacter(graph) {
	const text = shape(graph, "text", {x: 0, y: 0});

	text.textContent = "M".repeat(100);
	const width = text.getComputedTextLength() / 100;

	text.remove();
	return width || 6.65;
}

function readPattern() {
	pattern = null;
	page.search.removeAttribute("aria-invalid");
	try {
		pattern = view.find === "" ? null : new RegExp(view.find, "i");
	} catch (error) {
		page.search.setAttribute("aria-invalid", "true");
	}
}

function drawFound() {
	if (view.find === "")
		page.matched.textContent = "";
	else if (!pattern)
		page.matched.textContent = "not a regular expression";
	else
		page.matched.textContent = "found in " + formatShare(matchedValue(zoomed), zoomed.value) +
			" · " + formatValue(matchedValue(zoomed));
}

function drawChosen() {
	page.only.textContent = "";
	page.only.hidden = view.only === "";
	if (page.only.hidden)
		return;
	element(page.only, "span", "", "Only the stacks of ");
	element(page.only, "strong", "", view.only);
	button(page.only, "Show all", () => show({only: "", zoom: "", open: ""}, true));
}

function drawBar() {
	for (const box of page.toggles.querySelectorAll("[data-toggle]")) {
		const key = box.getAttribute("data-toggle");

		box.checked = key === "unit" ? view.unit === "blocks" : view[key];
	}
	if (page.search.value !== view.find)
		page.search.value = view.find;
	page.reset.disabled = view.zoom === "" && view.open === "" && view.only === "";
}

/* Everything anew, from the view alone. */
function draw() {
	readPattern();
	tree = buildTree();
	mostChanged = differs ? largestChange(tree) : 0;
	openNodes();
	markMatches(tree);
	zoomed = nodeAt(tree, view.zoom);
	focused = zoomed;
	drawBar();
	drawChosen();
	drawTable();
	drawGraph();
	drawFound();
	drawDetail(zoomed);
}

/* `step`: of those to which the browser's way back leads. */
function show(change, step) {
	Object.assign(view, change);
	writeAddress(step);
	hideTip();
	draw();
}

function eventBox(event) {
	const group = event.target.closest ? event.target.closest("[data-box]") : null;

	return group ? boxes[Number(group.getAttribute("data-box"))] : null;
}

function focusBox(box) {
	const group = box ? page.graph.querySelector('[data-box="' + box.index + '"]') : null;

	if (!group)
		return;
	for (const other of page.graph.querySelectorAll('[tabindex="0"]'))
		other.setAttribute("tabindex", -1);
	focused = box.node;
	group.setAttribute("tabindex", 0);
	group.focus();
	const edge = group.getBoundingClientRect();

	showTip(box, Math.max(edge.left, 0) + 8, edge.bottom);
}

function boxBeside(box, step) {
	const row = boxes.filter(other => other.depth === box.depth);

	return row[row.indexOf(box) + step];
}

function boxTowards(key, box) {
	const last = box.chain[box.chain.length - 1];

	switch (key) {
	case "ArrowUp":
		return boxOfNode(box.rest ? box.node : box.chain[0].parent);
	case "ArrowDown":
		return box.rest ? null : boxes.find(other => other.depth === box.depth + 1 &&
			!other.rest && other.chain[0].parent === last);
	case "ArrowLeft":
		return boxBeside(box, -1);
	default:
		return boxBeside(box, 1);
	}
}

function onGraphKey(event) {
	const box = eventBox(event);

	if (!box || event.ctrlKey || event.metaKey || event.altKey)
		return;
	if (event.key === "Enter" || event.key === " ") {
		choose(box);
		focusBox(boxOfNode(box.node));
	} else if (event.key.startsWith("Arrow")) {
		focusBox(boxTowards(event.key, box));
	} else if (event.key === "c" && !box.rest) {
		copyText(box.chain.map(node => [node.text, node.label && node.label.origin]
			.filter(Boolean).join("  ")).join("\n"));
	} else {
		return;
	}
	event.preventDefault();
}

function onKey(event) {
	if (event.key === "Escape") {
		if (document.activeElement === page.search)
			show({find: ""}, false);
		else
			show({zoom: "", open: ""}, true);
	} else if (event.key === "/" && document.activeElement !== page.search) {
		page.search.focus();
		event.preventDefault();
	}
}

page.graph.addEventListener("click", function (event) {
	const box = eventBox(event);

	if (box && !box.rest)
		choose(box);
	else if (box)
		choose({node: box.node, chain: [box.node]});
});
page.graph.addEventListener("mousemove", function (event) {
	const box = eventBox(event);

	if (box)
		showTip(box, event.clientX, event.clientY);
	else
		hideTip();
});
page.graph.addEventListener("mouseleave", hideTip);
page.graph.addEventListener("keydown", onGraphKey);
document.addEventListener("keydown", onKey);
window.addEventListener("popstate", function () {
	readAddress();
	draw();
});
window.addEventListener("resize", drawGraph);
readAddress();
try {
	draw();
	page.plain.remove();
	drawGraph(); /* the window may be narrower without what was there before */
} catch (error) { /* then what shows without a program stays */
	page.app.remove();
	throw error;
}
