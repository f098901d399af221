import assert from "node:assert/strict";
import { test } from "node:test";
import { application, createTestMesh, parseObjects } from "../../../test/support/control-mesh.ts";
import { createMeshIndex } from "../translate/index.ts";
import { createProvenance, type ObjectRef } from "./index.ts";

const documents = `${application("web")}---${application("reviews")}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: canary, namespace: shop}
spec:
  hosts: [reviews]
  http:
    - match: [{uri: {prefix: /a}}]
      route: [{destination: {host: reviews}}]
    - route: [{destination: {host: reviews, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: subsets, namespace: shop}
spec:
  host: reviews
  subsets:
    - {name: v0, labels: {version: v0}}
    - {name: v1, labels: {version: v1}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: shop}
spec:
  rules:
    - to: [{operation: {methods: [GET]}}]
    - to: [{operation: {methods: [HEAD]}}]
`;
const objects = parseObjects(documents);
const provenance = createProvenance({ index: createMeshIndex(createTestMesh(objects)), objects });
const lineOf = (text: string): number => documents.slice(0, documents.indexOf(text)).split("\n").length;
const describe = (ref: ObjectRef | undefined): string =>
	ref === undefined ? "" : `${ref.kind} ${ref.namespace}/${ref.name} ${ref.path}:${ref.line}`.replace(" :", ":");

test("a route of a VirtualService is traced to its rule and line", () => {
	const config = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/canary";
	const ref = provenance.ofRoute({ name: "", virtualHost: "", metadata: { istio: { config, rule: "spec.http[1]" } } });
	assert.equal(
		describe(ref),
		`VirtualService shop/canary spec.http[1]:${lineOf("route: [{destination: {host: reviews, subset")}`,
	);
});

test("a route that goes without saying is traced to its Service", () => {
	const ref = provenance.ofRoute({ name: "default", virtualHost: "reviews.shop.svc.cluster.local:80", metadata: {} });
	assert.match(describe(ref), /^Service shop\/reviews:\d+$/);
});

test("a policy's rule is traced, whatever is written around its name", () => {
	const ref = provenance.ofPolicy("istio-ext-authz-my-ns[shop]-policy[readers]-rule[1]");
	assert.equal(
		describe(ref),
		`AuthorizationPolicy shop/readers spec.rules[1]:${lineOf("to: [{operation: {methods: [HEAD]}}]")}`,
	);
	assert.equal(provenance.ofPolicy("none"), undefined);
	assert.equal(provenance.ofPolicy("ns[shop]-policy[gone]-rule[0]"), undefined);
});

test("a cluster is traced to its Service and to the subset of its rule", () => {
	const refs = provenance.ofCluster("outbound|80|v1|reviews.shop.svc.cluster.local");
	assert.deepEqual(refs.map(describe), [
		describe(provenance.of("Service", { namespace: "shop", name: "reviews" })),
		`DestinationRule shop/subsets spec.subsets[1]:${lineOf("{name: v1, labels")}`,
	]);
	assert.deepEqual(provenance.ofCluster("PassthroughCluster"), []);
});
