/* What the monitor is asked for, and how its values are told. All names are hostile: text alone. */
const NAME_MOST = 400;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/* A name with what is invisible, or turns text round, written out; cut in its middle. */
function plain(name) {
	const text = String(name).replace(INVISIBLE,
		sign => "\\u{" + sign.codePointAt(0).toString(16) + "}");

	return text.length <= NAME_MOST ? text :
		text.slice(0, NAME_MOST / 2) + " … " + text.slice(-NAME_MOST / 2);
}

class NeedsToken extends Error {}

async function ask(path, token) {
	const headers = token === undefined ? {} : {Authorization: "Bearer " + token};
	const answer = await fetch(path, {headers, cache: "no-store", redirect: "error"});

	if (answer.status === 401)
		throw new NeedsToken();
	if (!answer.ok)
		throw new Error(path + ": " + answer.status);
	return answer.json();
}

/* "2026-01-31T12:00:00.000000000Z" in milliseconds. */
function momentOf(text) {
	return Date.parse(text.slice(0, 19) + "Z");
}

function formatMoment(moment) {
	const time = new Date(moment), two = number => String(number).padStart(2, "0");

	return time.getFullYear() + "-" + two(time.getMonth() + 1) + "-" + two(time.getDate()) + " " +
		two(time.getHours()) + ":" + two(time.getMinutes());
}

function formatSince(milliseconds) {
	const seconds = Math.max(0, milliseconds / 1000);

	if (seconds < 120)
		return seconds.toFixed(0) + " s";
	if (seconds < 7200)
		return (seconds / 60).toFixed(0) + " min";
	return seconds < 172800 ? (seconds / 3600).toFixed(0) + " h" : (seconds / 86400).toFixed(0) + " d";
}

/* Bytes an hour as a number of MB. */
function formatPerHour(bytes) {
	const rate = bytes / 1e6, size = Math.abs(rate);

	if (size >= 9.95)
		return formatCount(Math.round(rate));
	return size < 0.005 ? "0" : rate.toFixed(size < 0.0995 ? 2 : 1);
}

function formatInterval(rate) {
	return rate.low === null || rate.high === null ? "" :
		formatPerHour(rate.low) + " to " + formatPerHour(rate.high);
}

const VERDICTS = {
	"leak": "leak", "grows, no bound seen": "grows", "filling cache": "cache",
	"kept by the allocator": "kept", "unexplained": "unexplained",
};

function drawVerdict(parent, verdict) {
	return element(parent, "span", "badge " + (VERDICTS[verdict] || "passing"), plain(verdict));
}

/* A table with a head; columns are [title, class]. Returns its body. */
function drawTable(parent, className, columns) {
	const table = element(element(parent, "div", "wide"), "table", className);
	const row = element(element(table, "thead"), "tr");

	for (const [title, kind] of columns)
		element(row, "th", kind, title).setAttribute("scope", "col");
	return element(table, "tbody");
}
