import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import type { LocatedProblem } from "../../config/index.ts";
import type { Mesh } from "../../model/index.ts";
import { createDesiredFeed, type DesiredState } from "./desired-feed.ts";

const mesh: Mesh = {
	settings: {
		name: "amime",
		trustDomain: "cluster.local",
		clusterDomain: "cluster.local",
		rootNamespace: "amime-system",
		svidTtlMs: 1,
		trustDomainAliases: [],
		traceSamplingPercent: 1,
		enableAutoMtls: true,
		extensionProviders: [],
		outboundTrafficPolicy: "ALLOW_ANY",
	},
	workloads: [],
	services: [],
	httpRoutes: [],
	streamRoutes: [],
	gatewayClasses: [],
	gateways: [],
	listenerSets: [],
	gatewayProxies: [],
	istioGateways: [],
	referenceGrants: [],
	backendTlsPolicies: [],
	secrets: [],
	configMaps: [],
	peerAuthentications: [],
	authorizationPolicies: [],
	requestAuthentications: [],
	rateLimitPolicies: [],
	destinationRules: [],
	virtualServices: [],
	sidecars: [],
	telemetries: [],
	envoyFilters: [],
	proxyConfigs: [],
	workloadEntries: [],
	workloadGroups: [],
	namespaces: [],
	declaredInstances: [],
	instances: [],
};

const workload = {
	namespace: "shop",
	name: "web",
	labels: {},
	command: ["true"],
	env: {},
	ports: [],
	replicas: 1,
	serviceAccount: "web",
	pattern: "sidecar",
	sidecar: "amime",
	source: { file: "a.yaml", line: 1 },
} as const;

function createStage() {
	const clock = createFakeClock();
	let problems: LocatedProblem[] = [];
	const feed = createDesiredFeed(clock, () => problems);
	const ask = async (query = ""): Promise<DesiredState> => {
		const answer = await feed.endpoint.answer({
			params: {},
			query: new URLSearchParams(query),
			body: "",
			principal: { name: "t", role: "admin" },
		});
		return answer.body as DesiredState;
	};
	const find = (...found: LocatedProblem[]): void => {
		problems = found;
	};
	return { clock, feed, ask, find };
}

test("an answer is held until what should run changes, and instances are no such change", async () => {
	const { feed, ask, clock } = createStage();
	feed.publish(mesh);
	const { revision } = await ask();
	let isAnswered = false;
	const held = ask(`after=${revision}&wait=20`).finally(() => {
		isAnswered = true;
	});
	feed.publish({ ...mesh, instances: [] });
	await clock.advanceAsync(1000);
	assert.equal(isAnswered, false);
	feed.publish({ ...mesh, workloads: [workload] });
	const next = await held;
	assert.equal(next.revision, revision + 1);
	assert.equal(next.workloads[0]!.identity, "spiffe://cluster.local/ns/shop/sa/web");
	assert.equal(clock.pending, 0);
});

test("without a change it answers when the time is over; a revision of another control plane is answered at once", async () => {
	const { feed, ask, clock } = createStage();
	feed.publish(mesh);
	const { revision } = await ask();
	const held = ask(`after=${revision}&wait=20`);
	await clock.advanceAsync(20_000);
	assert.equal((await held).revision, revision);
	assert.equal((await ask("after=99&wait=20")).revision, revision);
	const last = ask(`after=${revision}&wait=20`);
	await clock.advanceAsync(0);
	feed.close();
	assert.equal((await last).revision, revision);
});

test("a problem that is found or solved is a change", async () => {
	const { feed, ask, clock, find } = createStage();
	feed.publish(mesh);
	const { revision } = await ask();
	const held = ask(`after=${revision}&wait=20`);
	await clock.advanceAsync(0);
	find({ severity: "error", file: "routes.yaml", line: 3, path: "spec", problem: "is missing" });
	feed.publish(mesh);
	const found = await held;
	assert.equal(found.problems[0]!.line, 3);
	find();
	feed.publish(mesh);
	assert.deepEqual((await ask(`after=${found.revision}&wait=20`)).problems, []);
});
