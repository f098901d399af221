import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestMesh, parseObjects } from "../../../test/support/control-mesh.ts";
import { createMeshIndex } from "../translate/index.ts";
import { listRoutes } from "./route-list.ts";

const services = `
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80 }, { name: http-alt, port: 81 }, { name: tcp, port: 5000 }] }
---
apiVersion: v1
kind: Service
metadata: { name: other, namespace: shop }
spec: { selector: { app: other }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside, namespace: shop }
spec: { hosts: [other], gateways: [shop/public], http: [{ route: [{ destination: { host: reviews } }] }] }
`;
const rules = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - match: [{ headers: { x-tester: { exact: "yes" } }, sourceLabels: { app: web } }, { port: 81 }]
      route: [{ destination: { host: reviews, subset: v2 } }]
    - route:
        - { destination: { host: reviews, subset: v1 }, weight: 75 }
        - { destination: { host: reviews, subset: v2 }, weight: 25 }
  tcp:
    - match: [{ port: 5000 }]
      route:
        - { destination: { host: reviews, port: { number: 5000 }, subset: v1 }, weight: 80 }
        - { destination: { host: reviews, port: { number: 5000 }, subset: v2 }, weight: 20 }
`;

test("the rules of a VirtualService are listed for each port; without one, the way that goes without saying", () => {
	const index = createMeshIndex(createTestMesh(parseObjects(services, rules)));
	const rows = listRoutes(index, () => true).map(({ service, port, match, action, route }) =>
		[`${service}:${port}`, match, action, route ?? "-"].join(" | "),
	);
	const shares = "reviews v1 75 %, reviews v2 25 % | shop/reviews";
	assert.deepEqual(rows.sort(), [
		"other:80 | any | other:80 | -",
		"reviews:5000 | any | reviews v1:5000 80 %, reviews v2:5000 20 % | shop/reviews",
		`reviews:80 | any | ${shares}`,
		"reviews:80 | header x-tester=yes from app=web | reviews v2 | shop/reviews",
		`reviews:81 | any | ${shares}`,
		"reviews:81 | any | reviews v2 | shop/reviews",
		"reviews:81 | header x-tester=yes from app=web | reviews v2 | shop/reviews",
	]);
});

test("TCPRoutes and TLSRoutes of a Service are listed, and those that only clients of another namespace have", () => {
	const streams = `
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: { name: own, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: reviews, port: 5000 }]
  rules: [{ backendRefs: [{ name: reviews, port: 5000, weight: 9 }, { name: other, port: 80, weight: 1 }] }]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: { name: theirs, namespace: team }
spec:
  parentRefs: [{ group: "", kind: Service, name: reviews, namespace: shop, port: 5000 }]
  rules: [{ backendRefs: [{ name: local, port: 5000 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: local, namespace: team }
spec: { selector: { app: local }, ports: [{ name: tcp, port: 5000 }, { name: tls, port: 443 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: named, namespace: team }
spec:
  parentRefs: [{ group: "", kind: Service, name: local, port: 443 }]
  hostnames: [a.example]
  rules: [{ backendRefs: [{ name: local, port: 443 }] }]
`;
	const index = createMeshIndex(createTestMesh(parseObjects(services, streams)));
	const of = (name: string, port: number) =>
		listRoutes(index, (service) => service.name === name)
			.filter((route) => route.port === port)
			.map(({ clients, match, action, route }) => [clients ?? "all", match, action, route].join(" | "));
	assert.deepEqual(of("reviews", 5000), [
		"all | any | reviews:5000 90 %, other:80 10 % | shop/own",
		"team | any | local.team:5000 | team/theirs",
	]);
	assert.deepEqual(of("local", 443), ["all | server name a.example | local:443 | team/named"]);
});
