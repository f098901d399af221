import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../test/support/control-mesh.ts";
import { AdminError } from "../control/admin/index.ts";
import type { ServedMesh } from "../control/index.ts";
import { createSnapshotStore } from "../control/snapshot/index.ts";
import { answerDiff, answerExplain } from "./answers.ts";
import type { Explanation, MeshDiff } from "./index.ts";

const narrow = `
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: mesh}
spec: {proxyScope: NEEDED}
`;

/** A mesh as a control plane serves it to proxies that know no host before they ask. */
function serve(...documents: readonly string[]): ServedMesh {
	const objects = parseObjects(...documents);
	const store = createSnapshotStore({ hostsOf: () => new Set(), server: { host: "127.0.0.1", port: 15_010 } });
	store.apply(createTestMesh(objects, (instance) => ({ ...instance, upstreams: [] })));
	return {
		index: () => store.index(),
		objects: () => objects,
		problems: () => [],
		snapshot: (node) => store.get(node),
		nodes: () => [],
	};
}

const ask = (served: ServedMesh, query: object): Explanation =>
	(answerExplain(served, JSON.stringify({ queries: [query] }), 0).body as { items: Explanation[] }).items[0]!;

test("a host that the proxy asks for with the first request is explained as it will be routed", () => {
	const served = serve(application("web"), application("reviews"), narrow);
	const explanation = ask(served, { from: "web", to: "reviews" });
	assert.equal(explanation.outcome, "reached", explanation.summary);
	assert.deepEqual(explanation.outbound?.notes, [
		"the proxy asks the control plane for this host with the first request",
	]);
	assert.equal(ask(served, { from: "web", to: "nobody" }).outcome, "unroutable");
});

test("a call that cannot be read is refused with every problem of it", () => {
	const served = serve(application("web"));
	const refuse = (body: string): AdminError => {
		try {
			answerExplain(served, body, 0);
		} catch (error) {
			assert.ok(error instanceof AdminError);
			return error;
		}
		return assert.fail("it was taken");
	};
	assert.deepEqual(refuse('{"queries":[{"form":"web","port":0}]}').details, {
		problems: [
			{ path: "queries[0].from", problem: "is missing" },
			{ path: "queries[0].to", problem: "is missing" },
			{ path: "queries[0].form", problem: "is no field of a call (did you mean 'from'?)" },
			{ path: "queries[0].port", problem: "must be a port from 1 to 65535" },
		],
	});
	assert.equal(refuse('{"queries":[]}').code, "CALL_INVALID");
	assert.equal(refuse("{").code, "JSON_INVALID");
	assert.equal(refuse('{"queries":[{"from":"wbe","to":"web"}]}').status, 404);
});

test("a diff leaves objects alone that are not among the documents, unless they are to go", () => {
	const served = serve(application("web"), application("reviews"));
	const files = [{ path: "web.yaml", text: application("web") }];
	const diff = (more: object): MeshDiff => answerDiff(served, JSON.stringify({ files, ...more })).body as MeshDiff;
	assert.deepEqual(diff({}).objects, []);
	assert.deepEqual(
		diff({ prune: true }).objects.map(({ change, kind, name }) => `${change} ${kind} ${name}`),
		["removed Workload reviews", "removed Service reviews"],
	);
});

test("limits that count a call are named with their place, and those that do not are not", () => {
	const policy = `
apiVersion: amime.dev/v1alpha1
kind: RateLimitPolicy
metadata: {name: reviews, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  limits:
    - {name: by-caller, keys: [{type: Principal}], requests: 5, unit: Minute, burst: 7}
    - {name: writes, match: {methods: [POST]}, requests: 1, unit: Second}
    - {name: of-web, match: {principals: [cluster.local/ns/shop/sa/web]}, requests: 9, unit: Hour, scope: Global}
    - {name: of-batch, match: {principals: [cluster.local/ns/shop/sa/batch]}, requests: 9, unit: Hour, scope: Global}
`;
	const served = serve(application("web"), application("reviews"), policy);
	const [destination] = ask(served, { from: "web", to: "reviews" }).destinations;
	const inbound = destination?.workloads[0]?.inbound;
	assert.deepEqual(
		inbound?.notes.map((note) => note.replace(/ \([^)]*\)/, " (FILE)")),
		[
			"counted by RateLimitPolicy shop/reviews, limit by-caller (FILE): 5 in 60 s, 7 at once, for each proxy",
			"counted by RateLimitPolicy shop/reviews, limit of-web (FILE): a budget that all proxies share",
		],
	);
});
