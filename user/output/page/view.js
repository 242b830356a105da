/*
 * What is shown of the data, and its form in the page's address, so that a view can be sent on and
 * the browser's own way back leads through it. Only what is not as at first stands there.
 */
const firstView = {
	inverted: false, processes: data.apart, library: true, lines: true, chains: true,
	unit: data.unit, before: data.was_more === true, find: "", only: "", zoom: "", open: "", sort: "bytes", all: false,
};
const view = Object.assign({}, firstView);

function readAddress() {
	const given = new URLSearchParams(window.location.hash.slice(1));

	for (const key of Object.keys(firstView)) {
		const value = given.get(key);

		if (value === null)
			view[key] = firstView[key];
		else if (typeof firstView[key] === "boolean")
			view[key] = value === "1";
		else
			view[key] = value;
	}
	if (view.unit !== "blocks")
		view.unit = "bytes";
}

function addressOfView() {
	const given = new URLSearchParams();

	for (const key of Object.keys(firstView)) {
		const value = view[key];

		if (value !== firstView[key])
			given.set(key, typeof value === "boolean" ? Number(value) : value);
	}
	const text = given.toString();

	return window.location.pathname + window.location.search + (text ? "#" + text : "");
}

/* `step`: the browser's way back leads to what was shown before. */
function writeAddress(step) {
	const address = addressOfView();

	try {
		if (step)
			window.history.pushState(null, "", address);
		else
			window.history.replaceState(null, "", address);
	} catch (error) {
		/* a place that has no history, such as a frame: the view is shown all the same */
	}
}
