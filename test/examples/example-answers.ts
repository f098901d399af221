/** How the checks of examples ask, and what they wait for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { ExampleCall, RunningExamples } from "../support/running-examples.ts";

export type Check = (running: RunningExamples, t: TestContext, example: string) => Promise<void>;

export const patient = { deadlineMs: 60_000 };

/** Waits for an answer of 200 whose body says so. */
export function answers(
	running: RunningExamples,
	example: string,
	url: string,
	body: RegExp,
	options: ExampleCall = {},
) {
	return eventually(async () => {
		const answer = await running.call(example, url, options);
		assert.equal(answer.status, 200, answer.body);
		assert.match(answer.body, body);
		return answer;
	}, patient);
}

/** How often each version answered. */
export async function countVersions(running: RunningExamples, example: string, url: string, times: number) {
	const counts: Record<string, number> = {};
	for (let count = 0; count < times; count++) {
		const { body } = await running.call(example, url);
		const version = /"version":"(v\d)"/.exec(body)?.[1] ?? body;
		counts[version] = (counts[version] ?? 0) + 1;
	}
	return counts;
}

/** One of the two tokens of the example `jwt`. */
export function readToken(name: string): string {
	return readExample("jwt", `${name}.token`).trim();
}

/** A file of an example. */
export function readExample(example: string, file: string): string {
	return readFileSync(join(resolve(import.meta.dirname, "../../examples"), example, file), "utf8");
}
