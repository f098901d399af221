import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderList } from "../../../core/index.ts";
import type { BodyChunk, BodyVerdict, HeadVerdict, HttpFilter, TrailersVerdict } from "./filter.ts";
import { MessagePath } from "./filter-path.ts";

/** A path whose end writes down what comes out. */
class RecordedPath extends MessagePath {
	readonly out: string[] = [];
	isEnded = false;

	constructor(filters: readonly Partial<HttpFilter>[], limitBytes = 1000) {
		const whole = filters.map((filter, index) => ({ name: `f${index}`, disabled: false, ...filter, index }));
		super(
			whole,
			filters.some((filter) => (filter.onRequestBody ?? filter.onRequestTrailers) !== undefined),
			limitBytes,
		);
	}

	pause(): void {
		this.out.push("pause");
	}

	resume(): void {
		this.out.push("resume");
	}

	protected get isCut(): boolean {
		return this.isEnded;
	}

	protected callHead(filter: HttpFilter, endStream: boolean): HeadVerdict | undefined {
		return filter.onRequestHead?.(undefined as never, endStream);
	}

	protected seesBody(filter: HttpFilter): boolean {
		return filter.onRequestBody !== undefined;
	}

	protected seesTrailers(filter: HttpFilter): boolean {
		return filter.onRequestTrailers !== undefined;
	}

	protected callBody(filter: HttpFilter, chunk: BodyChunk, last: boolean): BodyVerdict {
		return filter.onRequestBody!(undefined as never, chunk, last);
	}

	protected callTrailers(filter: HttpFilter, trailers: HeaderList): TrailersVerdict {
		return filter.onRequestTrailers!(undefined as never, trailers);
	}

	protected emitHead(endStream: boolean): void {
		this.out.push(endStream ? "head, end" : "head");
	}

	protected emitBody(view: Buffer, last: boolean): void {
		this.out.push(`${view.toString()}${last ? ", end" : ""}`);
	}

	protected emitTrailers(trailers: HeaderList): void {
		this.out.push(`trailers ${trailers.join("=")}`);
	}

	protected onHeadStopped(): void {
		this.out.push("stopped");
	}

	protected onOverflow(): void {
		this.isEnded = true;
		this.out.push("too much");
	}

	protected onContinued(): void {
		// Nothing is held back for coalescing here.
	}
}

const bytes = (text: string): Buffer => Buffer.from(text);

test("without hooks everything passes as it comes", () => {
	const path = new RecordedPath([{ onRequestHead: () => "continue" }]);
	path.start(false);
	path.push(bytes("a"), false, true);
	path.pushTrailers(["x", "1"]);
	assert.deepEqual(path.out, ["head", "a", "trailers x=1"]);
});

test("a head that stops holds the body until it goes on, and the filter sees the body then", () => {
	const seen: string[] = [];
	const path = new RecordedPath([
		{
			onRequestHead: () => "stop",
			onRequestBody: (_stream, chunk, last) => {
				seen.push(`${chunk.bytes.toString()}${last}`);
				return "continue";
			},
		},
	]);
	path.start(false);
	path.push(bytes("a"), false, true);
	path.push(bytes("b"), true, true);
	assert.deepEqual([seen, path.out], [[], ["stopped"]]);
	path.continue(0);
	assert.deepEqual([seen, path.out], [["abtrue"], ["stopped", "head", "ab, end"]]);
});

test("a held body is let go behind its head, and may be replaced", () => {
	const path = new RecordedPath([
		{ onRequestHead: () => "stop-head", onRequestBody: (_stream, _chunk, last) => (last ? "continue" : "buffer") },
	]);
	path.start(false);
	path.push(bytes("a"), false, true);
	path.replaceHeld(0, bytes("x"));
	path.push(bytes("b"), true, true);
	assert.deepEqual(path.out, ["stopped", "head", "xb, end"]);
});

test("more than the limit is too much for a buffer, and a reason to wait for the rest", () => {
	const buffering = new RecordedPath([{ onRequestBody: () => "buffer" }], 3);
	buffering.start(false);
	buffering.push(bytes("abcd"), false, true);
	assert.deepEqual(buffering.out, ["head", "too much"]);
	const waiting = new RecordedPath([{ onRequestHead: () => "stop" }], 3);
	waiting.start(false);
	waiting.push(bytes("abcd"), false, true);
	waiting.continue(0);
	assert.deepEqual(waiting.out, ["stopped", "pause", "head", "abcd", "resume"]);
});

test("a filter takes pieces and adds others behind itself", () => {
	const path: RecordedPath = new RecordedPath([
		{
			onRequestBody: (_stream, chunk, last) => {
				path.add(0, bytes(chunk.bytes.toString().toUpperCase()), last);
				return "taken";
			},
		},
		{ onRequestBody: () => "continue" },
	]);
	path.start(false);
	path.push(bytes("a"), false, false);
	path.push(bytes("b"), true, false);
	assert.deepEqual(path.out, ["head", "A", "B, end"]);
});

test("a body added to a message without one follows its head", () => {
	const path: RecordedPath = new RecordedPath([
		{
			onRequestHead: () => {
				path.add(0, bytes("added"), true);
				return "continue";
			},
		},
	]);
	path.start(true);
	assert.deepEqual(path.out, ["head", "added, end"]);
});

test("trailers that a filter adds take the place of the end", () => {
	const path: RecordedPath = new RecordedPath([
		{
			onRequestBody: (_stream, _chunk, last) => {
				if (last) path.addTrailers(0, ["t", "1"]);
				return "continue";
			},
		},
	]);
	path.start(false);
	path.push(bytes("a"), true, true);
	assert.deepEqual(path.out, ["head", "a", "trailers t=1"]);
});

test("trailers wait behind what is held", () => {
	const path = new RecordedPath([{ onRequestBody: () => "buffer", onRequestTrailers: () => "stop" }]);
	path.start(false);
	path.push(bytes("a"), false, true);
	path.pushTrailers(["t", "1"]);
	assert.deepEqual(path.out, ["head"]);
	path.continue(0);
	assert.deepEqual(path.out, ["head", "a", "trailers t=1"]);
});

test("two filters wait one after the other", () => {
	const path = new RecordedPath([{ onRequestHead: () => "stop" }, { onRequestHead: () => "stop" }]);
	path.start(false);
	path.push(bytes("a"), true, true);
	path.continue(0);
	assert.deepEqual(path.out, ["stopped", "stopped"]);
	path.continue(1);
	assert.deepEqual(path.out, ["stopped", "stopped", "head", "a, end"]);
});

test("an empty end that came meanwhile makes the head the whole message", () => {
	const path = new RecordedPath([{ onRequestHead: () => "stop" }]);
	path.start(false);
	path.push(bytes(""), true, true);
	path.continue(0);
	assert.deepEqual(path.out, ["stopped", "head, end"]);
});
