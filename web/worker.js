// Runs the engine beside the page, so that the page never waits for it.
"use strict";

importScripts("wasm_exec.js");

self.lassodeReady = (parameters) => postMessage({ ready: true, parameters });

self.onmessage = ({ data: { id, call, args } }) => {
	let answer;
	try {
		answer = JSON.parse(self.lassode[call](...args));
	} catch (err) {
		answer = { error: "the engine stopped: " + err.message + "; reload the page" };
	}
	postMessage({ id, answer });
};

async function start() {
	const go = new Go();
	const response = await fetch("lassode.wasm");
	if (!response.ok) {
		throw new Error("lassode.wasm: " + response.status + " " + response.statusText);
	}
	// Streaming needs the right type, which not every file server sends.
	const streamed = (response.headers.get("Content-Type") || "").startsWith("application/wasm");
	const { instance } = streamed
		? await WebAssembly.instantiateStreaming(response, go.importObject)
		: await WebAssembly.instantiate(await response.arrayBuffer(), go.importObject);
	await go.run(instance);
	throw new Error("the engine ended");
}

start().catch((err) => postMessage({ fatal: err.message }));
