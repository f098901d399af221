/** Odd extensionProviders: what is taken when it is written no proxy refuses, and a bad one is left out alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../src/config/index.ts";
import { translateListener } from "../../src/proxy/runtime-config/index.ts";
import { createTestMesh } from "../support/control-mesh.ts";
import { ordersWorkload, toDocuments, translateOrders } from "../support/orders-workload.ts";

/** A workload whose CUSTOM policies ask a good provider and the one that is described. */
function translateProvider(protocol: "Http" | "Grpc", fields: object) {
	const place = { service: "authz.example", port: 9000 };
	const policy = (name: string): object => ({
		apiVersion: "security.istio.io/v1",
		kind: "AuthorizationPolicy",
		metadata: { name, namespace: "shop" },
		spec: { action: "CUSTOM", provider: { name }, rules: [{}] },
	});
	const documents = [
		ordersWorkload,
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "MeshConfig",
			metadata: { name: "mesh" },
			spec: {
				extensionProviders: [
					{ name: "odd", [`envoyExtAuthz${protocol}`]: { ...place, ...fields } },
					{ name: "good", envoyExtAuthzGrpc: place },
				],
			},
		},
		policy("odd"),
		policy("good"),
	];
	const { objects, problems } = parseDocuments(toDocuments(...documents), "test.yaml");
	const mesh = createTestMesh(objects);
	const listener = translateListener(translateOrders(objects).listener);
	return {
		providers: mesh.settings.extensionProviders.map(({ name }) => name),
		isRefused: problems.some(({ severity }) => severity === "error"),
		listener,
	};
}

test("a provider is taken when proxies can use it, and else left out alone", () => {
	const headers = (name: string): object[] => [
		{ includeRequestHeadersInCheck: [name] },
		{ headersToUpstreamOnAllow: [name] },
		{ headersToDownstreamOnDeny: [name] },
	];
	for (const [isGood, protocol, fields] of [
		...["*", "x-*", "*-id", "X-User"].flatMap((name) => headers(name).map((one) => [true, "Http", one] as const)),
		...["**", "x*y", "*x*", "a b", ""].flatMap((name) => headers(name).map((one) => [false, "Http", one] as const)),
		...["a", "%REQ(x)%", "100%%", ""].map(
			(value) => [true, "Http", { includeAdditionalHeadersInCheck: { "x-a": value } }] as const,
		),
		...["a\nb", "100%"].map((value) => [false, "Http", { includeAdditionalHeadersInCheck: { "x-a": value } }] as const),
		[false, "Http", { includeAdditionalHeadersInCheck: { Host: "a" } }],
		...["", "/", "/check?a=b"].map((pathPrefix) => [true, "Http", { pathPrefix }] as const),
		...["check", "http://a/", "/a b"].map((pathPrefix) => [false, "Http", { pathPrefix }] as const),
		...["200", "403", "503"].map((statusOnError) => [true, "Grpc", { statusOnError }] as const),
		...["299", "418", "499", "599", "600", "4"].map((statusOnError) => [false, "Grpc", { statusOnError }] as const),
		[false, "Grpc", { service: "a\nb" }],
		[true, "Grpc", { service: "shop/authz.example" }],
	] as const) {
		const { isRefused, listener, providers } = translateProvider(protocol, fields);
		const said = JSON.stringify(fields);
		assert.equal(isRefused, !isGood, said);
		assert.deepEqual(providers, isGood ? ["odd", "good"] : ["good"], said);
		assert.ok(listener.ok, `${said}: ${listener.ok ? "" : listener.problems[0]?.problem}`);
	}
});
