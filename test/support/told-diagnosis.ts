/** What is said of a failed request, as tests compare it. */
import assert from "node:assert/strict";
import { diagnose, type KnownMesh, type Prediction } from "../../src/control/failed-requests/diagnosis/index.ts";
import { parseFailedRequest } from "../../src/control/failed-requests/told-failure.ts";

/** Explains a line of the proxy `namespace/name`. */
export function tellDiagnosis(mesh: KnownMesh, proxy: string, line: object, prediction: Prediction | undefined) {
	const failure = parseFailedRequest(JSON.stringify(line));
	assert.ok(failure);
	const { fault, explanation, fix, objects } = diagnose({ failure: { ...failure, proxy }, mesh, prediction });
	const named = objects.map(({ kind, name, path }) => `${kind} ${name} ${path}`.trim());
	return { told: { fault, why: explanation.join("; "), fix: fix ?? "", named }, objects };
}
