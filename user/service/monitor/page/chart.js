/* Memory over time: parts stacked upon each other, gaps where nothing was seen. */
const CHART_HEIGHT = 260;
const CHART_EDGE = {left: 62, right: 12, top: 10, bottom: 24};
const CHART_PARTS = [
	["anonymous", "anonymous", sample => sample.anonymous_bytes],
	["files", "of files, shared", sample => Math.max(0, sample.resident_bytes - sample.anonymous_bytes)],
	["swapped", "swapped", sample => sample.swapped_bytes],
];
const MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS;
const TIME_STEPS = [1, 2, 5, 10, 15, 30].map(step => step * MINUTE_MS).concat(
	[1, 2, 3, 6, 12].map(step => step * HOUR_MS), [1, 2, 7, 14, 30, 90, 365].map(step => step * DAY_MS));

function sumOf(sample) {
	return CHART_PARTS.reduce((sum, part) => sum + part[2](sample), 0);
}

/* 1, 2 or 5 times a power of ten. */
function roundStep(least) {
	const power = 10 ** Math.floor(Math.log10(least));

	return [1, 2, 5, 10].find(step => step * power >= least) * power;
}

/* Runs of samples without a gap between them. */
function runsOf(samples, gap) {
	const runs = [];

	samples.forEach(function (sample, index) {
		if (!index || sample.moment - samples[index - 1].moment > gap)
			runs.push([]);
		runs[runs.length - 1].push(sample);
	});
	return runs;
}

function makeScale(width, samples, since, until, limit) {
	const most = Math.max(1, ...samples.map(sumOf));
	const top = limit && limit < 1.6 * most ? Math.max(limit, most) : most;
	const step = roundStep(top / 4);
	const inner = {width: width - CHART_EDGE.left - CHART_EDGE.right,
		height: CHART_HEIGHT - CHART_EDGE.top - CHART_EDGE.bottom};
	const highest = step * Math.ceil(top * 1.02 / step);

	return {
		width, since, until, step, highest, inner, bottom: CHART_EDGE.top + inner.height,
		x: moment => CHART_EDGE.left + inner.width * (moment - since) / (until - since),
		y: bytes => CHART_EDGE.top + inner.height * (1 - bytes / highest),
	};
}

function drawLabel(svg, x, y, anchor, text) {
	shape(svg, "text", {x, y, "text-anchor": anchor}).textContent = text;
}

function drawAmounts(svg, scale) {
	for (let bytes = 0; bytes <= scale.highest * 1.001; bytes += scale.step) {
		const y = scale.y(bytes).toFixed(1);

		shape(svg, "line", {class: "grid", x1: CHART_EDGE.left, x2: scale.width - CHART_EDGE.right,
			y1: y, y2: y});
		drawLabel(svg, CHART_EDGE.left - 6, Number(y) + 4, "end", formatBytes(bytes));
	}
}

/* At full hours and midnights of whoever looks. */
function drawTimes(svg, scale) {
	const span = scale.until - scale.since;
	const least = span / Math.max(2, scale.inner.width / 110);
	const step = TIME_STEPS.find(known => known >= least) || 365 * DAY_MS;
	const zone = new Date(scale.until).getTimezoneOffset() * MINUTE_MS;
	const first = Math.ceil((scale.since - zone) / step) * step + zone;

	for (let moment = first; moment <= scale.until; moment += step) {
		const text = formatMoment(moment), x = scale.x(moment);

		shape(svg, "line", {class: "tick", x1: x, x2: x, y1: scale.bottom, y2: scale.bottom + 4});
		if (x > CHART_EDGE.left + 24 && x < scale.width - 34)
			drawLabel(svg, x, CHART_HEIGHT - 6, "middle",
				step < DAY_MS && span <= 2 * DAY_MS ? text.slice(11) :
					step < DAY_MS ? text.slice(5) : text.slice(0, 10));
	}
}

function drawRun(svg, scale, run) {
	const lower = new Array(run.length).fill(0);

	for (const [name, , bytesOf] of CHART_PARTS) {
		const below = run.map((sample, i) => [scale.x(sample.moment), scale.y(lower[i])]);

		run.forEach((sample, i) => {
			lower[i] += bytesOf(sample);
		});
		const above = run.map((sample, i) => [scale.x(sample.moment), scale.y(lower[i])]);
		const points = above.concat(below.reverse()).map(
			([x, y]) => x.toFixed(1) + "," + y.toFixed(1)).join(" ");

		shape(svg, "polygon", {class: "part " + name, points});
	}
}

function drawMarks(svg, scale, answers, choose) {
	for (const answer of answers) {
		const moment = momentOf(answer.at), x = scale.x(moment);

		if (moment < scale.since || moment > scale.until)
			continue;
		const mark = shape(svg, "path", {class: "mark", d: "M" + (x - 5).toFixed(1) + " " +
			(CHART_EDGE.top - 2) + "h10l-5 8z"});

		shape(mark, "title", {}).textContent = "answer of " + formatMoment(moment);
		mark.addEventListener("click", () => choose(answer));
	}
}

function drawLegend(parent) {
	const legend = element(parent, "p", "legend");

	for (const [name, title] of CHART_PARTS) {
		element(legend, "i", "part " + name);
		element(legend, "span", "", title);
	}
	return element(legend, "output", "pointed");
}

function pointedText(sample) {
	return formatMoment(sample.moment) + ": " + CHART_PARTS.map(
		([, title, bytesOf]) => title + " " + formatBytes(bytesOf(sample))).join(", ") +
		(sample.processes === undefined ? "" :
			", " + formatCounted(sample.processes, "process", "processes"));
}

/* Says what was at the moment below the pointer. */
function followPointer(svg, scale, samples, output) {
	const line = shape(svg, "line", {class: "cursor", x1: -9, x2: -9, y1: CHART_EDGE.top, y2: scale.bottom});

	svg.addEventListener("pointermove", function (event) {
		const x = event.clientX - svg.getBoundingClientRect().left;
		const nearest = samples.reduce((best, sample) =>
			Math.abs(scale.x(sample.moment) - x) < Math.abs(scale.x(best.moment) - x) ? sample : best);

		line.setAttribute("x1", scale.x(nearest.moment));
		line.setAttribute("x2", scale.x(nearest.moment));
		output.textContent = pointedText(nearest);
	});
}

/* `chart` has samples with their `moment`, since, until, gap, limit (0: none), answers. */
function drawChart(parent, chart, choose) {
	parent.textContent = "";
	if (chart.samples.length < 2) {
		element(parent, "p", "empty", chart.kept ? "Nothing was kept of this time." :
			"Lines begin with this page, as no history is kept (--history FILE).");
		return;
	}
	const width = Math.max(300, parent.clientWidth);
	const svg = shape(parent, "svg", {class: "chart", width, height: CHART_HEIGHT, role: "img",
		"aria-label": "memory, from " + formatBytes(sumOf(chart.samples[0])) + " to " +
			formatBytes(sumOf(chart.samples[chart.samples.length - 1]))});
	const scale = makeScale(width, chart.samples, chart.since, chart.until, chart.limit);

	drawAmounts(svg, scale);
	drawTimes(svg, scale);
	for (const run of runsOf(chart.samples, chart.gap))
		drawRun(svg, scale, run);
	if (chart.limit && chart.limit <= scale.highest)
		shape(svg, "line", {class: "limit", x1: CHART_EDGE.left, x2: width - CHART_EDGE.right,
			y1: scale.y(chart.limit), y2: scale.y(chart.limit)});
	drawMarks(svg, scale, chart.answers, choose);
	const output = drawLegend(parent);

	followPointer(svg, scale, chart.samples, output);
	output.textContent = pointedText(chart.samples[chart.samples.length - 1]);
}
