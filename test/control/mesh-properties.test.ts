/** What holds of any mesh: order means nothing, one bad object changes nothing of the others, both forms of the protocol end the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { type ConfigObject, describeKinds, parseDocuments } from "../../src/config/index.ts";
import { createSeededRandom } from "../../src/core/index.ts";
import { clusterType, endpointType, listenerType, routeType, type XdsSnapshot } from "../../src/xds/server/index.ts";
import { onSnapshot } from "../../src/xds/server/push.ts";
import { onRequest, type StreamRequest } from "../../src/xds/server/requests.ts";
import { createSetVersions } from "../../src/xds/server/set-version.ts";
import { createStream, type StreamEffect, type StreamState, type Variant } from "../../src/xds/server/stream.ts";
import { brokenDocuments } from "../support/broken-documents.ts";
import { application, parseObjects, simulateMesh } from "../support/control-mesh.ts";

const istio = (kind: string, name: string, spec: string, group = "networking"): string =>
	`---\napiVersion: ${group}.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;
const documents = [
	...["web", "reviews", "orders"].map((name) => `---${application(name)}`),
	`---${application("db", { protocol: "tcp", port: 5432 })}`,
	istio(
		"VirtualService",
		"b",
		"{ hosts: [reviews], http: [{ route: [{ destination: { host: orders }, weight: 1 }, { destination: { host: reviews, subset: v1 }, weight: 3 }] }] }",
	),
	istio(
		"VirtualService",
		"a",
		"{ hosts: [reviews, orders], http: [{ match: [{ uri: { prefix: /a } }], route: [{ destination: { host: orders } }] }] }",
	),
	istio(
		"DestinationRule",
		"b",
		"{ host: reviews, trafficPolicy: { loadBalancer: { simple: RANDOM } }, subsets: [{ name: v1, labels: { version: v1 } }] }",
	),
	istio(
		"DestinationRule",
		"a",
		"{ host: reviews, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }, subsets: [{ name: v1, labels: { version: v2 } }] }",
	),
	istio(
		"ServiceEntry",
		"x",
		"{ hosts: [x.example], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }",
	),
	istio(
		"ServiceEntry",
		"y",
		"{ hosts: [x.example], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: 10.0.0.1 }] }",
	),
	istio("AuthorizationPolicy", "p", "{ rules: [{ to: [{ operation: { methods: [GET] } }] }] }", "security"),
	istio(
		"AuthorizationPolicy",
		"q",
		"{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }] }",
		"security",
	),
	istio("PeerAuthentication", "b", "{ mtls: { mode: PERMISSIVE } }", "security"),
	istio("PeerAuthentication", "a", "{ mtls: { mode: STRICT } }", "security"),
	...describeKinds()
		.filter(({ name }) => !["MeshConfig", "Service", "Workload"].includes(name))
		.map(({ example }) => `---\n${example}`),
].join("");

/** Versions of everything that every sidecar is given. */
function versions(objects: readonly ConfigObject[]): Record<string, string> {
	const simulated = simulateMesh(objects);
	return Object.fromEntries(
		["web-0", "reviews-0", "orders-0"].flatMap((instance) =>
			[...simulated.snapshot(instance, "amime").resources].flatMap(([type, resources]) =>
				[...resources.values()].map(({ name, version }) => [`${instance} ${type} ${name}`, version]),
			),
		),
	);
}

const objects = parseObjects(documents);

test("the same objects in any order make the same snapshots", () => {
	const random = createSeededRandom(7);
	const expected = versions(objects);
	assert.ok(Object.keys(expected).length > 50);
	for (let round = 0; round < 8; round++) {
		const shuffled = objects
			.map((object) => ({ object, place: random.next() }))
			.sort((a, b) => a.place - b.place)
			.map(({ object }) => object);
		assert.deepEqual(versions(shuffled), expected);
	}
});

test("no broken document changes what anybody is given", () => {
	const expected = versions(objects);
	// A policy that was never good keeps out what it might keep out: that is a change, and meant.
	const others = brokenDocuments.filter(
		({ text, isFile }) => isFile !== true && !/kind: (AuthorizationPolicy|RequestAuthentication)/.test(text),
	);
	assert.ok(others.length > 80);
	for (const { name, text } of others) {
		const parsed = parseDocuments(`${documents}---\n${text}`, "test.yaml");
		assert.ok(
			parsed.problems.some(({ severity }) => severity === "error"),
			name,
		);
		assert.deepEqual(versions(parsed.objects), expected, name);
	}
});

const types = [clusterType, endpointType, listenerType, routeType];

/** A client that subscribes to what its listeners and clusters name, and acknowledges when it likes. */
function runClient(variant: Variant, snapshots: readonly XdsSnapshot[], seed: number): Record<string, string> {
	const random = createSeededRandom(seed);
	const state: StreamState = createStream(variant, createSetVersions());
	const unanswered: { readonly typeUrl: string; readonly nonce: string; readonly version: string }[] = [];
	const take = (effects: readonly StreamEffect[]): void => {
		for (const effect of effects) if (effect.kind === "send") unanswered.push(effect.response);
	};
	let now = 0;
	const later = (): number => {
		now += 10_000;
		return now;
	};
	const names = (typeUrl: string, snapshot: XdsSnapshot): string[] =>
		typeUrl === endpointType || typeUrl === routeType ? [...(snapshot.resources.get(typeUrl)?.keys() ?? [])] : [];
	const ask = (
		typeUrl: string,
		answer: { readonly nonce: string; readonly version: string },
		snapshot: XdsSnapshot,
	): void => {
		const node = create(NodeSchema, { id: "a" });
		const wanted = names(typeUrl, snapshot);
		const subscribed = state.types.get(typeUrl)?.names ?? new Set<string>();
		const request: StreamRequest =
			variant === "delta"
				? {
						kind: "delta",
						typeUrl,
						node,
						nonce: answer.nonce,
						subscribe: wanted.filter((name) => !subscribed.has(name)),
						unsubscribe: [...subscribed].filter((name) => !wanted.includes(name)),
						initialVersions: {},
					}
				: { kind: "state-of-the-world", typeUrl, node, nonce: answer.nonce, version: answer.version, names: wanted };
		take(onRequest(state, request, later()) as StreamEffect[]);
	};
	const [first] = snapshots;
	take(onSnapshot(state, first, now));
	for (const typeUrl of types) ask(typeUrl, { nonce: "", version: "" }, first!);
	for (const snapshot of snapshots) {
		take(onSnapshot(state, snapshot, later()));
		while (unanswered.length > 0 && random.next() < 0.7) {
			const answered = unanswered.shift()!;
			ask(answered.typeUrl, answered, snapshot);
		}
	}
	const last = snapshots.at(-1)!;
	for (let step = 0; step < 1_000 && unanswered.length > 0; step++) {
		const answered = unanswered.shift()!;
		ask(answered.typeUrl, answered, last);
	}
	assert.deepEqual(unanswered, []);
	return Object.fromEntries(
		types.flatMap((typeUrl) =>
			[...(state.types.get(typeUrl)?.known ?? [])].map(([name, { version }]) => [`${typeUrl} ${name}`, version]),
		),
	);
}

test("clients of both forms of the protocol end with the newest snapshot, whenever they answer", () => {
	const random = createSeededRandom(11);
	const snapshots = Array.from({ length: 12 }, () => {
		const some = objects.filter(
			({ kind, name }) => kind === "Workload" || (kind === "Service" && name === "web") || random.next() < 0.6,
		);
		return simulateMesh(some).snapshot("web-0", "amime");
	});
	const last = snapshots.at(-1)!;
	const expected = Object.fromEntries(
		types.flatMap((typeUrl) =>
			[...(last.resources.get(typeUrl)?.values() ?? [])].map(({ name, version }) => [`${typeUrl} ${name}`, version]),
		),
	);
	for (let seed = 0; seed < 20; seed++)
		for (const variant of ["delta", "state-of-the-world"] as const)
			assert.deepEqual(runClient(variant, snapshots, seed), expected, `${variant} ${seed}`);
});
