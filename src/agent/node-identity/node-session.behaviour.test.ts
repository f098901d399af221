/** What ends the start of an agent, and what it only waits for. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createTestPki } from "../../../test/support/pki.ts";
import { createSeededRandom, MeshError, silentLog } from "../../core/index.ts";
import type { AgentClient } from "./agent-client.ts";
import { createNodeSession } from "./node-session.ts";

/** A session whose control plane refuses the first attestation by the code. */
function setUp(t: TestContext, code: string) {
	const clock = createFakeClock();
	const pki = createTestPki();
	const id = "spiffe://cluster.local/amime/agent/join_token/one";
	const { certificateChainPem } = pki.issue(id);
	let attempts = 0;
	const state = { revision: "1", activeRoot: "", entries: [], federated: [], bundle: { pem: pki.bundlePem } };
	const client: AgentClient = {
		async request(_method, path) {
			if (path === "/v1/agent/attest") {
				if (++attempts === 1) throw new MeshError(code, "not now");
				return { spiffeId: id, chain: certificateChainPem, bundle: pki.bundlePem };
			}
			if (path.startsWith("/v1/agent/entries?after=&")) return state;
			return new Promise(() => undefined);
		},
		useSvid: () => undefined,
		useBundle: () => undefined,
		firstBundle: pki.bundlePem,
		close: () => undefined,
	};
	const session = createNodeSession({
		client,
		evidence: { kind: "join_token", token: "token" },
		clock,
		random: createSeededRandom(1),
		log: silentLog,
	});
	t.after(() => session.close());
	return { session, clock, id, attempts: () => attempts };
}

for (const code of ["CONTROL_PLANE_UNREACHABLE", "SIGNING_BUSY", "STORE_UNAVAILABLE", "KEY_PLUGIN_UNAVAILABLE"])
	test(`an agent that starts asks again after ${code}`, async (t) => {
		const { session, clock, id, attempts } = setUp(t, code);
		const started = session.start();
		await clock.advanceAsync(60_000);
		await started;
		assert.equal(session.spiffeId(), id);
		assert.equal(attempts(), 2);
	});

test("an agent that starts ends by a refusal", async (t) => {
	const { session, attempts } = setUp(t, "ATTESTATION_REFUSED");
	await assert.rejects(session.start(), { code: "ATTESTATION_REFUSED" });
	assert.equal(attempts(), 1);
});
