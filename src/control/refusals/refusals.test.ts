import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { clusterType, packResource, routeType, type XdsSnapshot } from "../../xds/server/index.ts";
import { readRoutes } from "./hold-routes.ts";
import { createRefusals } from "./refusals.ts";

const node = create(NodeSchema, { id: "a" });
const other = create(NodeSchema, { id: "b" });

/** A route configuration `80` with the hosts `x` and `y`; each route answers with a text. */
function configuration(texts: Readonly<Record<string, readonly string[]>>): RouteConfiguration {
	return create(RouteConfigurationSchema, {
		name: "80",
		virtualHosts: Object.entries(texts).map(([name, routes]) => ({
			name,
			domains: [name],
			routes: routes.map((text, index) => ({
				name: `shop/${name}/${index}/0`,
				match: { pathSpecifier: { case: "prefix" as const, value: `/${index}` } },
				action: {
					case: "directResponse" as const,
					value: { status: 200, body: { specifier: { case: "inlineString" as const, value: text } } },
				},
			})),
		})),
	});
}

function desk(first: Readonly<Record<string, readonly string[]>>) {
	const pack = (texts: typeof first) => packResource(RouteConfigurationSchema, "80", configuration(texts));
	let resource = pack(first);
	const changed: string[] = [];
	const refusals = createRefusals({
		get: (): XdsSnapshot => ({ resources: new Map([[routeType, new Map([["80", resource]])]]) }),
		onChange: () => () => undefined,
	});
	refusals.onChange((nodes) => changed.push(...(nodes === "all" ? ["all"] : nodes)));
	return {
		refusals,
		changed,
		set: (texts: typeof first) => {
			resource = pack(texts);
		},
		/** The node refuses what it gets, having accepted `accepted` before. */
		refuse(reason: string, accepted?: typeof first, by = node) {
			const { value } = refusals.get(by)!.resources.get(routeType)!.get("80")!;
			refusals.answers.refused(by, routeType, reason, [
				{ name: "80", value, accepted: accepted && pack(accepted).value },
			]);
		},
		served(to = node): Record<string, string[]> {
			const { virtualHosts } = readRoutes(refusals.get(to)!.resources.get(routeType)!.get("80")!.value);
			return Object.fromEntries(
				virtualHosts.map(({ name, routes }) => [
					name,
					routes.map(({ action }) => {
						const specifier = action.case === "directResponse" ? action.value.body?.specifier : undefined;
						return specifier?.case === "inlineString" ? specifier.value : "";
					}),
				]),
			);
		},
	};
}

const good = { x: ["good x"], y: ["good y"] };
const bad = { x: ["bad x", "more x"], y: ["new y"] };

test("a proxy that repeats only a word of what it refuses is understood", () => {
	const { refuse, served } = desk({ x: ["%METADATA(NO_SUCH_TYPE:x)%", "more x"], y: ["new y of no supported type"] });
	refuse("80: NO_SUCH_TYPE is not supported type of metadata", good);
	assert.deepEqual(served(), { x: ["good x", "more x"], y: ["new y of no supported type"] });
});

for (const [proxy, reason] of [
	["amime", "80: virtual_hosts[0].routes[0].direct_response.body: must not be so"],
	[
		"Envoy",
		"Proto constraint validation failed (RouteConfigurationValidationError.VirtualHosts[0]: embedded message failed validation | caused by VirtualHostValidationError.Routes[0]: embedded message failed validation | caused by RouteValidationError.DirectResponse: x)",
	],
	["a proxy without a place", "error: 'bad x' is no text"],
] as const)
	test(`a route that ${proxy} refuses is held back as it was, and everything else goes on`, () => {
		const { refusals, refuse, served, set, changed } = desk(bad);
		refuse(reason, good);
		assert.deepEqual(served(), { x: ["good x", "more x"], y: ["new y"] });
		assert.deepEqual(served(other), bad, "other proxies get what they got");
		assert.deepEqual(changed, ["a"]);
		const [refusal] = refusals.list();
		assert.deepEqual(
			[refusal?.suspect?.route.name, refusal?.keepsLastGood, refusals.list().length],
			["shop/x/0/0", true, 1],
		);
		set({ x: ["mended x"], y: ["new y"] });
		assert.deepEqual(served(), { x: ["mended x"], y: ["new y"] });
		assert.deepEqual(refusals.list(), []);
	});

test("without a hint all that is new is held back, and a proxy that has nothing yet learns from another", () => {
	const { refuse, served } = desk(bad);
	refuse("no", good);
	assert.deepEqual(served(), { x: ["good x"], y: ["good y"] });
	refuse("no", undefined, other);
	assert.deepEqual(served(other), { x: [], y: [] });
});

test("a proxy that refuses everything for ever is not asked for ever", () => {
	const { refusals, refuse, changed } = desk({ x: ["0"], y: [] });
	for (let round = 0; round < 50; round++) refuse("no");
	assert.ok(changed.length < 10);
	assert.equal(refusals.list().length, 1);
});

test("other resources are told until the proxy accepts them or goes", () => {
	const { refusals } = desk(good);
	refusals.answers.refused(node, clusterType, "c: bad", [{ name: "c", value: new Uint8Array(), accepted: undefined }]);
	assert.deepEqual(
		refusals.list().map(({ resource }) => resource),
		["c"],
	);
	refusals.answers.accepted(node, clusterType, ["c"]);
	assert.deepEqual(refusals.list(), []);
	refusals.answers.refused(node, clusterType, "c: bad", [{ name: "c", value: new Uint8Array(), accepted: undefined }]);
	refusals.answers.gone(node);
	assert.deepEqual(refusals.list(), []);
});
