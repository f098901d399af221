import assert from "node:assert/strict";
import { test } from "node:test";
import { assumePods, buildMesh, parseDocuments } from "../index.ts";

const deployment = (name: string, version: string, more = ""): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: reviews } }
  template:
    metadata: { labels: { app: reviews, version: ${version} }${more} }
    spec:
      serviceAccountName: reviews
      containers: [{ name: c, image: x, ports: [{ name: web, containerPort: 9080 }] }]
---
`;
const service = `
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: web }] }
---
`;

function assume(text: string) {
	const { objects, problems } = parseDocuments(text, "a.yaml");
	assert.deepEqual(problems, []);
	const all = assumePods(objects);
	return { all, instances: buildMesh(all, []).mesh.instances };
}

test("the Pods that a Deployment would make are ready behind its Service, with identity and port", () => {
	const { instances } = assume(deployment("reviews-v1", "v1") + service);
	assert.deepEqual(
		instances.map(({ name, workload, serviceAccount, pattern, health, ports }) => [
			...[name, workload, serviceAccount, pattern, health],
			ports.map(({ appPort }) => appPort),
		]),
		["reviews-v1-0", "reviews-v1-1"].map((name) => [name, "reviews-v1", "reviews", "sidecar", "ready", [9080]]),
	);
	assert.match(instances[0]!.address, /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$/);
});

test("an address stays when another Deployment comes, and injection can be declined", () => {
	const [one] = assume(deployment("reviews-v1", "v1") + service).instances;
	const two = assume(
		deployment("a-first-one", "v2", ", annotations: { sidecar.istio.io/inject: 'false' }") +
			deployment("reviews-v1", "v1") +
			service,
	).instances;
	assert.equal(two.find(({ name }) => name === "reviews-v1-0")!.address, one!.address);
	assert.equal(two.find(({ name }) => name === "a-first-one-0")!.pattern, "none");
});

test("Pods that are among the objects are the ones there are", () => {
	const pod = `
apiVersion: v1
kind: Pod
metadata: { name: reviews-x, namespace: shop, labels: { app: reviews, version: v1 } }
spec: { containers: [] }
status: { podIP: 10.0.0.1 }
---
`;
	const { all } = assume(pod + deployment("reviews-v1", "v1") + deployment("reviews-v2", "v2"));
	assert.deepEqual(
		all.filter(({ kind }) => kind === "Pod").map(({ name }) => name),
		["reviews-x", "reviews-v2-0", "reviews-v2-1"],
	);
});
