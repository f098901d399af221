/** What an admin decides of an agent while its certificate is being signed holds afterwards. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { type Clock, MeshError, silentLog, systemClock } from "../../core/index.ts";
import {
	type Authority,
	createSigningRequest,
	formatSigningRequest,
	type IssuedSvid,
	type SignRequest,
} from "../../identity/index.ts";
import { type AttestedAgent, parseSpiffeId, type RegistrationEntry } from "../../model/index.ts";
import { createIdentityRegistry, openSqliteStore } from "../../registry/index.ts";
import { createAgentEndpoints } from "./agent-endpoints.ts";
import { createJoinTokenAttestor } from "./join-token.ts";

const spiffeId = parseSpiffeId("spiffe://cluster.local/amime/agent/x509pop/one");
const agent: AttestedAgent = {
	spiffeId,
	attestor: "x509pop",
	selectors: [],
	serial: "01",
	expiresAt: 0,
	attestedAt: 0,
	isBanned: false,
};

function createCsr(): string {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	return formatSigningRequest(createSigningRequest(privateKey, {}));
}

/** Endpoints whose authority signs when the test lets it, and calls back before. */
async function setUp(t: TestContext, clock: Clock = systemClock) {
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"));
	const identity = await createIdentityRegistry(store);
	let whileSigning = async (): Promise<unknown> => undefined;
	let whileReporting = async (): Promise<unknown> => undefined;
	let serial = 1;
	const authority: Partial<Authority> = {
		trustDomain: "cluster.local",
		onChange: () => () => undefined,
		status: () => ({ roots: [] }) as unknown as ReturnType<Authority["status"]>,
		sequence: () => 1,
		jwtKeys: () => [],
		federatedBundles: () => [],
		bundle: () => ({ trustDomain: "cluster.local", authorities: [], pem: "" }),
		async sign({ spiffeId: id }: SignRequest) {
			await whileSigning();
			return { spiffeId: id, chain: "", serial: `0${++serial}`, notAfter: 0, root: "r" } as unknown as IssuedSvid;
		},
	};
	const attested = { agentPath: "x509pop/one", selectors: [] };
	const tokens = createJoinTokenAttestor(identity.secrets);
	const endpoints = createAgentEndpoints({
		identity,
		authority: authority as Authority,
		attestors: [{ name: "x509pop", attest: async () => attested }, tokens],
		svidTtlMs: () => 60_000,
		onSigned: () => undefined,
		holders: {
			onSigned: async () => undefined,
			onShown: async () => undefined,
			onReport: async () => void (await whileReporting()),
			onProxies: async () => undefined,
			count: () => 0,
		},
		clock,
		log: silentLog,
	});
	t.after(async () => {
		endpoints.close();
		identity.close();
		await store.close();
	});
	await identity.agents.put(spiffeId, agent);
	const csr = createCsr();
	return {
		identity,
		ask(path: string, shown = "01", more: object = {}, search = "") {
			const body = JSON.stringify({ attestor: "x509pop", csr, proxies: [], ...more });
			const query = new URLSearchParams(search);
			return endpoints.routes.get(path)!({ peer: spiffeId, serial: shown, query, body });
		},
		whileReporting: (action: () => Promise<unknown>) => {
			whileReporting = action;
		},
		whileSigning: (action: () => Promise<unknown>) => {
			whileSigning = action;
		},
	};
}

for (const path of ["POST /v1/agent/renew", "POST /v1/agent/attest"]) {
	test(`an agent that is banned while '${path}' is signed stays banned`, async (t) => {
		const { identity, ask, whileSigning } = await setUp(t);
		whileSigning(() => identity.agents.put(spiffeId, { ...agent, isBanned: true }));
		await assert.rejects(ask(path), { code: "AGENT_BANNED" });
		assert.equal(identity.agents.get(spiffeId)?.isBanned, true);
		await assert.rejects(ask(path), { code: "AGENT_BANNED" });
	});
}

for (const code of ["SIGNING_BUSY", "KEY_PLUGIN_UNAVAILABLE", "STORE_UNAVAILABLE"])
	test(`a join token is good still when nothing could be signed for it: ${code}`, async (t) => {
		const { identity, ask, whileSigning } = await setUp(t);
		const token = await identity.secrets.issue("join-token", { agentPath: "join_token/two" }, 60_000);
		const attest = (more: object = {}) => ask("POST /v1/agent/attest", "", { attestor: "join_token", token, ...more });
		whileSigning(() => Promise.reject(new MeshError(code, "not now")));
		await assert.rejects(attest(), { code });
		assert.equal(identity.agents.list().length, 1);
		whileSigning(async () => undefined);
		await attest();
		assert.equal(identity.agents.list().length, 2);
		await assert.rejects(attest({ csr: createCsr() }), { code: "ATTESTATION_REFUSED" });
	});

test("a join token that another uses while its certificate is signed makes no second node", async (t) => {
	const { identity, ask, whileSigning } = await setUp(t);
	const token = await identity.secrets.issue("join-token", { agentPath: "join_token/two" }, 60_000);
	whileSigning(() => identity.secrets.redeem("join-token", token));
	await assert.rejects(ask("POST /v1/agent/attest", "", { attestor: "join_token", token }), {
		code: "ATTESTATION_REFUSED",
	});
	assert.equal(identity.agents.list().length, 1);
});

test("a join token whose answer was lost changes nothing for a node that has shown another answer to it", async (t) => {
	const { identity, ask, whileSigning } = await setUp(t);
	const token = await identity.secrets.issue("join-token", { agentPath: "x509pop/one" }, 60_000);
	await identity.agents.remove(spiffeId);
	const attest = () => ask("POST /v1/agent/attest", "", { attestor: "join_token", token });
	let isSecond = false;
	whileSigning(async () => {
		if (isSecond) return;
		isSecond = true;
		await attest();
		await ask("POST /v1/agent/proxies", identity.agents.get(spiffeId)!.serial);
	});
	await assert.rejects(attest(), { code: "ATTESTATION_REFUSED" });
	await ask("POST /v1/agent/proxies", identity.agents.get(spiffeId)!.serial);
});

test("an agent that is evicted while its renewal is signed stays evicted", async (t) => {
	const { identity, ask, whileSigning } = await setUp(t);
	whileSigning(() => identity.agents.remove(spiffeId));
	await assert.rejects(ask("POST /v1/agent/renew"), { code: "AGENT_UNKNOWN" });
	assert.equal(identity.agents.get(spiffeId), undefined);
});

test("calls that show a new certificate at the same time are all served, and older ones are refused then", async (t) => {
	const { identity, ask } = await setUp(t);
	await ask("POST /v1/agent/renew");
	await Promise.all(Array.from({ length: 20 }, () => ask("POST /v1/agent/proxies", "02")));
	const known = identity.agents.get(spiffeId)!;
	assert.deepEqual([known.serial, known.previous?.serial], ["02", "01"]);
	await assert.rejects(ask("POST /v1/agent/renew", "00"), { code: "AGENT_REPLAYED" });
});

test("an entry that is made while an agent's report is written down is told at once", async (t) => {
	// It stands still: whoever waits is woken by a change alone.
	const clock = createFakeClock();
	const { identity, ask, whileReporting } = await setUp(t, clock);
	type Answer = { readonly revision: string; readonly entries: readonly { readonly id: string }[] };
	const follow = (after: string): Promise<Answer> =>
		ask("GET /v1/agent/entries", "01", {}, `after=${after}&wait=30`) as Promise<Answer>;
	const { revision } = await follow("");
	const entry = {
		id: "web",
		spiffeId,
		parentId: spiffeId,
		selectors: [],
		createdAt: 0,
	} as unknown as RegistrationEntry;
	whileReporting(() => identity.entries.create(entry));
	const { entries } = await follow(revision);
	assert.deepEqual(
		entries.map(({ id }) => id),
		["web"],
	);
});
