/*
 * The tree that a view draws, of the rows that it is about: from the root, or inverted from what
 * called the allocator; without library frames; with a box for each process. Siblings are sorted,
 * the largest first.
 */
function newNode(parent, key, text, label) {
	return {
		parent, key, text, label, bytes: 0, blocks: 0, wasBytes: 0, wasBlocks: 0, rated: 0,
		stacks: 0, value: 0, start: 0,
		index: 0, count: 1, children: [], byKey: null, matches: false, open: false,
	};
}

function childOf(node, key, make) {
	node.byKey = node.byKey || new Map();
	let child = node.byKey.get(key);

	if (!child) {
		child = make(node, key);
		node.byKey.set(key, child);
		node.children.push(child);
	}
	return child;
}

function processText(number) {
	const [name, , pid] = data.processes[number];

	return view.processes ? name + " (" + pid + ")" : name;
}

/* The frames of a stack in the order of the view, as numbers. */
function shownPath(node) {
	let path = pathOf(node);

	if (!view.library) {
		const finding = findingFrame(node);
		const none = !frames[finding].own;

		path = path.filter(number => frames[number].own || frames[number].kind === MARKER ||
			(none && number === finding));
	}
	return view.inverted ? path : path.reverse();
}

function addRow(root, row, path, set) {
	let node = root;

	function add() {
		node.bytes += row.bytes;
		node.blocks += row.blocks;
		node.wasBytes += row.wasBytes;
		node.wasBlocks += row.wasBlocks;
		node.rated += row.rated;
		node.stacks += row.stacks;
	}

	add();
	if (view.processes || severalPrograms) {
		const process = view.processes ? row.process : firstOfProgram[row.process];

		node = childOf(node, "process " + process,
			(parent, key) => newNode(parent, key, processText(process), null));
		add();
	}
	for (const number of path) {
		const label = set.labels[set.of[number]];

		node = childOf(node, label.number,
			(parent, key) => newNode(parent, key, label.text, label));
		add();
	}
}

/* What the view counts, before or after. */
function valueOf(node) {
	if (view.unit === "blocks")
		return view.before ? node.wasBlocks : node.blocks;
	return view.before ? node.wasBytes : node.bytes;
}

/* By how much it grew, in what the view counts. */
function changeOf(node) {
	return view.unit === "blocks" ? node.blocks - node.wasBlocks : node.bytes - node.wasBytes;
}

function isSame(node, child) {
	return child.value === node.value && (!differs || changeOf(child) === changeOf(node));
}

/* Sorts the children and places them, from `node` on down. */
function layOut(node) {
	let start = node.start;

	node.value = valueOf(node);
	node.byKey = null;
	node.count = 1;
	for (const child of node.children)
		child.value = valueOf(child);
	node.children = node.children.filter(child => child.value > 0)
		.sort((a, b) => b.value - a.value || (a.text < b.text ? -1 : 1));
	node.children.forEach(function (child, index) {
		child.start = start;
		child.index = index;
		start += child.value;
		layOut(child);
		node.count += child.count;
	});
}

function isOnly(row, set) {
	return view.only === "" || findingKey(set, row) === view.only;
}

/* What names a finding in the address of the page. */
function findingKey(set, row) {
	return row.finding < 0 ? "" : set.labels[set.of[row.finding]].text;
}

function buildTree() {
	const set = labelSets[Number(view.lines)];
	const root = newNode(null, "", "all", null);
	const paths = new Map();

	for (const row of rows) {
		if (!isOnly(row, set))
			continue;
		let path = paths.get(row.node);

		if (!path) {
			path = shownPath(row.node);
			paths.set(row.node, path);
		}
		addRow(root, row, path, set);
	}
	layOut(root);
	return root;
}

/* A place in the tree as the numbers of children from the root on: "0.2.1". */
function addressOfNode(node) {
	const numbers = [];

	for (; node.parent; node = node.parent)
		numbers.unshift(node.index);
	return numbers.join(".");
}

function nodeAt(root, address) {
	let node = root;

	for (const number of address === "" ? [] : address.split("."))
		node = node.children[number] || node;
	return node;
}

function isAncestor(node, other) {
	for (let above = other.parent; above; above = above.parent)
		if (above === node)
			return true;
	return false;
}

/*
 * The nodes that have a single child of the same size are one row, from three on, until it is
 * opened. `stop` begins a row of its own.
 */
function chainFrom(node, stop) {
	const chain = [node];

	if (!view.chains || !node.label || node.open)
		return chain;
	for (let last = node; last.children.length === 1 && isSame(last, last.children[0]) &&
		last.children[0] !== stop && !last.children[0].open; last = last.children[0])
		chain.push(last.children[0]);
	return chain.length >= 3 ? chain : [node];
}

/* Own frames and the one nearest to the allocator by name, with how often they follow each other; how many others. */
function chainText(chain) {
	const parts = [];
	const nearest = view.inverted ? 0 : chain.length - 1;

	if (chain.length === 1)
		return chain[0].text;
	chain.forEach(function (node, index) {
		const named = node.label.own || index === nearest;
		const text = named ? node.text : "";
		const before = parts[parts.length - 1];

		if (before && before.text === text)
			before.times++;
		else
			parts.push({text, times: 1});
	});
	return parts.map(part => part.text === "" ? "⋯" + part.times :
		part.text + (part.times > 1 ? " ×" + part.times : "")).join(" › ");
}
