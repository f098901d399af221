import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../../../test/support/control-mesh.ts";
import { tellDiagnosis } from "../../../../test/support/told-diagnosis.ts";
import { createProvenance } from "../../provenance/index.ts";
import { createMeshIndex } from "../../translate/index.ts";
import type { Prediction } from "./index.ts";

const target = "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: public }]";
const objects = parseObjects(
	application("orders"),
	`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: public, namespace: shop }
spec:
  gatewayClassName: amime
  listeners:
    - { name: http, port: 80, protocol: HTTP }
    - { name: bare, port: 81, protocol: HTTP }
    - { name: tls, port: 443, protocol: TLS, hostname: pass.example, tls: { mode: Passthrough } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: all, namespace: shop }
spec:
  parentRefs: [{ name: public, sectionName: http }]
  hostnames: [shop.example]
  rules:
    - { matches: [{ path: { value: /orders } }], backendRefs: [{ name: orders, port: 80 }] }
    - { matches: [{ path: { value: /typo } }], backendRefs: [{ name: odrers, port: 80 }] }
    - { matches: [{ path: { value: /port } }], backendRefs: [{ name: orders, port: 81 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: other, namespace: shop }
spec: { hosts: [shop.example], gateways: [elsewhere], http: [{ route: [{ destination: { host: orders } }] }] }
---
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: { name: shop }
spec: { extensionProviders: [{ name: guard, envoyExtAuthzHttp: { service: guard.shop.svc.cluster.local, port: 9000 } }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: shop }
spec: { ${target}, action: CUSTOM, provider: { name: guard }, rules: [{ to: [{ operation: { paths: [/orders] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: few, namespace: shop }
spec: { ${target}, rules: [{ to: [{ operation: { methods: [GET] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { ${target}, action: DENY, rules: [{ to: [{ operation: { paths: [/internal] } }] }] }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { ${target}, jwtRules: [{ issuer: "https://issuer.example", jwksUri: "https://issuer.example/keys" }] }`,
);
const plain = createTestMesh(objects);
const [proxy] = plain.gatewayProxies;
const listenPorts = [80, 81, 443].map((port) => ({ port, listenPort: 8000 + port }));
const index = createMeshIndex({
	...plain,
	instances: [
		...plain.instances,
		{
			...{
				name: "public-0",
				namespace: "shop",
				workload: proxy!.name,
				labels: proxy!.labels,
				serviceAccount: "public",
			},
			...{ address: "127.0.0.1", pattern: "gateway" as const, sidecar: "amime" as const, ports: [], upstreams: [] },
			...{ gatewayPorts: listenPorts, health: "ready" as const, registeredAt: 0 },
		},
	],
});
const mesh = { index, objects: () => objects, provenance: createProvenance({ index, objects }) };

function tell(line: object, prediction?: Prediction) {
	const known = { time: "2026-01-01T00:00:00Z", status: 404, method: "GET", path: "/", authority: "shop.example" };
	const where = { duration_ms: 7, local_address: "127.0.0.1:8080" };
	return tellDiagnosis(mesh, "shop/public-0", { ...known, ...where, ...line }, prediction).told;
}

const none = { flags: "NR", details: "route_not_found" };

test("what no route of a gateway takes is told with the routes of that gateway alone", () => {
	const path = tell({ ...none, path: "/none" });
	assert.match(path.why, /^none of the rules of HTTPRoute shop\/all takes GET \/none$/);
	assert.deepEqual(path.named, ["HTTPRoute all"]);
	const host = tell({ ...none, authority: "shop.exmaple:8080" });
	assert.match(
		host.why,
		/^no route of Gateway shop\/public is for the host shop\.exmaple: there are routes for shop\.example$/,
	);
	assert.deepEqual([host.fault, host.fix], ["caller", "did you mean 'shop.example'?"]);
	assert.deepEqual(host.named, ["Gateway public spec.listeners[0]", "HTTPRoute all"]);
	const bare = tell({ ...none, local_address: "127.0.0.1:8081" });
	assert.match(bare.why, /^no route is attached to Gateway shop\/public/);
	assert.deepEqual(bare.named, ["Gateway public spec.listeners[1]"]);
});

test("a connection that no listener of a gateway is for is told with the name that it wanted", () => {
	const stray = { method: null, path: null, authority: null, status: 0, local_address: "127.0.0.1:8443" };
	const refused = { ...stray, flags: "NR", details: "filter_chain_not_found", remote_address: "10.0.0.9:4" };
	const named = tell({ ...refused, server_name: "pas.example" });
	assert.match(named.why, /^10\.0\.0\.9:4 wants the server name \(SNI\) pas\.example, and Gateway shop\/public/);
	assert.deepEqual([named.fix, named.named], ["did you mean 'pass.example'?", ["Gateway public spec.listeners[2]"]]);
	assert.match(tell(refused).why, /^10\.0\.0\.9:4 named no server \(SNI\), and .* takes only TLS for pass\.example$/);
});

test("policies that name a Gateway are named", () => {
	const external = { status: 403, flags: "UAEX", path: "/orders" };
	const failed = tell({ ...external, details: "ext_authz_error" });
	assert.match(
		failed.why,
		/^the external authorizer 'guard' \(guard\.shop\.svc\.cluster\.local:9000\) could not be asked/,
	);
	assert.deepEqual([failed.fault, failed.named], ["network", ["AuthorizationPolicy ask"]]);
	assert.match(tell({ ...external, details: "ext_authz_denied" }).why, /\) refused the request$/);
	const unallowed = tell({ status: 403, details: "rbac_access_denied_matched_policy[none]" });
	assert.deepEqual(unallowed.named, ["AuthorizationPolicy few"]);
	const token = tell({ status: 401, details: "jwt_authn_access_denied{Jwt_is_expired}" });
	assert.deepEqual(token.named, ["RequestAuthentication tokens spec.jwtRules"]);
	const session = { method: null, path: null, authority: null, status: 0, local_address: "127.0.0.1:8443" };
	const rule = "rbac_access_denied_matched_policy[ns[shop]-policy[closed]-rule[0]]";
	const bytes = tell({ ...session, termination_details: rule });
	assert.match(bytes.why, /^denied by .*; its conditions on HTTP count for nothing here/);
	assert.doesNotMatch(tell({ status: 403, details: rule }).why, /count for nothing/);
});

test("a backend that is not there is told with what to write instead", () => {
	const answered = (at: number) => ({ status: 500, details: "direct_response", route: `shop/all/${at}/0` });
	const because = (at: number) => [
		{ ...{ kind: "HTTPRoute", namespace: "shop", name: "all" }, file: "test.yaml", line: 1, path: `spec.rules[${at}]` },
	];
	const typo = tell(answered(1), { summary: "no backend (500): no Service shop/odrers", because: because(1) });
	assert.equal(typo.fix, "did you mean 'shop/orders'?");
	const port = tell(answered(2), {
		summary: "no backend (500): Service shop/orders has no port 81",
		because: because(2),
	});
	assert.equal(port.fix, "use 80");
});
