/*
 * The drawing: rows of boxes as wide as what is in them, from the root down. Above the zoomed node
 * its callers are as wide as it is: the way back. What is too narrow is one grey box at the end of
 * its row, and is counted.
 */
const ROW = 18;
const PADDING = 4;
const BOXES_MAX = 6000;

let tree = null;
let zoomed = null;
let boxes = [];
let focused = null;
let leftOut = {frames: 0, value: 0};
let pattern = null;
let mostChanged = 0;

function isMatch(label) {
	return pattern !== null && pattern.test(label.frame.words);
}

function markMatches(node) {
	node.matches = node.label !== null && isMatch(node.label);
	node.children.forEach(markMatches);
}

/* What is below a matching frame is counted with it, not twice. */
function matchedValue(node) {
	return node.matches ? node.value :
		node.children.reduce((sum, child) => sum + matchedValue(child), 0);
}

function hueOf(text) {
	let hash = 2166136261;

	for (let i = 0; i < text.length; i++)
		hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
	hash ^= hash >>> 15;
	hash = Math.imul(hash, 0x2c1b3c6d);
	return (hash ^ hash >>> 13) >>> 0;
}

/* Own code stands out; what is a library's is pale. */
function colourOf(label) {
	const families = [[205, 20, 42, 74], [175, 16, 32, 76], [72, 18, 40, 76], [0, 0, 0, 80]];

	if (!label)
		return "hsl(140 6% 78%)";
	const hash = hueOf(label.text);
	const [hue, range, saturation, lightness] =
		label.own ? [118, 34, 52, 60] : families[label.frame.kind];

	return "hsl(" + (hue + range * (hash & 255) / 255).toFixed(0) + " " + saturation + "% " +
		(lightness + 8 * (hash >> 8 & 255) / 255).toFixed(0) + "%)";
}

/* The largest change below the whole, which is the deepest red or blue. */
function largestChange(node) {
	return node.children.reduce((largest, child) => Math.max(largest, Math.abs(changeOf(child)),
		largestChange(child)), 0);
}

/* Red where it grew, blue where it shrank; what changes little is pale. */
function colourOfChange(node) {
	const change = changeOf(node);
	const share = mostChanged > 0 ? Math.min(1, Math.abs(change) / mostChanged) : 0;

	return change === 0 ? "hsl(0 0% 88%)" : "hsl(" + (change > 0 ? 6 : 214) + " " +
		(55 + 35 * share).toFixed(0) + "% " + (91 - 24 * Math.sqrt(share)).toFixed(0) + "%)";
}

/* Collects the boxes of a node that is as wide as given, and of what is below it. */
function collect(node, depth, x, width, narrowest) {
	const above = node !== zoomed && isAncestor(node, zoomed);
	const chain = chainFrom(node, zoomed);
	const last = chain[chain.length - 1];
	const scale = width / (node.value || 1);

	boxes.push({index: boxes.length, chain, node, depth, x, width, above, rest: 0});
	if (above) {
		for (const child of last.children)
			if (child === zoomed || isAncestor(child, zoomed))
				collect(child, depth + 1, 0, width, narrowest);
		return;
	}
	for (let i = 0; i < last.children.length; i++) {
		const child = last.children[i];

		if (child.value * scale < narrowest) {
			collectRest(last, i, depth + 1, x, scale);
			return;
		}
		collect(child, depth + 1, x + (child.start - node.start) * scale, child.value * scale,
			narrowest);
	}
}

/* Children are sorted, so that all from number `first` on are too narrow. */
function collectRest(parent, first, depth, x, scale) {
	const rest = parent.children.slice(first);
	const value = rest.reduce((sum, child) => sum + child.value, 0);

	leftOut.frames += rest.reduce((sum, child) => sum + child.count, 0);
	leftOut.value += value;
	if (value * scale >= 1)
		boxes.push({index: boxes.length, chain: [parent], node: parent, depth, rest: rest.length,
			x: x + (rest[0].start - parent.start) * scale, width: value * scale, value,
			above: false});
}

function collectBoxes(width) {
	for (let narrowest = 1; ; narrowest *= 2) {
		boxes = [];
		leftOut = {frames: 0, value: 0};
		collect(tree, 0, 0, width, narrowest);
		if (boxes.length <= BOXES_MAX || narrowest > width)
			return;
	}
}

function textOf(box) {
	return box.rest ? formatCounted(box.rest, "narrower frame", "narrower frames") :
		chainText(box.chain);
}

function describeChange(node) {
	const change = node.bytes - node.wasBytes;

	return (change < 0 ? "−" : "+") + formatBytes(Math.abs(change)) + ": " +
		formatBytes(node.wasBytes) + " → " + formatBytes(node.bytes) + ", " +
		formatCount(node.wasBlocks) + " → " + formatCounted(node.blocks, "block", "blocks");
}

function describe(box) {
	if (box.rest)
		return formatValue(box.value) + ", too narrow to draw: zoom in";
	if (differs)
		return describeChange(box.node) + ", " + formatShare(box.node.value, tree.value);
	return formatBytes(box.node.bytes) + " in " +
		formatCounted(box.node.blocks, "block", "blocks") + ", " +
		formatShare(box.node.value, tree.value);
}

function clip(text, width) {
	const room = Math.floor((width - 2 * PADDING) / page.characterWidth);

	if (room < 3)
		return "";
	const characters = text.length > 4 * room ? Array.from(text.slice(0, 4 * room)) :
		Array.from(text);

	return characters.length <= room ? text : characters.slice(0, room - 1).join("") + "…";
}

function classOf(box) {
	const matches = !box.rest && box.chain.some(node => node.matches);

	return [box.above ? "above" : "", matches ? "match" : "", box.rest ? "rest" : "",
		box.chain.length > 1 ? "chain" : "", box.node === zoomed && !box.rest ? "zoomed" : ""]
		.filter(Boolean).join(" ");
}

function labelOfBox(box) {
	const own = box.chain.filter(node => node.label && node.label.own);

	return (own.length ? own[own.length - 1] : box.chain[box.chain.length - 1]).label;
}

function drawBox(box) {
	const group = shape(page.graph, "g", {
		transform: "translate(" + box.x.toFixed(2) + " " + box.depth * ROW + ")",
		class: classOf(box), role: "treeitem", tabindex: box.node === focused ? 0 : -1,
		"data-box": box.index, "aria-label": textOf(box) + ", " + describe(box),
	});
	const width = Math.max(box.width > 1.5 ? box.width - 0.8 : box.width, 0.2);
	const attributes = {width: width.toFixed(2), height: ROW - 1, rx: width > 6 ? 2 : 0};

	if (!box.rest)
		attributes.fill = differs ? colourOfChange(box.node) : colourOf(labelOfBox(box));
	shape(group, "rect", attributes);
	const shown = clip(textOf(box), box.width);

	if (shown)
		shape(group, "text", {x: PADDING, y: 12.5}).textContent = shown;
}

function drawGraph() {
	const width = Math.max(page.graph.parentNode.clientWidth - 32, 200);
	let depth = 0;

	collectBoxes(width);
	page.graph.textContent = "";
	page.graph.setAttribute("width", width);
	for (const box of boxes) {
		drawBox(box);
		depth = Math.max(depth, box.depth);
	}
	page.graph.setAttribute("height", (depth + 1) * ROW + 2);
	drawFoot();
}

function drawFoot() {
	const parts = [];

	if (leftOut.frames)
		parts.push(formatCounted(leftOut.frames, "frame is", "frames are") +
			" too narrow to draw here, with " + formatValue(leftOut.value) +
			": zoom in to see them.");
	if (data.cut[0])
		parts.push("Of " + formatCounted(data.cut[0], "stack", "stacks") + ", the smallest, with " +
			formatBytes(data.cut[1]) + ", only outer and inner frames are in this page.");
	if (data.others[0])
		parts.push(formatCounted(data.others[0], "stack is", "stacks are") +
			" in [other stacks], with " + formatBytes(data.others[1]) + ".");
	page.leftOut.textContent = parts.join(" ");
}

function boxOfNode(node) {
	return boxes.find(box => !box.rest && box.chain.includes(node));
}

function drawnBox(node) {
	const box = boxOfNode(node);

	return box ? page.graph.querySelector('[data-box="' + box.index + '"]') : null;
}

/* Draws anew so that the node stays where it is on the screen. */
function drawAround(node, draw) {
	const before = drawnBox(node);
	const top = before ? before.getBoundingClientRect().top : null;

	draw();
	const after = drawnBox(node);

	if (!after)
		return;
	if (top !== null)
		page.scroller.scrollTop += after.getBoundingClientRect().top - top;
	const edge = after.getBoundingClientRect();

	if (edge.bottom > window.innerHeight || edge.top < page.stay.offsetHeight)
		after.scrollIntoView({block: "center"});
}

/* The nodes that were opened, by their place: what is shown again finds them so. */
function openNodes() {
	for (const address of view.open === "" ? [] : view.open.split(" "))
		for (let node = nodeAt(tree, address), left = node; left; ) {
			left.open = true;
			left = left.children.length === 1 && isSame(left, left.children[0]) ?
				left.children[0] : null;
		}
}

/* A row of several frames opens; any other frame becomes as wide as the page. */
function choose(box) {
	const node = box.node;
	const opened = view.open === "" ? [] : view.open.split(" ");
	const step = {zoom: addressOfNode(node)};

	if (box.chain.length > 1)
		step.open = opened.concat(addressOfNode(node)).join(" ");
	focused = node;
	hideTip();
	drawAround(node, () => show(step, true));
	drawDetail(node);
}

function placeInTree(node) {
	const names = [];

	for (; node && node.parent; node = node.parent)
		names.push(node.text);
	return view.inverted ? names.reverse() : names;
}

/* The zoomed frame in full, to be copied. */
function drawDetail(node) {
	page.detail.textContent = "";
	page.detail.hidden = !node || node === tree;
	if (page.detail.hidden)
		return;
	element(page.detail, "strong", "", node.text);
	element(page.detail, "span", "amount", differs ? describeChange(node) :
		formatBytes(node.bytes) + " in " +
		formatCounted(node.blocks, "block", "blocks") + ", " + formatShare(node.value, tree.value) +
		(data.rated_ms && node.rated && node.blocks >= 3 ?
			", " + formatRate(node.rated) + " MB/h" : "") +
		", " + formatCounted(node.stacks, "stack", "stacks"));
	if (node.label && node.label.origin)
		element(page.detail, "span", "origin", node.label.origin);
	copyButton("Copy frame", [node.text, node.label && node.label.origin].filter(Boolean)
		.join("  "));
	copyButton("Copy stack", placeInTree(node).join("\n"));
}

function copyButton(title, text) {
	const copy = button(page.detail, title, async function () {
		copy.textContent = await copyText(text) ? "Copied" : "Not allowed";
	});

	copy.setAttribute("data-copies", text);
}

function showTip(box, x, y) {
	const tip = page.tip;
	const names = box.rest ? [] : box.chain;

	tip.textContent = "";
	if (box.rest)
		element(tip, "strong", "", textOf(box));
	for (const node of names.slice(0, 14)) {
		element(tip, "strong", "", node.text);
		if (names.length === 1 && node.label)
			element(tip, "span", "origin", node.label.origin);
	}
	if (names.length > 14)
		element(tip, "strong", "", "… " + (names.length - 14) + " more");
	element(tip, "span", "amount", describe(box));
	if (!box.rest && zoomed !== tree && isAncestor(zoomed, box.node))
		element(tip, "span", "", formatShare(box.node.value, zoomed.value) + " of the zoomed frame");
	if (names.length > 1)
		element(tip, "span", "origin", "Click to open these " + names.length + " frames");
	tip.hidden = false;
	const size = tip.getBoundingClientRect();
	const below = y + 16 + size.height < window.innerHeight;

	tip.style.left = Math.max(Math.min(x + 12, window.innerWidth - size.width - 8), 4) + "px";
	tip.style.top = (below ? y + 16 : Math.max(y - size.height - 12, 4)) + "px";
}

function hideTip() {
	page.tip.hidden = true;
}
