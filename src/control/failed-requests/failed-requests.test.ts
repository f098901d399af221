import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../../test/support/control-mesh.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createMeshIndex } from "../translate/index.ts";
import { createFailureBoard, createFailureEndpoint, type ToldFailure } from "./index.ts";

const objects = parseObjects(
	application("web"),
	application("orders"),
	`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec: { hosts: [orders], http: [{ route: [{ destination: { host: orders, subset: v3 } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec: { host: orders, subsets: [{ name: v1, labels: { version: v1 } }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: orders, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: [/secret] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: allowed, namespace: shop }
spec: { rules: [{ from: [{ source: { namespaces: [shop] } }] }] }`,
);
const host = "orders.shop.svc.cluster.local";

/** What one line of a proxy becomes, in a mesh whose instances of `orders` have a reason for not being ready, if one is given. */
async function tell(line: object, healthReason?: string): Promise<ToldFailure> {
	const mesh = createTestMesh(objects, (instance) =>
		healthReason === undefined || instance.workload !== "orders"
			? instance
			: { ...instance, health: "unready", healthReason },
	);
	const index = createMeshIndex(mesh);
	const asked = index.instances.map((instance) => ({ ...instance, adminPort: 1 }));
	const endpoint = createFailureEndpoint({
		...{ index: () => index, objects: () => objects, instances: () => asked },
		pages: {
			read: async ({ name }) =>
				name === "web-0"
					? `${JSON.stringify({ time: "2026-01-01T00:00:00Z", status: 503, ...line })}\nno JSON\n`
					: undefined,
		},
	});
	const { body } = await ask(endpoint, "");
	const { items, silent } = body as { items: ToldFailure[]; silent: string[] };
	assert.deepEqual(silent, ["shop/orders-0"]);
	assert.equal(items.length, 1);
	return items[0]!;
}

async function ask(endpoint: ReturnType<typeof createFailureEndpoint>, query: string) {
	const principal = { name: "test", role: "viewer" } as const;
	return endpoint.answer({ params: {}, query: new URLSearchParams(query), body: "", principal });
}

const named = ({ objects: refs }: ToldFailure): string[] =>
	refs.map(({ kind, name, path, line }) => {
		assert.ok(line > 0);
		return `${kind} ${name} ${path}`.trim();
	});

test("a denial leads to the rule that denied", async () => {
	const failure = await tell({
		status: 403,
		details: "rbac_access_denied_matched_policy[ns[shop]-policy[orders]-rule[0]]",
	});
	assert.deepEqual(named(failure), ["AuthorizationPolicy orders spec.rules[0]"]);
	assert.deepEqual(failure.explanation, ["denied by AuthorizationPolicy shop/orders, rules[0]"]);
	assert.equal(failure.fault, "policy");
});

test("a denial for want of a provider leads to the policy that names it, and a token by an unknown key to the keys", async () => {
	const failure = await tell({
		status: 403,
		details:
			"rbac_access_denied_matched_policy[istio-ext-authz-nobody-ns[shop]-policy[orders]-rule[0]-deny-due-to-bad-CUSTOM-action]",
	});
	assert.deepEqual(named(failure), ["AuthorizationPolicy orders spec.rules[0]"]);
	assert.match(failure.explanation.join(), /asks the provider 'nobody', which is none of extensionProviders/);
	assert.equal(failure.fault, "configuration");
	const details = "jwt_authn_access_denied{Jwks_doesn't_have_key_to_match_kid_or_alg_from_Jwt}";
	assert.match((await tell({ status: 401, details })).fix ?? "", /signed with a key/);
});

test("a request that no policy allows leads to the rules whose lack is told, else to all that might have allowed it", async () => {
	const details = "rbac_access_denied_matched_policy[none]";
	const lacking = 'ns[shop]-policy[orders]-rule[0]: path is "/a" | ns[shop]-policy[orders]-rule[0]: method is "GET"';
	assert.deepEqual(named(await tell({ status: 403, details, reason: lacking })), [
		"AuthorizationPolicy orders spec.rules[0]",
	]);
	assert.deepEqual(named(await tell({ status: 403, details })), ["AuthorizationPolicy allowed"]);
});

test("a subset that no rule defines is told with the route that leads there and the subsets there are", async () => {
	const failure = await tell({
		flags: "NC",
		route: "orders",
		route_config: "/apis/networking.istio.io/v1alpha3/namespaces/shop/virtual-service/orders",
		route_rule: "spec.http[0]",
		missing_cluster: `outbound|80|v3|${host}`,
	});
	assert.deepEqual(named(failure), ["VirtualService orders spec.http[0]", "DestinationRule orders", "Service orders"]);
	assert.match(failure.explanation.join("\n"), /no DestinationRule for orders\..* has a subset v3; there are v1/);
});

test("a service without a ready endpoint is told with each instance and why it is not ready", async () => {
	const failure = await tell(
		{ flags: "UH", upstream_cluster: `outbound|80||${host}` },
		"the application ended (exit code 1)",
	);
	assert.match(
		failure.explanation.join("\n"),
		/now 0 of 1 endpoints of orders\..* are ready; orders-0 is unready: the application ended \(exit code 1\)/,
	);
	const port = await tell({ flags: "NC", upstream_cluster: `outbound|81||${host}` });
	assert.match(port.explanation.join("\n"), /orders\..* has no port 81; it has 80/);
	const stranger = await tell({ flags: "NC", upstream_cluster: "outbound|80||gone.shop.svc.cluster.local" });
	assert.match(stranger.explanation.join("\n"), /gone\.shop\S*, which no Service and no ServiceEntry of shop has/);
});

test("a line with anything but what a proxy writes is text or nothing", async () => {
	const failure = await tell({
		details: 7,
		path: { a: 1 },
		upstream_cluster: null,
		flags: "UH",
		authority: "a\u001b[2Jb\n",
	});
	assert.deepEqual([failure.details, failure.path], [null, null]);
	assert.equal(failure.authority, "a\ufffd[2Jb\ufffd", "a terminal takes no orders from strangers");
});

test("the newest are kept, in the order of time, and a wrong question is refused", async () => {
	const instances = ["a", "b", "c"].map((name) => ({ namespace: "shop", name, address: "127.0.0.1", adminPort: 1 }));
	const line = (name: string, second: number): string =>
		JSON.stringify({ time: `2026-01-01T00:00:0${second}Z`, status: 503, request_id: `${name}${second}` });
	const pages = {
		read: async ({ name }: { name: string }) => [5, 3, 1].map((second) => line(name, second)).join("\n"),
	};
	const endpoint = createFailureEndpoint({
		index: () => undefined,
		objects: () => [],
		instances: () => instances,
		pages,
	});
	const { body } = await ask(endpoint, "limit=2");
	const { items } = body as { items: ToldFailure[] };
	assert.deepEqual(
		items.map(({ time }) => time),
		["2026-01-01T00:00:05Z", "2026-01-01T00:00:05Z"],
	);
	for (const query of ["limit=0", "limit=1001", "limit=x", "kind=all"])
		await assert.rejects(ask(endpoint, query), { code: "QUERY_INVALID" });
});

test("however many look at the page, proxies are asked every other second, and one that hangs does not hold it up", async () => {
	const clock = createFakeClock();
	let asked = 0;
	const answers: ((text: string) => void)[] = [];
	const board = createFailureBoard(
		{
			...{ index: () => undefined, objects: () => [] },
			instances: () => [{ namespace: "shop", name: "web-0", address: "127.0.0.1", adminPort: 1 }],
			pages: {
				read: () => {
					asked++;
					return new Promise((resolve) => answers.push(resolve));
				},
			},
		},
		clock,
	);
	const looks = [board.last(), board.last()];
	clock.advance(1_000);
	assert.deepEqual(await Promise.all(looks), [[], []]);
	assert.equal(asked, 1);
	const third = board.last();
	answers[0]!(JSON.stringify({ time: "2026-01-01T00:00:00Z", status: 503 }));
	assert.equal((await third).length, 1);
	clock.advance(500);
	assert.equal((await board.last()).length, 1);
	assert.equal(asked, 1);
});
