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
