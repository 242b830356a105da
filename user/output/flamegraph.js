// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interactive flame graph, in the HTML page and in an SVG file opened directly. It draws the
 * JSON of the element #flame-data: `labels` are [text, detail, colour], `boxes` are flat
 * quadruples depth, label, bytes, blocks in pre-order.
 *
 * Names come from the traced program and are hostile: they reach the document through textContent
 * and setAttribute only, never as markup.
 */
(function () {
	"use strict";

	const XHTML = "http://www.w3.org/1999/xhtml";
	const SVG = "http://www.w3.org/2000/svg";
	const ROW = 18;
	const PADDING = 4;
	const NARROWEST = 0.4;

	const data = JSON.parse(document.getElementById("flame-data").textContent);
	const boxes = readBoxes();
	const page = buildPage();
	const characterWidth = measureCharacter();
	let zoomed = boxes[0];
	let focused = boxes[0];
	let query = "";

	function readBoxes() {
		const list = [];
		const open = [];
		const unit = data.unit === "blocks" ? 3 : 2;

		for (let i = 0; i < data.boxes.length; i += 4) {
			const depth = data.boxes[i];
			const label = data.labels[data.boxes[i + 1]];
			const box = {
				index: list.length, depth, text: label[0], detail: label[1],
				colour: label[2], bytes: data.boxes[i + 2], blocks: data.boxes[i + 3],
				value: data.boxes[i + unit], start: 0, filled: 0, parent: null,
				children: [], end: 0, matches: false,
			};

			open.length = depth;
			if (depth > 0) {
				box.parent = open[depth - 1];
				box.start = box.parent.start + box.parent.filled;
				box.parent.filled += box.value;
				box.parent.children.push(box);
			}
			open.push(box);
			list.push(box);
		}
		for (let i = list.length - 1; i >= 0; i--) {
			const last = list[i].children[list[i].children.length - 1];
			list[i].end = last ? last.end : i + 1;
		}
		return list;
	}

	function element(parent, name, className, text) {
		const node = document.createElementNS(XHTML, name);

		if (className)
			node.setAttribute("class", className);
		if (text !== undefined)
			node.textContent = text;
		parent.appendChild(node);
		return node;
	}

	function shape(parent, name, attributes) {
		const node = document.createElementNS(SVG, name);

		for (const key of Object.keys(attributes))
			node.setAttribute(key, attributes[key]);
		parent.appendChild(node);
		return node;
	}

	/* In an SVG file the picture makes way for a page of its own. */
	function openRoot() {
		if (document.body)
			return document.body;
		const root = document.documentElement;

		document.getElementById("flame-picture").remove();
		root.removeAttribute("viewBox");
		root.setAttribute("height", "100%");
		const frame = shape(root, "foreignObject", {x: 0, y: 0, width: "100%", height: "100%"});
		const view = element(frame, "div");

		view.style.cssText = "height:100%;overflow-x:hidden;overflow-y:scroll";
		return view;
	}

	function buildPage() {
		const app = element(openRoot(), "div", "app");

		element(app, "h1", "", "Not freed: " + data.targets);
		element(app, "p", "totals", data.totals);
		element(app, "p", "", data.conditions + "  ·  widths are " + data.unit);
		if (data.memory)
			element(app, "p", "", data.memory.trim().replace(/\s+/g, " "));
		if (data.python)
			element(app, "p", "losses", data.python.trim());
		element(app, "p", data.losses.startsWith("losses: none") ? "losses" : "losses lossy",
			data.losses);
		const bar = element(app, "div", "bar");
		const search = element(bar, "input");

		search.setAttribute("type", "search");
		search.setAttribute("placeholder", "Search frames ( / )");
		search.setAttribute("aria-label", "Search frames");
		const reset = element(bar, "button", "", "Reset zoom");
		const matched = element(bar, "output");
		const graph = shape(app, "svg", {class: "graph", role: "tree"});

		graph.setAttribute("aria-label", "Flame graph; arrow keys move, Enter zooms");
		const tip = element(app, "div", "tip");

		tip.hidden = true;
		tip.setAttribute("role", "tooltip");
		return {app, search, reset, matched, graph, tip};
	}

	function measureCharacter() {
		const text = shape(page.graph, "text", {x: 0, y: 0});

		text.textContent = "M".repeat(100);
		const width = text.getComputedTextLength() / 100;

		text.remove();
		return width || 6.65;
	}

	function formatBytes(bytes) {
		const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
		let unit = 0;

		while (bytes >= 999.95 && unit < units.length - 1) {
			bytes /= 1000;
			unit++;
		}
		return bytes.toFixed(unit ? 1 : 0) + " " + units[unit];
	}

	function formatBlocks(blocks) {
		return blocks.toLocaleString("en-US") + (blocks === 1 ? " block" : " blocks");
	}

	function formatShare(value, whole) {
		const percent = whole > 0 ? Math.min(100, 100 * value / whole) : 0;

		return percent.toFixed(percent >= 9.95 || percent === 0 ? 0 : 1) + " %";
	}

	function describe(box) {
		return formatBytes(box.bytes) + " in " + formatBlocks(box.blocks) + ", " +
			formatShare(box.value, boxes[0].value);
	}

	function clip(text, width) {
		const room = Math.floor((width - 2 * PADDING) / characterWidth);
		const characters = Array.from(text);

		if (room < 3)
			return "";
		if (characters.length <= room)
			return text;
		return characters.slice(0, room - 1).join("") + "…";
	}

	function isAncestor(box, other) {
		return box.index < other.index && other.index < box.end;
	}

	/* Ancestors of the zoomed box are as wide as it is: the way back. */
	function place(box, width) {
		const scale = width / (zoomed.value || 1);

		if (isAncestor(box, zoomed))
			return {x: 0, width, above: true};
		if (box === zoomed)
			return {x: 0, width, above: false};
		return {x: (box.start - zoomed.start) * scale, width: box.value * scale, above: false};
	}

	function drawBox(box, spot) {
		const group = shape(page.graph, "g", {
			transform: "translate(" + spot.x.toFixed(2) + " " + box.depth * ROW + ")",
			class: (spot.above ? "above" : "") + (box.matches ? " match" : ""),
			role: "treeitem", tabindex: box === focused ? 0 : -1, "data-box": box.index,
		});
		const width = Math.max(spot.width > 1.5 ? spot.width - 0.8 : spot.width, 0.2);

		group.setAttribute("aria-label", box.text + ", " + describe(box));
		shape(group, "rect", {
			width: width.toFixed(2), height: ROW - 1, rx: width > 6 ? 2 : 0, fill: box.colour,
		});
		const shown = clip(box.text, spot.width);

		if (shown) {
			const window = shape(group, "svg", {width: (width - 2).toFixed(2), height: ROW});

			shape(window, "text", {x: PADDING, y: 12.5}).textContent = shown;
		}
		return group;
	}

	function draw() {
		const width = page.graph.parentNode.clientWidth - 32;
		let rows = 0;

		page.graph.textContent = "";
		page.graph.setAttribute("width", width);
		for (let i = 0; i < boxes.length; i++) {
			const box = boxes[i];
			const inside = box === zoomed || isAncestor(zoomed, box);

			if (!inside && !isAncestor(box, zoomed)) {
				i = box.end - 1;
				continue;
			}
			const spot = place(box, width);

			if (spot.width < NARROWEST) {
				i = box.end - 1;
				continue;
			}
			drawBox(box, spot);
			rows = Math.max(rows, box.depth + 1);
		}
		page.graph.setAttribute("height", rows * ROW + 2);
		page.reset.disabled = zoomed === boxes[0];
	}

	function zoom(box) {
		zoomed = box;
		focused = box;
		hideTip();
		draw();
		showMatches();
	}

	function drawnBox(box) {
		return page.graph.querySelector('[data-box="' + box.index + '"]');
	}

	function focusBox(box) {
		const group = box && drawnBox(box);

		if (!group)
			return;
		const before = drawnBox(focused);

		if (before)
			before.setAttribute("tabindex", -1);
		focused = box;
		group.setAttribute("tabindex", 0);
		group.focus();
		const edge = group.getBoundingClientRect();

		showTip(box, Math.max(edge.left, 0) + 8, edge.bottom);
	}

	function eventBox(event) {
		const group = event.target.closest ? event.target.closest("[data-box]") : null;

		return group ? boxes[Number(group.getAttribute("data-box"))] : null;
	}

	function showTip(box, x, y) {
		page.tip.textContent = "";
		element(page.tip, "strong", "", box.text);
		element(page.tip, "span", "amount", describe(box));
		if (zoomed !== boxes[0] && !isAncestor(box, zoomed))
			element(page.tip, "span", "", formatShare(box.value, zoomed.value) +
				" of the zoomed frame");
		if (box.detail)
			element(page.tip, "span", "origin", box.detail);
		page.tip.hidden = false;
		const room = {width: window.innerWidth, height: window.innerHeight};
		const size = page.tip.getBoundingClientRect();
		const left = Math.min(x + 12, room.width - size.width - 8);
		const below = y + 16 + size.height < room.height;

		page.tip.style.left = Math.max(left, 4) + "px";
		page.tip.style.top = (below ? y + 16 : Math.max(y - size.height - 24, 4)) + "px";
	}

	function hideTip() {
		page.tip.hidden = true;
	}

	/* A frame below a matching one is counted with it, not twice. */
	function matchedValue() {
		let sum = 0;

		for (let i = zoomed.index; i < zoomed.end; i++) {
			if (boxes[i].matches) {
				sum += boxes[i].value;
				i = boxes[i].end - 1;
			}
		}
		return sum;
	}

	function showMatches() {
		page.matched.textContent = query === "" ? "" :
			"matched " + formatShare(matchedValue(), zoomed.value);
	}

	function search(text) {
		query = text.trim().toLowerCase();
		for (const box of boxes)
			box.matches = query !== "" && box.text.toLowerCase().includes(query);
		for (const group of page.graph.querySelectorAll("[data-box]"))
			group.classList.toggle("match", boxes[group.getAttribute("data-box")].matches);
		showMatches();
	}

	function sibling(box, step) {
		const row = box.parent ? box.parent.children : [box];

		return row[row.indexOf(box) + step];
	}

	function move(key, box) {
		switch (key) {
		case "ArrowUp":
			return box.parent;
		case "ArrowDown":
			return isAncestor(box, zoomed) ? ancestorBelow(box) : box.children[0];
		case "ArrowLeft":
			return sibling(box, -1);
		case "ArrowRight":
			return sibling(box, 1);
		}
		return null;
	}

	function ancestorBelow(box) {
		let below = zoomed;

		while (below.parent !== box)
			below = below.parent;
		return below;
	}

	function onGraphKey(event) {
		const box = eventBox(event);

		if (!box)
			return;
		if (event.key === "Enter" || event.key === " ") {
			zoom(box);
			focusBox(box);
		} else if (event.key.startsWith("Arrow")) {
			focusBox(move(event.key, box));
		} else {
			return;
		}
		event.preventDefault();
	}

	function onKey(event) {
		if (event.key === "Escape") {
			if (document.activeElement === page.search) {
				page.search.value = "";
				search("");
			} else {
				zoom(boxes[0]);
			}
		} else if (event.key === "/" && document.activeElement !== page.search) {
			page.search.focus();
			event.preventDefault();
		}
	}

	page.graph.addEventListener("click", function (event) {
		const box = eventBox(event);

		if (box)
			zoom(box);
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
	page.search.addEventListener("input", function () {
		search(page.search.value);
	});
	page.reset.addEventListener("click", function () {
		zoom(boxes[0]);
	});
	document.addEventListener("keydown", onKey);
	window.addEventListener("resize", draw);
	draw();
})();
