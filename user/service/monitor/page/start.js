/* The page: what is shown stands in its address, and is asked for again as long as somebody looks. */
const RANGES = [["hour", "1 h", HOUR_MS], ["day", "1 d", DAY_MS], ["week", "1 w", 7 * DAY_MS],
	["month", "1 mo", 31 * DAY_MS], ["all", "all", 0]];
const AGAIN_MS = 10000, LOCAL_MOST = 2000;
const first = {service: "", range: "day", sort: "growth"};
const view = Object.assign({}, first);
const page = {};

/* What came last: of all services, and of the one that is chosen. */
let current = null, details = null, timer = 0;
let turns = 0;
const seen = new Map(); /* samples of this page itself, by key */

function readAddress() {
	const given = new URLSearchParams(window.location.hash.slice(1));

	for (const key of Object.keys(first))
		view[key] = given.get(key) || first[key];
	if (!RANGES.some(range => range[0] === view.range))
		view.range = first.range;
	if (!SERVICE_COLUMNS.some(column => column.key === view.sort.replace(/^-/, "")))
		view.sort = first.sort;
}

function writeAddress() {
	const given = new URLSearchParams();

	for (const key of Object.keys(first))
		if (view[key] !== first[key])
			given.set(key, view[key]);
	const text = given.toString();

	window.history.replaceState(null, "", window.location.pathname + (text ? "#" + text : ""));
}

function show(change) {
	Object.assign(view, change);
	writeAddress();
	refresh();
}

/* --- the one that is chosen --- */

function keepSeen(answer) {
	for (const service of answer.services) {
		const samples = seen.get(keyOf(service)) || [];

		if (service.processes.length)
			samples.push({moment: momentOf(answer.at), processes: service.processes.length,
				resident_bytes: service.resident_bytes, swapped_bytes: service.swapped_bytes,
				anonymous_bytes: service.anonymous_bytes});
		seen.set(keyOf(service), samples.slice(-LOCAL_MOST));
	}
}

function chosenService() {
	return current && allServices(current).find(service => keyOf(service) === view.service) || null;
}

function spanOf(service) {
	const kept = (current.history || []).find(one => one.id === service.id);
	const range = RANGES.find(one => one[0] === view.range);
	const until = momentOf(current.at);
	const oldest = kept ? momentOf(kept.first_at) : until - DAY_MS;
	const begin = range[2] ? Math.max(oldest, until - range[2]) : oldest;

	return {since: Math.min(begin, until - 10 * MINUTE_MS), until};
}

async function askDetails(service) {
	const {since, until} = spanOf(service);
	const local = seen.get(keyOf(service)) || [];

	if (service.id === null)
		return {service, samples: local, kept: false, answers: [], findings: service.findings,
			gap: 6 * AGAIN_MS, since: local.length ? local[0].moment : since, until};
	const of = "?service=" + Number(service.id);
	const [lines, answers, findings] = await Promise.all([
		ask("/api/samples" + of + "&since=" + Math.floor(since / 1000) + "&until=" +
			Math.ceil(until / 1000 + 1)),
		ask("/api/answers" + of), ask("/api/findings" + of)]);

	const samples = lines.samples.map(sample => Object.assign(sample, {moment: momentOf(sample.at)}));
	const last = samples.length ? samples[samples.length - 1].moment : since;

	return {service, kept: true, answers: answers.answers, since, until,
		samples: samples.concat(local.filter(sample => sample.moment > last)),
		gap: Math.max(3, 1.5 * lines.step_s / 60) * 60000,
		findings: service.findings.concat(findings.findings.filter(finding => finding.over_at ||
			!service.findings.some(now => now.name === finding.name)))};
}

function drawProcesses(parent, service) {
	parent.textContent = "";
	if (!service.processes.length)
		return;
	element(parent, "h2", "", formatCounted(service.processes.length, "process", "processes"));
	const body = drawTable(element(parent, "div", "scrolled"), "processes", [["pid", ""],
		["name", "name"], ["resident", ""], ["anonymous", ""], ["swapped", ""], ["up", ""]]);

	for (const one of Array.from(service.processes).sort((a, b) => b.resident_bytes - a.resident_bytes)) {
		const row = element(body, "tr");

		element(row, "td", "", one.pid);
		element(row, "td", "name", plain(one.comm));
		for (const bytes of [one.resident_bytes, one.anonymous_bytes, one.swapped_bytes])
			element(row, "td", "", formatBytes(bytes));
		element(row, "td", "", formatSince(1000 * one.age_s));
	}
}

function drawConnections(parent, service) {
	parent.textContent = "";
	if (!service.connections || !service.connections.length)
		return;
	element(parent, "h2", "", "Connections");
	const body = drawTable(element(parent, "div", "scrolled"), "connections",
		[["with", "name"], ["open", ""], ["closed by the other side", ""]]);

	for (const one of Array.from(service.connections).sort((a, b) => b.open - a.open)) {
		const row = element(body, "tr");

		element(row, "td", "name", one.with + (one.port === null ? "" : " port " + one.port));
		element(row, "td", "", formatCount(one.open));
		element(row, "td", "", formatCount(one.closed_by_peer));
	}
}

function drawRanges(parent) {
	parent.textContent = "";
	for (const [key, title] of RANGES)
		button(parent, title, () => show({range: key}))
			.setAttribute("aria-pressed", String(view.range === key));
}

function drawDetails() {
	const {service} = details;

	page.title.textContent = plain(service.name);
	drawRanges(page.ranges);
	page.ranges.hidden = !details.kept;
	drawChart(page.chart, Object.assign({limit: service.limit ? service.limit.limit_bytes : 0}, details),
		showAnswer);
	drawFindings(page.findings, details.findings);
	drawHeld(page.held, service);
	drawConnections(page.connections, service);
	drawProcesses(page.list, service);
	const ids = details.answers.map(answer => answer.id).join();

	if (page.answers.dataset.ids !== view.service + ids) {
		page.answers.dataset.ids = view.service + ids;
		drawAnswerList();
	}
}

/* --- answers --- */

function momentOfAnswer(id) {
	return momentOf(details.answers.find(answer => answer.id === id).at);
}

function drawAnswerList() {
	const known = new Set(details.answers.map(answer => answer.id));

	for (const side of ["before", "after"])
		if (!known.has(page.picks[side]))
			page.picks[side] = null;
	drawAnswers(page.answers, details.answers, page.picks, showAnswer, pickAnswer);
}

function showAnswer(answer) {
	attempt(async function () {
		const whole = await ask("/api/answer?id=" + Number(answer.id));

		page.redraw = drawAnswer(page.answer, whole, momentOf(answer.at), forgetAnswer);
		page.answer.scrollIntoView({block: "nearest"});
	});
}

function pickAnswer(side, id) {
	const {picks} = page;

	picks[side] = id;
	if (picks.before === null || picks.after === null)
		return;
	attempt(async function () {
		const [before, after] = await Promise.all([picks.before, picks.after].map(async one => (
			{id: one, moment: momentOfAnswer(one), whole: await ask("/api/answer?id=" + Number(one))})));

		drawComparison(page.compared, before, after);
	});
}

/* --- the whole --- */

function forgetAnswer() {
	page.answer.textContent = "";
	page.redraw = null;
}

function forgetDetails() {
	forgetAnswer();
	page.compared.textContent = "";
	page.picks = {before: null, after: null};
	delete page.answers.dataset.ids;
}

function choose(key) {
	if (key !== view.service)
		forgetDetails();
	show({service: key});
}

function drawAll() {
	page.signIn.hidden = true;
	page.app.hidden = false;
	page.state.textContent = formatCounted(current.services.length, "service", "services") +
		" · read each " + current.interval_s + " s · watched for " +
		formatSince(momentOf(current.at) - momentOf(current.began_at)) + " · unfreed " +
		plain(current.version);
	drawServices(page.services, current, view.service, view.sort, choose, sort => show({sort}));
	page.details.hidden = !details;
	if (details)
		drawDetails();
}

/* Whatever is wrong is said, and tried again with the next. */
async function attempt(act) {
	try {
		await act();
		page.trouble.textContent = "";
	} catch (error) {
		if (error instanceof NeedsToken) {
			page.app.hidden = true;
			page.signIn.hidden = false;
			page.token.focus();
			return;
		}
		page.trouble.textContent = "The monitor does not answer (" + error.message + ").";
	}
}

/* What is overtaken by a later one is not drawn. */
async function refresh() {
	const turn = ++turns;

	window.clearTimeout(timer);
	await attempt(async function () {
		const answer = await ask("/api/services");
		const all = allServices(answer);

		current = answer;
		keepSeen(answer);
		if (!view.service && all.length === 1)
			view.service = keyOf(all[0]);
		const service = chosenService();
		const asked = service ? await askDetails(service) : null;

		if (turn !== turns)
			return;
		details = asked;
		drawAll();
	});
	if (turn === turns && !page.app.hidden && !document.hidden)
		timer = window.setTimeout(refresh, AGAIN_MS);
}

async function signIn(event) {
	event.preventDefault();
	page.refused.textContent = "";
	try {
		await ask("/api/session", page.token.value.trim());
		page.token.value = "";
		refresh();
	} catch (error) {
		page.refused.textContent = error instanceof NeedsToken || error instanceof TypeError ?
			"That is not the token." : error.message;
	}
}

function buildSignIn(body) {
	const form = element(body, "form", "sign-in");

	element(form, "h1", "", "unfreed monitor");
	const label = element(form, "label", "", "The token, which stands in the file of --token-file");

	page.token = element(label, "input", "search");
	page.token.setAttribute("type", "password");
	page.token.setAttribute("autocomplete", "off");
	element(form, "button", "", "Open");
	page.refused = element(form, "p", "lossy");
	page.refused.setAttribute("role", "alert");
	form.addEventListener("submit", signIn);
	form.hidden = true;
	page.signIn = form;
}

function buildDetails(app) {
	page.details = element(app, "section", "details");
	const head = element(page.details, "div", "bar");

	page.title = element(head, "h2", "title");
	page.ranges = element(head, "div", "ranges");
	page.chart = element(page.details, "div", "lines");
	const columns = element(page.details, "div", "columns");

	for (const name of ["findings", "held", "answers", "answer", "compared", "processes"])
		page[name] = element(columns, "section", "of-" + name);
	for (const name of ["connections", "list"])
		page[name] = element(page.processes, "div");
	page.details.hidden = true;
	forgetDetails();
}

function build(body) {
	buildSignIn(body);
	page.app = element(body, "main", "app monitor");
	const head = element(page.app, "header", "bar");

	element(head, "h1", "", "unfreed monitor");
	page.state = element(head, "output");
	page.trouble = element(page.app, "p", "lossy");
	page.trouble.setAttribute("role", "status");
	page.services = element(page.app, "section", "all-services");
	buildDetails(page.app);
}

build(document.body);
readAddress();
window.addEventListener("hashchange", function () {
	readAddress();
	forgetDetails();
	refresh();
});
window.addEventListener("resize", function () {
	if (details)
		drawDetails();
	if (page.redraw)
		page.redraw();
});
document.addEventListener("visibilitychange", () => document.hidden || refresh());
refresh();
