// The page: it asks the worker for forecasts and draws them. One question is
// under way at a time; while it is, the latest one waits and older ones are
// dropped, so that the picture follows the slider at the speed of the engine.
"use strict";

const $ = (id) => document.getElementById(id);
const maxFile = 16 << 20; // bytes; the engine also bounds rows and channels

const state = {
	series: null, // {names, times, values} by channel
	title: "",
	answer: null, // the forecast that is drawn
};

// ---- the engine ----

const worker = new Worker("worker.js");
const waiting = new Map();
let questions = 0;

function ask(call, ...args) {
	return new Promise((resolve) => {
		waiting.set(++questions, resolve);
		worker.postMessage({ id: questions, call, args });
	});
}

const ready = new Promise((resolve) => {
	worker.onmessage = ({ data }) => {
		if (data.ready) {
			resolve(data.parameters);
		} else if (data.fatal) {
			fail("The engine cannot run: " + data.fatal);
		} else {
			waiting.get(data.id)(data.answer);
			waiting.delete(data.id);
		}
	};
	worker.onerror = (event) => fail("The engine cannot run: " + (event.message || "worker.js did not load"));
});

// ---- messages ----

function fail(message) {
	$("error").textContent = message;
	$("error").hidden = false;
	document.body.dataset.state = "error";
}

function clearError() {
	$("error").hidden = true;
	$("error").textContent = "";
}

// ---- loading a series ----

// load hands the text of a CSV file to the engine. A bad file leaves the
// series that was there.
async function load(text, name, title, seen, ahead) {
	clearError();
	if (text.length > maxFile) {
		fail(`${name} is longer than ${maxFile >> 20} MiB; use the command for files of this size`);
		return;
	}
	document.body.dataset.state = "busy";
	await ready;
	const series = await ask("load", name, text);
	if (series.error) {
		fail(series.error);
		return;
	}
	state.series = series;
	state.title = title;
	state.answer = null;
	const n = series.times.length;
	const slider = $("seen");
	slider.min = 1;
	slider.max = n;
	slider.value = Math.min(n, Math.max(2, Math.round(seen * n)));
	$("ahead").value = Math.round(100 * ahead);
	slider.disabled = $("ahead").disabled = $("save").disabled = false;
	const select = $("channel");
	const kept = Math.max(0, series.names.indexOf(select.value));
	select.replaceChildren(...series.names.map((name) => new Option(name, name)));
	select.selectedIndex = kept;
	makePanels();
	refresh();
}

// ---- asking for forecasts ----

let busy = false;
let again = false;

async function refresh() {
	showSliders();
	if (busy) {
		again = true;
		return;
	}
	busy = true;
	do {
		again = false;
		document.body.dataset.state = "busy";
		const series = state.series;
		const answer = await ask("forecast", Number($("seen").value), Number($("ahead").value) / 100);
		if (series !== state.series) {
			again = true; // the answer is about the series before
			continue;
		}
		if (answer.error) {
			fail(answer.error);
		} else {
			clearError();
			state.answer = answer;
			draw();
			document.body.dataset.state = "ready";
		}
	} while (again);
	busy = false;
}

function showSliders() {
	const s = state.series;
	const rows = Number($("seen").value);
	const span = s.times[s.times.length - 1] - s.times[0];
	$("seen-at").textContent = `t = ${short(s.times[rows - 1])} (${rows} of ${s.times.length} rows)`;
	$("seen").setAttribute("aria-valuetext", `time ${short(s.times[rows - 1])}`);
	const share = Number($("ahead").value);
	$("ahead-at").textContent = share ? `+${short((span * share) / 100)}` : "nothing";
	$("ahead").setAttribute("aria-valuetext", `${share} % of the span`);
}

// ---- numbers ----

function short(v) {
	if (v === null || v === undefined || !Number.isFinite(v)) {
		return "–";
	}
	const a = Math.abs(v);
	if (a !== 0 && (a < 1e-3 || a >= 1e5)) {
		return v.toExponential(2).replace("-", "−").replace("e-", "e−");
	}
	return String(Number(v.toPrecision(4))).replace("-", "−");
}

// ticks are about n round numbers between lo and hi.
function ticks(lo, hi, n) {
	const raw = (hi - lo) / n;
	if (!(raw > 0) || !Number.isFinite(raw)) {
		return [];
	}
	const power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
	const out = [];
	for (let k = Math.ceil(lo / step); k * step <= hi + step * 1e-9 && out.length < 50; k++) {
		out.push(k * step);
	}
	return out;
}

function bounds(list) {
	let lo = Infinity;
	let hi = -Infinity;
	for (const v of list) {
		if (v !== null) {
			lo = Math.min(lo, v);
			hi = Math.max(hi, v);
		}
	}
	return [lo, hi];
}

// ---- drawing ----

const svgSpace = "http://www.w3.org/2000/svg";

function add(parent, name, attributes, text) {
	const e = document.createElementNS(svgSpace, name);
	for (const key in attributes) {
		e.setAttribute(key, attributes[key]);
	}
	if (text !== undefined) {
		e.textContent = text;
	}
	parent.append(e);
	return e;
}

const layout = { left: 72, right: 10, top: 6, main: 160, gap: 8, residual: 36, strip: 28, axis: 20 };
layout.residualTop = layout.top + layout.main + layout.gap;
layout.rateTop = layout.residualTop + layout.residual + layout.gap;
layout.frequencyTop = layout.rateTop + layout.strip + layout.gap;
layout.bottom = layout.frequencyTop + layout.strip;
layout.height = layout.bottom + layout.axis;

function makePanels() {
	$("panels").replaceChildren(
		...state.series.names.map((name, c) => {
			const box = document.createElement("div");
			box.className = "panel";
			const head = document.createElement("h2");
			head.textContent = name;
			const read = document.createElement("span");
			head.append(read);
			const svg = document.createElementNS(svgSpace, "svg");
			svg.setAttribute("role", "img");
			svg.setAttribute("height", layout.height);
			svg.addEventListener("pointerdown", (event) => {
				svg.setPointerCapture(event.pointerId);
				slideTo(svg, event);
			});
			svg.addEventListener("pointermove", (event) => {
				if (event.buttons & 1) {
					slideTo(svg, event);
				}
				readAt(svg, read, c, event);
			});
			svg.addEventListener("pointerleave", () => showScore(read, c));
			box.append(head, svg);
			return box;
		}),
	);
}

// timeAt is the time under the pointer.
function timeAt(svg, event) {
	const box = svg.getBoundingClientRect();
	const { times } = state.answer;
	const share = (event.clientX - box.left - layout.left) / (box.width - layout.left - layout.right);
	return times[0] + Math.min(Math.max(share, 0), 1) * (times[times.length - 1] - times[0]);
}

// slideTo moves the slider to the pointer.
function slideTo(svg, event) {
	if (!state.answer) {
		return;
	}
	const t = timeAt(svg, event);
	let rows = 0;
	while (rows < state.series.times.length && state.series.times[rows] <= t) {
		rows++;
	}
	rows = Math.max(rows, Number($("seen").min));
	if (rows !== Number($("seen").value)) {
		$("seen").value = rows;
		refresh();
	}
}

function readAt(svg, read, c, event) {
	if (!state.answer) {
		return;
	}
	const { times, channels } = state.answer;
	const t = timeAt(svg, event);
	const step = (times[times.length - 1] - times[0]) / (times.length - 1);
	const i = Math.min(times.length - 1, Math.max(0, Math.round((t - times[0]) / step)));
	const ch = channels[c];
	read.textContent = `t ${short(times[i])}: mean ${short(ch.mean[i])}, 80 % ${short(ch.bands[1][i])} to ${short(ch.bands[2][i])}`;
}

function showScore(read, c) {
	const [rms, relative] = state.answer ? state.answer.channels[c].error : [null, null];
	read.textContent = rms === null ? "" : `error on what was not seen ${short(rms)}` + (relative === null ? "" : ` (${short(100 * relative)} % of the spread)`);
}

// line is a path through the points that are not null.
function line(xs, ys, x, y) {
	let d = "";
	let pen = "M";
	for (let i = 0; i < xs.length; i++) {
		if (ys[i] === null) {
			pen = "M";
			continue;
		}
		d += pen + x(xs[i]).toFixed(1) + " " + y(ys[i]).toFixed(1);
		pen = "L";
	}
	return d;
}

function dots(xs, ys, x, y) {
	let d = "";
	for (let i = 0; i < xs.length; i++) {
		if (ys[i] !== null) {
			d += `M${x(xs[i]).toFixed(1)} ${y(ys[i]).toFixed(1)}h0`;
		}
	}
	return d;
}

function band(xs, low, high, x, y) {
	const keep = xs.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null);
	if (keep.length < 2) {
		return "";
	}
	const there = keep.map((i) => x(xs[i]).toFixed(1) + " " + y(high[i]).toFixed(1));
	const back = keep.reverse().map((i) => x(xs[i]).toFixed(1) + " " + y(low[i]).toFixed(1));
	return "M" + there.concat(back).join("L") + "Z";
}

function draw() {
	const answer = state.answer;
	if (!answer) {
		return;
	}
	const panels = $("panels").children;
	const width = Math.max(280, $("panels").clientWidth);
	for (let c = 0; c < panels.length; c++) {
		const svg = panels[c].querySelector("svg");
		drawChannel(svg, c, width);
		const read = panels[c].querySelector("h2 span");
		if (!svg.matches(":hover")) {
			showScore(read, c);
		}
	}
	const channels = state.series.names.length;
	$("timing").textContent =
		`Forecast of ${channels} channel${channels > 1 ? "s" : ""} × ${answer.rows} rows to ${answer.queries} times: ` +
		`${answer.millis.toFixed(answer.millis < 10 ? 1 : 0)} ms`;
	$("status").textContent = state.title;
	drawModes();
}

function drawChannel(svg, c, width) {
	const { series, answer } = state;
	const { times, channels, rows } = answer;
	const ch = channels[c];
	const { left, right, top, main } = layout;
	const t0 = times[0];
	const t1 = times[times.length - 1];
	const x = (t) => left + ((t - t0) / (t1 - t0)) * (width - left - right);
	const clip = `clip-${c}`;

	// The data set the range; the forecast may go beyond it by half of it.
	let [lo, hi] = bounds(series.values[c]);
	if (!(hi >= lo)) {
		[lo, hi] = [0, 1];
	}
	const range = hi - lo || Math.abs(hi) || 1;
	const [wantLo] = bounds(ch.bands[1].concat(ch.mean));
	const [, wantHi] = bounds(ch.bands[2].concat(ch.mean));
	lo = Math.max(Math.min(lo, wantLo), lo - range / 2) - 0.04 * range;
	hi = Math.min(Math.max(hi, wantHi), hi + range / 2) + 0.04 * range;
	const y = (v) => Math.min(Math.max(top + ((hi - v) / (hi - lo)) * main, -1e4), 1e4);

	svg.setAttribute("viewBox", `0 0 ${width} ${layout.height}`);
	svg.setAttribute(
		"aria-label",
		`${series.names[c]}: seen until ${short(series.times[rows - 1])}, forecast until ${short(t1)}, at the end ${short(ch.mean[ch.mean.length - 1])}`,
	);
	svg.replaceChildren();
	const box = add(add(svg, "defs", {}), "clipPath", { id: clip });
	add(box, "rect", { x: left, y: top, width: width - left - right, height: main });

	const cut = x(series.times[rows - 1]);
	const inside = { x: cut, width: Math.max(0, width - right - cut), class: "beyond" };
	add(svg, "rect", { ...inside, y: top, height: layout.bottom - top });
	for (const v of ticks(lo, hi, 4)) {
		add(svg, "line", { x1: left, x2: width - right, y1: y(v), y2: y(v), class: "grid" });
		add(svg, "text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, short(v));
	}
	for (const t of ticks(t0, t1, Math.max(2, Math.floor(width / 110)))) {
		add(svg, "text", { x: x(t), y: layout.bottom + 14, "text-anchor": "middle" }, short(t));
	}

	const plot = add(svg, "g", { "clip-path": `url(#${clip})` });
	add(plot, "path", { class: "band-95", d: band(times, ch.bands[0], ch.bands[3], x, y) });
	add(plot, "path", { class: "band-80", d: band(times, ch.bands[1], ch.bands[2], x, y) });
	const hiddenTimes = series.times.slice(rows);
	const hiddenValues = series.values[c].slice(rows);
	if (hiddenTimes.length <= 60) {
		add(plot, "path", { class: "dots hidden-rows", d: dots(hiddenTimes, hiddenValues, x, y) });
	}
	add(plot, "path", { class: "mean", d: line(times, ch.mean, x, y) });
	add(plot, "path", { class: "truth", d: line(hiddenTimes, hiddenValues, x, y) });
	add(plot, "path", { class: "dots", d: dots(series.times.slice(0, rows), series.values[c].slice(0, rows), x, y) });
	add(svg, "rect", { x: left, y: top, width: width - left - right, height: main, class: "frame" });

	// Residual: the data minus the mean.
	const at = answer.compared;
	const size = Math.max(...ch.residual.map((r) => Math.abs(r ?? 0)), 1e-300);
	const middle = layout.residualTop + layout.residual / 2;
	const ry = (r) => middle - (r / size) * (layout.residual / 2 - 2);
	add(svg, "line", { x1: left, x2: width - right, y1: middle, y2: middle, class: "zero" });
	const seenCount = at.filter((t) => t <= series.times[rows - 1]).length;
	add(svg, "path", { class: "residual fit", d: line(at.slice(0, seenCount), ch.residual.slice(0, seenCount), x, ry) });
	add(svg, "path", { class: "residual", d: line(at.slice(Math.max(0, seenCount - 1)), ch.residual.slice(Math.max(0, seenCount - 1)), x, ry) });
	label("residual", layout.residualTop, layout.residual, `±${short(size)}`);

	// The strongest mode of every window: its rate and its frequency.
	strip("rate", layout.rateTop, (m) => m.growth, true);
	strip("frequency", layout.frequencyTop, (m) => m.frequency, false);
	add(svg, "line", { x1: cut, x2: cut, y1: top, y2: layout.bottom, class: "cut" });

	function label(name, at, height, scale) {
		add(svg, "text", { x: left - 6, y: at + height / 2 - 1, "text-anchor": "end" }, name);
		add(svg, "text", { x: left - 6, y: at + height / 2 + 11, "text-anchor": "end" }, scale);
	}

	function strip(name, stripTop, value, signed) {
		const values = ch.windows.filter((w) => w.modes.length).map((w) => Math.abs(value(w.modes[0])));
		const most = Math.max(...values, 1e-300);
		const base = signed ? stripTop + layout.strip / 2 : stripTop + layout.strip;
		const room = signed ? layout.strip / 2 : layout.strip;
		add(svg, "line", { x1: left, x2: width - right, y1: base, y2: base, class: "zero" });
		for (const w of ch.windows) {
			if (!w.modes.length || w.end <= t0 || w.start >= t1) {
				continue;
			}
			const v = value(w.modes[0]);
			const h = Math.max((Math.abs(v) / most) * room, 0.5);
			const from = x(Math.max(w.start, t0));
			const bar = add(svg, "rect", {
				class: signed ? (v > 0 ? "growth" : "decay") : "frequency",
				x: from + 0.5,
				width: Math.max(x(Math.min(w.end, t1)) - from - 1, 0.5),
				y: signed && v < 0 ? base : base - h,
				height: h,
			});
			add(bar, "title", {}, `${short(w.start)} to ${short(w.end)}: ${name} ${short(v)}`);
		}
		label(name, stripTop, layout.strip, (signed ? "±" : "≤ ") + short(most));
	}
}

function drawModes() {
	if (!$("modes").open || !state.answer) {
		return;
	}
	const c = Math.max(0, $("channel").selectedIndex);
	$("rows").replaceChildren(
		...state.answer.channels[c].windows.map((w) => {
			const row = document.createElement("tr");
			const cell = (text, kind) => {
				const td = document.createElement("td");
				td.textContent = text;
				if (kind) {
					td.className = kind;
				}
				row.append(td);
			};
			cell(`${short(w.start)} … ${short(w.end)}`);
			cell(w.observed ? "observed" : "unseen", w.observed ? "" : "unseen");
			for (const k of [0, 1]) {
				const m = w.modes[k];
				cell(m ? short(m.amplitude) : "");
				cell(m ? (m.growth > 0 ? "+" : "") + short(m.growth) : "");
				cell(m ? (m.frequency ? short(m.frequency) : "none") : "");
			}
			return row;
		}),
	);
}

// ---- controls ----

$("seen").addEventListener("input", refresh);
$("ahead").addEventListener("input", refresh);
$("channel").addEventListener("change", drawModes);
$("modes").addEventListener("toggle", drawModes);
new ResizeObserver(draw).observe($("panels"));

for (const radio of document.querySelectorAll("input[name=source]")) {
	radio.addEventListener("change", () => showSource(radio.value));
}

function showSource(name) {
	for (const radio of document.querySelectorAll("input[name=source]")) {
		radio.checked = radio.value === name;
	}
	for (const box of document.querySelectorAll(".source")) {
		box.hidden = box.dataset.source !== name;
	}
	if (name === "example") {
		openExample();
	}
	if (name === "draw") {
		drawPad();
	}
}

let examples = [];
let wishes = 0; // counts what was asked for: only the last may load

async function openExample() {
	const example = examples[$("example").selectedIndex];
	if (!example) {
		return;
	}
	const mine = ++wishes;
	let text;
	try {
		const response = await fetch(example.file);
		if (!response.ok) {
			throw new Error(`${response.status} ${response.statusText}`);
		}
		text = await response.text();
	} catch (err) {
		fail(`${example.file}: ${err.message}`);
		return;
	}
	if (mine === wishes) {
		load(text, example.file, example.title, example.seen, 0);
	}
}

$("example").addEventListener("change", openExample);

async function openFile(file) {
	if (file.size > maxFile) {
		fail(`${file.name} is longer than ${maxFile >> 20} MiB; use the command for files of this size`);
		return;
	}
	const mine = ++wishes;
	let text;
	try {
		text = await file.text();
	} catch (err) {
		fail(`${file.name} cannot be read: ${err.message}`);
		return;
	}
	if (mine === wishes) {
		load(text, file.name, file.name, 0.6, 0.25);
	}
}

$("file").addEventListener("change", () => {
	if ($("file").files.length) {
		openFile($("file").files[0]);
	}
});
$("use").addEventListener("click", () => {
	wishes++;
	load($("text").value, "pasted text", "Pasted text", 0.6, 0.25);
});

document.addEventListener("dragover", (event) => {
	event.preventDefault();
	document.body.classList.add("drop");
});
document.addEventListener("dragleave", () => document.body.classList.remove("drop"));
document.addEventListener("drop", (event) => {
	event.preventDefault();
	document.body.classList.remove("drop");
	if (event.dataTransfer.files.length) {
		showSource("csv");
		openFile(event.dataTransfer.files[0]);
	}
});

$("save").addEventListener("click", async () => {
	const answer = await ask("save", Number($("seen").value), Number($("ahead").value) / 100);
	if (answer.error) {
		fail(answer.error);
		return;
	}
	const link = document.createElement("a");
	link.download = "forecast.csv";
	link.href = URL.createObjectURL(new Blob([answer.text], { type: "text/csv" }));
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});

// ---- drawing a curve ----

const pad = $("pad");
let stroke = []; // points [x, y] in 0..1, x rising
const drawnRows = 121;
const drawnSpan = 10;

function drawPad() {
	const pen = pad.getContext("2d");
	pen.clearRect(0, 0, pad.width, pad.height);
	pen.strokeStyle = getComputedStyle(pad).color;
	pen.lineWidth = 4;
	pen.lineJoin = "round";
	pen.beginPath();
	for (const [u, v] of stroke) {
		pen.lineTo(u * pad.width, v * pad.height);
	}
	pen.stroke();
}

function penAt(event) {
	const box = pad.getBoundingClientRect();
	const limit = (v) => Math.min(Math.max(v, 0), 1);
	return [limit((event.clientX - box.left) / box.width), limit((event.clientY - box.top) / box.height)];
}

pad.addEventListener("pointerdown", (event) => {
	pad.setPointerCapture(event.pointerId);
	stroke = [penAt(event)];
	drawPad();
});

pad.addEventListener("pointermove", (event) => {
	if (!(event.buttons & 1) || !stroke.length) {
		return;
	}
	for (const e of event.getCoalescedEvents().length ? event.getCoalescedEvents() : [event]) {
		const point = penAt(e);
		// Going back takes away what lies ahead.
		while (stroke.length && stroke[stroke.length - 1][0] >= point[0]) {
			stroke.pop();
		}
		stroke.push(point);
	}
	drawPad();
});

pad.addEventListener("pointerup", () => {
	if (stroke.length < 3 || stroke[stroke.length - 1][0] - stroke[0][0] < 0.05) {
		fail("The curve is too short; draw from left to right");
		return;
	}
	const first = stroke[0][0];
	const width = stroke[stroke.length - 1][0] - first;
	let text = "t,curve\n";
	let k = 0;
	for (let i = 0; i < drawnRows; i++) {
		const u = first + (width * i) / (drawnRows - 1);
		while (k + 2 < stroke.length && stroke[k + 1][0] < u) {
			k++;
		}
		const [[ua, va], [ub, vb]] = [stroke[k], stroke[k + 1]];
		const v = va + ((vb - va) * (u - ua)) / (ub - ua);
		text += `${(drawnSpan * i) / (drawnRows - 1)},${1 - 2 * v}\n`;
	}
	wishes++;
	load(text, "drawn curve", "Drawn curve", 0.6, 0.25);
});

$("clear").addEventListener("click", () => {
	stroke = [];
	drawPad();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawPad);

// ---- start ----

async function start() {
	const response = await fetch("examples/list.json").catch((err) => ({ ok: false, statusText: err.message }));
	if (!response.ok) {
		fail(`examples/list.json: ${response.status || ""} ${response.statusText}`);
		return;
	}
	examples = await response.json();
	$("example").replaceChildren(...examples.map((e) => new Option(e.title, e.file)));
	openExample();
	const parameters = await ready;
	$("status").textContent = `The model has ${parameters.toLocaleString("en")} parameters.`;
}

start();
