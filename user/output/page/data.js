// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the page shows, from the element #stack-data (user/output/stack_page.c writes it). `frames`
 * are [name, kind, own, path, line, module], `nodes` pairs of parent and frame of a tree in which
 * node 0 is the root, `rows` what was allocated at a node by a process, `processes` [name,
 * executable, pid], `paths` [path, what of it tells it from others], `holds` [row, type, bytes]. Where
 * it is of what changed, `was` has of each row the bytes and blocks before, and the row those of both
 * sides together.
 *
 * Names come from the traced program and are hostile: they reach the document through textContent
 * and setAttribute only, never as markup, which the page's policy forbids besides.
 */
const data = JSON.parse(document.getElementById("stack-data").textContent);
const KINDS = ["native", "inlined", "python", "marker"];
const MARKER = 3;
const PYTHON = 2;
const FIELDS = 8;

const differs = data.was !== undefined;
const frames = readFrames();
const rows = readRows();
const types = readTypes();
const programs = readPrograms();
const firstOfProgram = programs.map(program => programs.indexOf(program));
const severalPrograms = programs.some(program => program > 0);

function readFrames() {
	return data.frames.map(function (entry) {
		const [path, tail] = data.paths[entry[3]] || ["", ""];
		const module = (data.paths[entry[5]] || [""])[0];

		return {
			name: entry[0], kind: entry[1], own: entry[2] === 1, path, tail,
			line: entry[4], module, words: entry[0] + " " + (path || module) +
				(entry[4] ? ":" + entry[4] : ""),
		};
	});
}

function readRows() {
	const list = [];

	for (let i = 0; i < data.rows.length; i += FIELDS) {
		const [node, process, domain, bytes, blocks, stacks, oldest, allocated] =
			data.rows.slice(i, i + FIELDS);
		const [wasBytes, wasBlocks] = differs ? data.was.slice(2 * list.length, 2 * list.length + 2) : [0, 0];

		list.push({node, process, domain, bytes: bytes - wasBytes, blocks: blocks - wasBlocks,
			wasBytes, wasBlocks, stacks, oldest, allocated,
			rated: data.turned[domain] ? 0 : bytes, finding: findingFrame(node)});
	}
	return list;
}

/* Of each row what its blocks hold, as pairs of type and bytes. */
function readTypes() {
	const held = new Map();

	for (const [row, type, bytes] of data.holds)
		held.set(rows[row], (held.get(rows[row]) || []).concat([[type, bytes]]));
	return held;
}

/* Of each process the number of its program: of one name and executable. */
function readPrograms() {
	const numbers = new Map();

	return data.processes.map(function (process) {
		const key = JSON.stringify(process.slice(0, 2));

		if (!numbers.has(key))
			numbers.set(key, numbers.size);
		return numbers.get(key);
	});
}

function parentOf(node) {
	return data.nodes[2 * (node - 1)];
}

function frameOf(node) {
	return data.nodes[2 * (node - 1) + 1];
}

/* The frames from the leaf to the root. */
function pathOf(node) {
	const path = [];

	for (; node > 0; node = parentOf(node))
		path.push(frameOf(node));
	return path;
}

/* The innermost frame of the user's own code; else of Python, else what called the allocator. */
function findingFrame(node) {
	let python = -1, leaf = -1, marker = -1;

	for (; node > 0; node = parentOf(node)) {
		const number = frameOf(node);
		const frame = frames[number];

		if (frame.own)
			return number;
		if (python < 0 && frame.kind === PYTHON)
			python = number;
		if (leaf < 0 && frame.kind !== MARKER)
			leaf = number;
		marker = number;
	}
	return python >= 0 ? python : leaf >= 0 ? leaf : marker;
}

/*
 * Frames that read the same are one: by name and place, with or without the line. Returns of each
 * frame the number of its label, and the labels.
 */
function makeLabels(lines) {
	const numbers = new Map();
	const labels = [];
	const of = frames.map(function (frame) {
		const line = lines && frame.line ? ":" + frame.line : "";
		const key = JSON.stringify([frame.name, frame.path || frame.module, line, frame.kind]);

		if (!numbers.has(key)) {
			numbers.set(key, labels.length);
			labels.push({
				frame, own: frame.own, number: labels.length,
				text: frame.name + (frame.tail ? " (" + frame.tail + line + ")" : ""),
				place: frame.tail ? frame.tail + line : frame.module.replace(/^.*\//, ""),
				origin: [frame.path && frame.path + line, frame.module]
					.filter(Boolean).join(", "),
			});
		}
		labels[numbers.get(key)].own ||= frame.own;
		return numbers.get(key);
	});

	return {of, labels};
}

const labelSets = [makeLabels(false), makeLabels(true)];
