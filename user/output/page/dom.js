/* Elements, texts and quantities. */
const XHTML = "http://www.w3.org/1999/xhtml";
const SVG = "http://www.w3.org/2000/svg";

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

function button(parent, text, act) {
	const node = element(parent, "button", "", text);

	node.setAttribute("type", "button");
	node.addEventListener("click", act);
	return node;
}

/* A box to tick that shows one part of the view. */
function toggle(parent, key, text, title, act) {
	const label = element(parent, "label", "toggle");
	const box = element(label, "input");

	box.setAttribute("type", "checkbox");
	box.setAttribute("data-toggle", key);
	label.setAttribute("title", title);
	element(label, "span", "", text);
	box.addEventListener("change", function () {
		act(key, box.checked);
	});
	return box;
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

function formatCount(count) {
	return count.toLocaleString("en-US");
}

function formatCounted(count, one, many) {
	return formatCount(count) + " " + (count === 1 ? one : many);
}

function formatShare(value, whole) {
	const percent = whole > 0 ? Math.min(100, 100 * value / whole) : 0;

	return percent.toFixed(percent >= 9.95 || percent === 0 ? 0 : 1) + " %";
}

function formatAge(milliseconds) {
	const seconds = milliseconds / 1000;

	if (!milliseconds)
		return "";
	if (seconds < 120)
		return seconds.toFixed(seconds < 9.95 ? 1 : 0) + " s";
	return seconds < 7200 ? (seconds / 60).toFixed(0) + " min" : (seconds / 3600).toFixed(1) + " h";
}

/* MB per hour over the time in which it can have come to be; "" where that is too short. */
function formatRate(bytes) {
	const rate = data.rated_ms ? bytes / 1e6 * 3600000 / data.rated_ms : 0;

	if (!data.rated_ms)
		return "";
	return rate >= 9.95 ? formatCount(Math.round(rate)) : rate.toPrecision(2);
}

function formatValue(value) {
	return view.unit === "blocks" ? formatCounted(value, "block", "blocks") : formatBytes(value);
}

/* Through the clipboard, or, where the browser keeps that from files, a selection. */
async function copyText(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch (error) {
		const field = element(page.app, "textarea", "", text);

		field.select();
		const done = document.execCommand("copy");

		field.remove();
		return done;
	}
}
