/** The proxy's configuration followed from our own server and from files, with targets that write down what reaches them. */
import assert from "node:assert/strict";
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JsonValue } from "@bufbuild/protobuf";
import {
	createRecordingTargets,
	makeBootstrapConfig,
	makeStaticCluster,
	plainTranslators,
	type RecordingTargets,
} from "../../../test/support/config-targets.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { type ManagementServer, startManagementServer } from "../../../test/support/management-server.ts";
import { createTestPki, type TestCertificate } from "../../../test/support/pki.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { makeAssignment, makeCluster, makeListener, makeRoutes } from "../../../test/support/xds-resources.ts";
import { type Clock, createSeededRandom, MeshError, silentLog, systemClock } from "../../core/index.ts";
import { createMetricsRegistry } from "../../telemetry/index.ts";
import { clusterType, endpointType, listenerType, routeType, secretType } from "../../xds/client/index.ts";
import { createFileWatcher } from "../file-watcher/index.ts";
import { type BootstrapConfig, plainName } from "../runtime-config/index.ts";
import { createSecretStore, type SecretStore } from "../secret/index.ts";
import { type ConfigSource, createConfigSource } from "./config-source.ts";

const shop = {
	clusters: [makeCluster("a"), makeCluster("empty")],
	assignments: [makeAssignment("a", [1, 2]), makeAssignment("empty", [])],
	listeners: [makeListener("entry", "routes")],
	routes: [makeRoutes("routes", "a")],
};

for (const delta of [true, false]) {
	const form = delta ? "delta" : "state of the world";

	test(`${form}: a start ends when clusters have endpoints and listeners their routes, in that order`, async (t) => {
		const management = await startManagementServer(t, shop);
		const { source, statOf, targets } = openSource(t, makeBootstrapConfig(management.port, {}, delta));
		await source.start();
		assert.deepEqual(targets.events, [
			"cluster xds: no assignment",
			"cluster a: 2 endpoints",
			"cluster empty: 0 endpoints",
			"routes routes",
			"listener entry",
		]);
		await eventually(() => assertSynced(management));
		assert.equal(statOf("cluster_manager.cds.update_success"), 1);
		assert.equal(statOf("cluster_manager.warming_clusters"), 0);
		assert.equal(statOf("listener_manager.lds.update_success"), 1);
		assert.equal(statOf("http.entry.rds.routes.config_reload"), 1);
		assert.equal(statOf("control_plane.connected_state"), 1);

		targets.events.length = 0;
		management.set({ assignments: [makeAssignment("a", [1]), makeAssignment("empty", [])] });
		await eventually(() => assert.deepEqual(targets.events, ["assignment a: 1 endpoints"]));

		// A changed cluster is warm with the endpoints known; a new one waits for its own.
		targets.events.length = 0;
		management.set({
			clusters: [makeCluster("a", { connect_timeout: "1s" }), makeCluster("b")],
			assignments: [makeAssignment("a", [1]), makeAssignment("b", [3])],
			routes: [makeRoutes("routes", "b")],
		});
		await eventually(() =>
			assert.deepEqual(targets.events, [
				"cluster a: 1 endpoints",
				"cluster b: 1 endpoints",
				"routes routes",
				"clusters removed: empty",
			]),
		);
		await eventually(() => assertSynced(management));
	});

	test(`${form}: what is bad is refused by name and path, what is good is put to use`, async (t) => {
		const management = await startManagementServer(t, {
			...shop,
			clusters: [makeCluster("a"), makeCluster("b", { connect_timeout: "-1s" })],
			listeners: [
				makeListener("entry", "routes"),
				makeListener("bad listener", "routes"),
				makeListener("taken", "routes"),
			],
		});
		const { source, targets } = openSource(t, makeBootstrapConfig(management.port, {}, delta));
		targets.unbindable.add("taken");
		await source.start();
		assert.deepEqual(
			targets.events.filter((event) => event.startsWith("listener")),
			["listener entry"],
		);
		await eventually(() => {
			assert.equal(management.status(clusterType)?.reason, "b: connect_timeout: must be positive");
			assert.equal(management.status(listenerType)?.state, "NACKED");
			assert.match(management.status(listenerType)?.reason ?? "", /bad listener: name: is bad/);
		});
		const refused = source.describe().refused.map(({ name, problem }) => `${name}: ${problem}`);
		assert.deepEqual(refused.sort(), [
			"b: connect_timeout: must be positive",
			"bad listener: name: is bad",
			"taken: address in use",
		]);
	});
}

test("a listener waits for its routes until its time limit, then goes on without", async (t) => {
	const management = await startManagementServer(t, { ...shop, routes: [] }, {});
	const clock = createFakeClock();
	const { source, targets } = openSource(t, makeBootstrapConfig(management.port, {}, false), { clock });
	const started = source.start();
	await eventually(() => assert.deepEqual(source.describe().warmingListeners, ["entry"]));
	await clock.advanceAsync(14_000);
	assert.ok(!targets.events.includes("listener entry"));
	await clock.advanceAsync(1_500);
	await started;
	assert.ok(targets.events.includes("listener entry"));
});

test("without an answer a start goes on after the time limits", async (t) => {
	const clock = createFakeClock();
	const { source, targets } = openSource(t, makeBootstrapConfig(1), { clock });
	const started = source.start();
	let live = false;
	void started.then(() => {
		live = true;
	});
	await clock.advanceAsync(15_000);
	assert.equal(live, false);
	await clock.advanceAsync(15_000);
	await started;
	assert.deepEqual(targets.events, ["cluster xds: no assignment"]);
});

test("the last good configuration serves a start without a server, which then has its say", async (t) => {
	const stateFolder = join(makeTemporaryFolder(t), "last-good");
	const management = await startManagementServer(t, shop);
	const first = openSource(t, makeBootstrapConfig(management.port), { stateFolder });
	await first.source.start();
	await eventually(() => assertSynced(management));
	first.source.close();
	await management.close();
	const file = join(stateFolder, "resources.json");
	assert.equal(statSync(file).mode & 0o777, 0o600);

	const second = openSource(t, makeBootstrapConfig(management.port), { stateFolder, lastGoodAfterMs: 1 });
	await second.source.start();
	assert.deepEqual(second.targets.events, [
		"cluster xds: no assignment",
		"routes routes",
		"cluster a: 2 endpoints",
		"cluster empty: 0 endpoints",
		"listener entry",
	]);

	second.targets.events.length = 0;
	const back = await startManagementServer(
		t,
		{
			...shop,
			clusters: [makeCluster("a"), makeCluster("b")],
			assignments: [makeAssignment("a", [1, 2]), makeAssignment("b", [])],
		},
		{ port: management.port },
	);
	await eventually(() => assertSynced(back), { deadlineMs: 60_000 });
	assert.deepEqual(second.targets.events, ["clusters removed: empty", "cluster b: 0 endpoints"]);
});

test("a kept configuration that is damaged, of another node or of another format is not used", async (t) => {
	const stateFolder = makeTemporaryFolder(t);
	const file = join(stateFolder, "resources.json");
	const resources = { [clusterType]: [{ name: "a", version: "1", value: "" }] };
	for (const text of [
		"{",
		"null",
		JSON.stringify({ version: 2, nodeId: "test-1", resources }),
		JSON.stringify({ version: 1, nodeId: "somebody", resources }),
	]) {
		writeFileSync(file, text);
		const clock = createFakeClock();
		const { source, targets } = openSource(t, makeBootstrapConfig(1), { stateFolder, clock });
		const started = source.start();
		await clock.advanceAsync(31_000);
		await started;
		assert.deepEqual(targets.events, ["cluster xds: no assignment"]);
		assert.equal(readFileSync(file, "utf8"), text);
		source.close();
	}
});

test("a listener waits for its secret, which is never written to disk", async (t) => {
	const folder = makeTemporaryFolder(t);
	const socketPath = join(folder, "sds.sock");
	const pki = createTestPki();
	const pair = pki.issue(pki.idOf("web"));
	const secretOf = ({ certificateChainPem, privateKeyPem }: TestCertificate) => ({
		name: "default",
		tls_certificate: {
			certificate_chain: { inline_string: certificateChainPem },
			private_key: { inline_string: privateKeyPem },
		},
	});
	const agent = await startManagementServer(t, { secrets: [] }, { socketPath });
	const encrypted = makeListener("encrypted", "routes");
	const chains = encrypted["filter_chains"] as Record<string, JsonValue>[];
	const management = await startManagementServer(t, {
		...shop,
		listeners: [
			makeListener("entry", "routes"),
			{ ...encrypted, filter_chains: [{ ...chains[0], transport_socket: { name: "tls" } }] },
		],
	});
	const bootstrap = makeBootstrapConfig(management.port);
	const stateFolder = join(folder, "last-good");
	const { secrets, source, targets } = openSource(
		t,
		{
			...bootstrap,
			clusters: [...bootstrap.clusters, makeStaticCluster("sds", { kind: "pipe", path: socketPath, mode: 0 })],
		},
		{ stateFolder },
	);
	const started = source.start();
	// The server says at once that there is no such secret; it may come yet, and the listener waits.
	await eventually(() => assert.deepEqual(source.describe().warmingListeners, ["encrypted"]));
	assert.ok(targets.events.includes("listener entry"));
	agent.set({ secrets: [secretOf(pair)] });
	await started;
	assert.equal(targets.events.at(-1), "listener encrypted");

	const changes: string[] = [];
	secrets.onChange((name) => changes.push(plainName(name)));
	agent.set({ secrets: [secretOf({ ...pair, privateKeyPem: pki.issue(pki.idOf("web")).privateKeyPem })] });
	await eventually(() => {
		assert.equal(agent.status(secretType)?.reason, "default: private_key: does not belong to the certificate");
	});
	assert.deepEqual(changes, []);
	agent.set({ secrets: [secretOf(pki.issue(pki.idOf("web")))] });
	await eventually(() => assert.deepEqual(changes, ["default"]));

	source.close();
	const kept = readFileSync(join(stateFolder, "resources.json"), "utf8");
	assert.ok(kept.includes("RouteConfiguration"));
	assert.ok(!kept.includes("Secret"));
	assert.ok(!kept.includes(Buffer.from(pair.privateKeyPem).toString("base64").slice(40, 80)));
});

test("files of resources are followed when they are replaced; a broken one changes nothing", async (t) => {
	const folder = makeTemporaryFolder(t);
	const replace = (name: string, text: string): void => {
		writeFileSync(join(folder, `${name}.next`), text);
		renameSync(join(folder, `${name}.next`), join(folder, name));
	};
	const yaml = (...names: string[]): string =>
		`resources:\n${names.map((name) => `- "@type": ${clusterType}\n  name: ${name}\n  connect_timeout: 1s\n`).join("")}`;
	replace("cds.yaml", yaml("a", "b"));
	replace("lds.json", JSON.stringify({ resources: [] }));
	const path = (name: string) =>
		({ kind: "path", path: join(folder, name), watchedDirectory: undefined, initialFetchTimeoutMs: 15_000 }) as const;
	const { source, targets, statOf } = openSource(
		t,
		makeBootstrapConfig(1, { cds: path("cds.yaml"), lds: path("lds.json"), ads: undefined }),
	);
	await source.start();
	const started = ["cluster xds: no assignment", "cluster a: no assignment", "cluster b: no assignment"];
	assert.deepEqual(targets.events, started);
	replace("cds.yaml", "resources: [");
	replace("cds.yaml", yaml("b", "c"));
	await eventually(() =>
		assert.deepEqual(targets.events, [...started, "cluster c: no assignment", "clusters removed: a"]),
	);
	// One that cannot be read takes nothing away, and nothing of it is used.
	const before = targets.events.length;
	replace("cds.yaml", `${yaml("d")}- "@type": ${clusterType}\n  name: 7\n  type: NONSENSE\n`);
	await eventually(() => assert.equal(statOf("cluster_manager.cds.update_failure"), 1));
	assert.equal(targets.events.length, before);
	replace("cds.yaml", yaml("b", "d"));
	await eventually(() =>
		assert.deepEqual(targets.events.slice(before), ["cluster d: no assignment", "clusters removed: c"]),
	);
});

test("a management server that the bootstrap does not have ends the start with one sentence", async (t) => {
	const bootstrap = makeBootstrapConfig(1, { clusters: [] });
	const { source } = openSource(t, bootstrap);
	await assert.rejects(source.start(), (error) => {
		assert.ok(error instanceof MeshError);
		assert.equal(error.message, "management server xds: is not among the static clusters of the bootstrap");
		return true;
	});
});

test("a listener of the bootstrap that cannot be bound ends the start with one sentence", async (t) => {
	const translated = plainTranslators.listener({ name: "fixed", filterChains: [] } as never);
	assert.ok(translated.ok);
	const { source, targets } = openSource(
		t,
		makeBootstrapConfig(1, { listeners: [translated.value], cds: undefined, lds: undefined, ads: undefined }),
	);
	targets.unbindable.add("fixed");
	await assert.rejects(source.start(), /listener fixed: address in use/);
});

function assertSynced(management: ManagementServer): void {
	for (const type of [clusterType, endpointType, listenerType, routeType]) {
		assert.equal(management.status(type)?.state, "SYNCED", type);
	}
}

function openSource(
	t: TestContext,
	bootstrap: BootstrapConfig,
	options: { clock?: Clock; stateFolder?: string; lastGoodAfterMs?: number } = {},
): {
	source: ConfigSource;
	targets: RecordingTargets;
	secrets: SecretStore;
	statOf: (name: string) => number | undefined;
} {
	const clock = options.clock ?? systemClock;
	const files = createFileWatcher({ clock, log: silentLog });
	const secrets = createSecretStore({ files, log: silentLog, environment: {} });
	const targets = createRecordingTargets();
	const registry = createMetricsRegistry();
	const source = createConfigSource({
		bootstrap,
		translators: plainTranslators,
		unknownFields: { refuse: false, onIgnored: () => undefined },
		targets,
		secrets,
		files,
		clock,
		random: createSeededRandom(1),
		log: silentLog,
		stats: registry.root,
		version: "test",
		...(options.stateFolder === undefined ? {} : { stateFolder: options.stateFolder }),
		...(options.lastGoodAfterMs === undefined ? {} : { lastGoodAfterMs: options.lastGoodAfterMs }),
	});
	t.after(() => {
		source.close();
		secrets.close();
		files.close();
	});
	const statOf = (name: string): number | undefined =>
		[...registry.counters(), ...registry.gauges()].find((metric) => metric.name === name)?.value;
	return { source, targets, secrets, statOf };
}
