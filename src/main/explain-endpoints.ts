import type { Endpoint, Predict, ServedMesh } from "../control/index.ts";
import { systemClock } from "../core/index.ts";

const maxBodyBytes = 16 * 1024 * 1024;

/** What `amime explain`, `verify` and `diff` ask a running control plane. The evaluator is loaded with the first question: it brings the data
 *  plane's translation along. */
export function createExplainEndpoints(served: ServedMesh): Endpoint[] {
	return [
		{
			method: "POST",
			path: "/v1/explain",
			role: "viewer",
			maxBodyBytes,
			answer: async ({ body }) => (await load()).answerExplain(served, body, systemClock.wall() / 1000),
		},
		{
			method: "POST",
			path: "/v1/diff",
			role: "viewer",
			maxBodyBytes,
			answer: async ({ body }) => (await load()).answerDiff(served, body),
		},
	];
}

/** What `amime why` asks the evaluator about a request that no route took. */
export function createPredict(served: ServedMesh): Predict {
	return async (call) => (await load()).predict(served, call, systemClock.wall() / 1000);
}

function load() {
	return import("../explain/index.ts");
}
