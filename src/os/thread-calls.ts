import { Worker } from "node:worker_threads";
import type { NativeCalls } from "./native.ts";

/** The names of the calls, by number in the shared memory. */
const names = ["getsockopt", "setsockopt", "socket", "bind", "listen", "close", "dup", "syscall"] as const;

// Shared words: what the thread waits for, what the caller waits for, call, result, three or four arguments, length of the bytes.
const asked = 0;
const answered = 1;
const call = 2;
const result = 3;
const argument = 4;
const byteCount = 8;
const headerWords = 9;
const maxBytes = 512;
/** Starting a thread takes some ten milliseconds; a call takes a few microseconds. */
const patienceMs = 10_000;
const unavailable = -2;

/** Native calls made by a thread that has the interface, one at a time; the caller waits for each.
 *  @returns undefined when this Node has no such interface */
export function createThreadCalls(): NativeCalls | undefined {
	const memory = new SharedArrayBuffer(headerWords * 4 + maxBytes);
	const words = new Int32Array(memory, 0, headerWords);
	const bytes = new Uint8Array(memory, headerWords * 4);
	const thread = new Worker(new URL("./call-thread.ts", import.meta.url), {
		workerData: memory,
		execArgv: ["--experimental-ffi"],
		// Nobody wants to read that the interface is experimental.
		stderr: true,
	});
	thread.unref();
	thread.on("error", () => undefined);

	function ask(name: (typeof names)[number], numbers: readonly number[], value?: Uint8Array): number {
		Atomics.store(words, call, names.indexOf(name));
		for (const [index, number] of numbers.entries()) Atomics.store(words, argument + index, number);
		Atomics.store(words, byteCount, value?.length ?? 0);
		if (value !== undefined) bytes.set(value);
		const before = Atomics.load(words, answered);
		Atomics.add(words, asked, 1);
		Atomics.notify(words, asked);
		if (Atomics.wait(words, answered, before, patienceMs) === "timed-out") return unavailable;
		if (value !== undefined) value.set(bytes.subarray(0, value.length));
		return Atomics.load(words, result);
	}

	// The first call tells whether the thread could open the library.
	if (ask("close", [-1]) === unavailable) return undefined;
	return {
		getsockopt: (descriptor, level, name, value) => ask("getsockopt", [descriptor, level, name], value),
		setsockopt: (descriptor, level, name, value) => ask("setsockopt", [descriptor, level, name], value),
		socket: (domain, type, protocol) => ask("socket", [domain, type, protocol]),
		bind: (descriptor, address) => ask("bind", [descriptor], address),
		listen: (descriptor, backlog) => ask("listen", [descriptor, backlog]),
		close: (descriptor) => ask("close", [descriptor]),
		dup: (descriptor) => ask("dup", [descriptor]),
		syscall: (number, first, second, third) => ask("syscall", [number, first, second, third]),
	};
}

/** The thread's side: answers calls until the process ends. */
export function answerCalls(memory: SharedArrayBuffer, native: NativeCalls | undefined): never {
	const words = new Int32Array(memory, 0, headerWords);
	const bytes = new Uint8Array(memory, headerWords * 4);
	let seen = 0;
	for (;;) {
		Atomics.wait(words, asked, seen);
		seen = Atomics.load(words, asked);
		// The library takes no view of shared memory.
		const value = new Uint8Array(Atomics.load(words, byteCount));
		value.set(bytes.subarray(0, value.length));
		Atomics.store(words, result, native === undefined ? unavailable : answerCall(native, words, value));
		bytes.set(value);
		Atomics.add(words, answered, 1);
		Atomics.notify(words, answered);
	}
}

function answerCall(native: NativeCalls, words: Int32Array, value: Uint8Array): number {
	const [first, second, third, fourth] = words.subarray(argument, argument + 4) as unknown as [
		number,
		number,
		number,
		number,
	];
	switch (names[Atomics.load(words, call)]) {
		case "getsockopt":
			return native.getsockopt(first, second, third, value);
		case "setsockopt":
			return native.setsockopt(first, second, third, value);
		case "socket":
			return native.socket(first, second, third);
		case "bind":
			return native.bind(first, value);
		case "listen":
			return native.listen(first, second);
		case "close":
			return native.close(first);
		case "dup":
			return native.dup(first);
		case "syscall":
			return native.syscall(first, second, third, fourth);
		default:
			return unavailable;
	}
}
