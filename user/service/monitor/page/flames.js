/* The stacks that fill what grows, as a graph: what was called stands below its caller, as wide as what
 * grows by way of it. */
const FLAME_HEIGHT = 18, FLAME_DEEPEST = 64, FLAME_LETTER = 6.7;

function growFlame(node, frames, bytes) {
	node.bytes += bytes;
	if (!frames.length || node.depth >= FLAME_DEEPEST)
		return;
	const text = frameText(frames[0]);
	let child = node.children.get(text);

	if (!child) {
		child = {text, own: frames[0].own, bytes: 0, depth: node.depth + 1, children: new Map()};
		node.children.set(text, child);
	}
	growFlame(child, frames.slice(1), bytes);
}

/* What a finding grows by is shared out to its stacks as they were seen to fill it. */
function flamesOf(answer) {
	const root = {text: "", bytes: 0, depth: 0, children: new Map()};

	for (const finding of answer.findings) {
		const all = finding.filled_by.reduce((sum, fill) => sum + Math.abs(fill.delta), 0);
		const rate = Math.max(0, finding.bytes_per_hour || 0);

		for (const fill of finding.filled_by)
			growFlame(root, Array.from(fill.frames).reverse(),
				rate * (all ? Math.abs(fill.delta) / all : 1 / finding.filled_by.length));
	}
	return root;
}

function depthOf(node) {
	return Math.max(node.depth, ...Array.from(node.children.values(), depthOf));
}

function drawFlame(svg, node, x, perByte) {
	for (const child of node.children.values()) {
		const width = child.bytes * perByte, letters = Math.floor((width - 8) / FLAME_LETTER);

		if (width < 1)
			continue;
		const group = shape(svg, "g", {class: child.own ? "own" : "library"});
		const y = (child.depth - 1) * FLAME_HEIGHT;

		shape(group, "title", {}).textContent = child.text + "\n" + formatPerHour(child.bytes) + " MB/h";
		shape(group, "rect", {x: x.toFixed(1), y, width: Math.max(0.5, width - 1).toFixed(1),
			height: FLAME_HEIGHT - 1});
		if (letters >= 3)
			shape(group, "text", {x: (x + 4).toFixed(1), y: y + 13}).textContent =
				child.text.length <= letters ? child.text : child.text.slice(0, letters - 1) + "…";
		drawFlame(svg, child, x, perByte);
		x += width;
	}
}

function drawFlames(parent, answer) {
	const root = flamesOf(answer);

	parent.textContent = "";
	if (!(root.bytes > 0))
		return;
	const width = Math.max(300, parent.clientWidth);
	const svg = shape(parent, "svg", {class: "flames", width, height: depthOf(root) * FLAME_HEIGHT,
		role: "img", "aria-label": "stacks that fill what grows"});

	drawFlame(svg, root, 0, width / root.bytes);
}
