import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createLog, createSeededRandom, MeshError } from "../../core/index.ts";
import type { WorkloadInstance } from "../../model/index.ts";
import type { ControlClient } from "../control-client/index.ts";
import { createRegistration } from "./registration.ts";

const record = { namespace: "shop", name: "web-0" } as WorkloadInstance;

/** What is told when the registry answers so. */
async function tell(code: string): Promise<string[]> {
	const lines: string[] = [];
	const refused = Promise.withResolvers<void>();
	const client = {
		request: () => {
			refused.resolve();
			return Promise.reject(new MeshError(code, "instance shop/web-0: upstreams[0]: no"));
		},
	} as unknown as ControlClient;
	const registration = createRegistration({
		client,
		record,
		clock: createFakeClock(),
		random: createSeededRandom(1),
		log: createLog({ level: "info", write: (line) => lines.push(line) }),
		onRegistered: () => assert.fail("nothing was accepted"),
	});
	await refused.promise;
	await new Promise((done) => setImmediate(done));
	registration.close();
	return lines;
}

test("an instance that the registry refuses is told with the reason; that the control plane is away is not told of each", async () => {
	const [line, ...more] = await tell("INSTANCE_INVALID");
	assert.match(line!, /warn.*web-0.*upstreams\[0\]: no/);
	assert.deepEqual(more, []);
	assert.deepEqual(await tell("CONTROL_PLANE_UNREACHABLE"), []);
});
