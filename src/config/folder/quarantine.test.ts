import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigObject } from "../config-object.ts";
import { parseDocuments } from "../parse-documents.ts";
import { applyFile, type FileState } from "./file-state.ts";

/** What a file serves after these texts were saved one after another. */
function save(...texts: readonly string[]): FileState {
	let state: FileState | undefined;
	for (const text of texts) state = applyFile(state, parseDocuments(text, "a.yaml"));
	return state!;
}

const head = (apiVersion: string, kind: string): string =>
	`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\nspec:\n`;

interface Level {
	readonly head: string;
	/** A document with these items. */
	readonly spec: (...items: readonly string[]) => string;
	/** An item that says `mark` somewhere, and one that is broken. */
	readonly item: (mark: string, position: number) => string;
	readonly broken: (position: number) => string;
	/** What is served when nothing was good before. */
	readonly withoutLast: "the others" | "nothing allowed";
}

const levels: Record<string, Level> = {
	VirtualService: {
		head: head("networking.istio.io/v1", "VirtualService"),
		spec: (...items) => `  hosts: [h]\n  http: [${items.join(", ")}]\n`,
		item: (mark, position) =>
			`{ match: [{ uri: { exact: /${position} } }], route: [{ destination: { host: ${mark} } }] }`,
		broken: (position) =>
			`{ match: [{ uri: { exact: /${position} } }], timeout: soon, route: [{ destination: { host: bad } }] }`,
		withoutLast: "the others",
	},
	HTTPRoute: {
		head: head("gateway.networking.k8s.io/v1", "HTTPRoute"),
		spec: (...items) => `  parentRefs: [{ group: "", kind: Service, name: s }]\n  rules: [${items.join(", ")}]\n`,
		item: (mark) => `{ backendRefs: [{ name: ${mark}, port: 80 }] }`,
		broken: () => "{ backendRefs: [{ name: bad, port: 80, weight: -1 }] }",
		withoutLast: "the others",
	},
	DestinationRule: {
		head: head("networking.istio.io/v1", "DestinationRule"),
		spec: (...items) => `  host: h\n  subsets: [${items.join(", ")}]\n`,
		item: (mark, position) => `{ name: s${position}, labels: { v: ${mark} } }`,
		broken: (position) => `{ name: s${position}, labels: { v: bad }, trafficPolicy: { tls: { mode: MAYBE } } }`,
		withoutLast: "the others",
	},
	ServiceEntry: {
		head: head("networking.istio.io/v1", "ServiceEntry"),
		spec: (...items) =>
			`  hosts: [h.example]\n  resolution: STATIC\n  ports: [{ name: http, number: 80, protocol: HTTP }]\n  endpoints: [${items.join(", ")}]\n`,
		item: (mark, position) => `{ address: 10.0.0.${position}, labels: { v: ${mark} } }`,
		broken: (position) => `{ address: 10.0.0.${position}, labels: { v: bad }, weight: heavy }`,
		withoutLast: "the others",
	},
	Gateway: {
		head: head("gateway.networking.k8s.io/v1", "Gateway"),
		spec: (...items) => `  gatewayClassName: amime\n  listeners: [${items.join(", ")}]\n`,
		item: (mark, position) => `{ name: l${position}, port: 80, protocol: HTTP, hostname: ${mark}.example }`,
		broken: (position) => `{ name: l${position}, port: 99999, protocol: HTTP, hostname: bad.example }`,
		withoutLast: "the others",
	},
	IstioGateway: {
		head: head("networking.istio.io/v1", "Gateway"),
		spec: (...items) => `  selector: { a: b }\n  servers: [${items.join(", ")}]\n`,
		item: (mark, position) =>
			`{ port: { number: ${position + 1}, name: p${position}, protocol: HTTP }, hosts: [${mark}.example] }`,
		broken: (position) =>
			`{ port: { number: ${position + 1}, name: p${position}, protocol: HTTPS }, hosts: [bad.example], tls: { mode: NONE } }`,
		withoutLast: "the others",
	},
	"AuthorizationPolicy ALLOW": {
		head: head("security.istio.io/v1", "AuthorizationPolicy"),
		spec: (...items) => `  rules: [${items.join(", ")}]\n`,
		item: (mark) => `{ to: [{ operation: { hosts: [${mark}] } }] }`,
		broken: () => "{ to: [{ operation: { hosts: [bad], ports: [http] } }] }",
		withoutLast: "the others",
	},
	"AuthorizationPolicy DENY": {
		head: head("security.istio.io/v1", "AuthorizationPolicy"),
		spec: (...items) => `  action: DENY\n  rules: [${items.join(", ")}]\n`,
		item: (mark) => `{ to: [{ operation: { hosts: [${mark}] } }] }`,
		broken: () => "{ to: [{ operation: { hosts: [bad], ports: [http] } }] }",
		withoutLast: "nothing allowed",
	},
};

/** Which marks the served object has. */
function marks({ objects }: FileState): string[] {
	const text = JSON.stringify(objects.map(({ value }) => value));
	return ["old0", "old1", "new0", "new1", "bad"].filter((mark) => text.includes(mark));
}

for (const [name, { head: start, spec, item, broken, withoutLast }] of Object.entries(levels)) {
	test(`${name}: a broken item is served as it last was, the change beside it is taken over`, () => {
		const state = save(start + spec(item("old0", 0), item("old1", 1)), start + spec(item("new0", 0), broken(1)));
		assert.deepEqual(marks(state), ["old1", "new0"]);
		assert.match(state.problems[0]!.problem, /the last good version is served/);
	});

	test(`${name}: it stays as it last was over further changes, until it is mended`, () => {
		const first = [start + spec(item("old0", 0), item("old1", 1)), start + spec(item("old0", 0), broken(1))];
		assert.deepEqual(marks(save(...first, start + spec(item("new0", 0), broken(1)))), ["old1", "new0"]);
		assert.deepEqual(marks(save(...first, start + spec(item("new0", 0), item("new1", 1)))), ["new0", "new1"]);
	});

	test(`${name}: without a last good version it is left out alone, or nothing is let through`, () => {
		const state = save(start + spec(item("new0", 0), broken(1)));
		assert.deepEqual(marks(state), withoutLast === "the others" ? ["new0"] : []);
		assert.equal(state.objects[0]?.isStandIn, withoutLast === "nothing allowed");
		assert.ok(
			state.problems.every(({ line, path }) => line > 0 && path.startsWith("spec")),
			JSON.stringify(state.problems),
		);
	});

	test(`${name}: broken as a whole, all of it is served as it last was`, () => {
		const good = start + spec(item("old0", 0), item("old1", 1));
		assert.deepEqual(marks(save(good, `${start}  nonsense: 1\n`)), ["old0", "old1"]);
		assert.deepEqual(marks(save(good, ": : [")), ["old0", "old1"]);
	});
}

/** What stands for a policy that was never good. */
function standIn(kind: string, spec: string): ConfigObject | undefined {
	const { objects, problems } = save(`${head("security.istio.io/v1", kind)}${spec}`);
	assert.ok(problems.length > 0);
	return objects[0];
}

test("a policy that was never good fails closed for what it selects", () => {
	const deny = standIn(
		"AuthorizationPolicy",
		"  selector: { matchLabels: { app: x } }\n  action: DENY\n  rules: [{ from: nobody }]\n",
	);
	assert.deepEqual(
		[deny?.kind, (deny!.value as { action?: string }).action, (deny!.value as { selector?: object }).selector],
		["AuthorizationPolicy", "DENY", { app: "x" }],
	);
	assert.deepEqual((deny!.value as { rules: object }).rules, [{ from: [], to: [], when: [], path: "spec.rules[0]" }]);
	const allow = standIn("AuthorizationPolicy", "  rules: [{ from: nobody }]\n");
	assert.deepEqual(
		[(allow!.value as { action?: string }).action, (allow!.value as { rules: object }).rules],
		["ALLOW", []],
	);
	const custom = standIn("AuthorizationPolicy", "  action: CUSTOM\n  rules: [{}]\n");
	assert.equal((custom!.value as { action?: string }).action, "DENY");
	const unreadable = standIn("AuthorizationPolicy", "  action: DENYY\n  selector: app\n  rules: [{}]\n");
	assert.deepEqual([(unreadable!.value as { rules: object }).rules, "selector" in unreadable!.value], [[], false]);
	const peers = standIn("PeerAuthentication", "  selector: { matchLabels: { app: x } }\n  mtls: { mode: STRICKT }\n");
	assert.deepEqual(
		[(peers!.value as { mode?: string }).mode, (peers!.value as { selector?: object }).selector],
		["STRICT", { app: "x" }],
	);
	assert.equal(standIn("AuthorizationPolicy", "  action: AUDIT\n  rules: 7\n"), undefined);
});
