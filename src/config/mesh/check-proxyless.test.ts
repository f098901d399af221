import assert from "node:assert/strict";
import { test } from "node:test";
import { parseObjects } from "../../../test/support/control-mesh.ts";
import { buildMesh } from "./build-mesh.ts";

const workload = (name: string, pattern: string): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: shop}
spec: {pattern: ${pattern}, command: [node]}
---`;
const service = `
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---`;
const route = (parent: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: sticky, namespace: shop}
spec:
  parentRefs: [${parent}]
  rules: [{sessionPersistence: {sessionName: s}, backendRefs: [{name: cart, port: 80}]}, {backendRefs: [{name: cart, port: 80}]}]
---`;
const toService = '{group: "", kind: Service, name: cart}';
const policy = `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: secure, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: cart}], validation: {hostname: cart.example, wellKnownCACertificates: System}}
---`;

/** The paths that clients without a proxy do not follow, and who these are. */
function unsupported(...documents: readonly string[]): string[] {
	const objects = parseObjects([service, ...documents].join("\n").replace(/---\s*$/, ""));
	return buildMesh(objects, [])
		.problems.filter(({ code }) => code === "PROXYLESS_UNSUPPORTED")
		.map(({ path, problem }) => `${path}: ${/\((.*?)\)/.exec(problem)?.[1]}`);
}

test("what gRPC without a proxy does not do is told with the clients that it is about", () => {
	const client = workload("caller", "proxyless");
	assert.deepEqual(unsupported(client, route(toService)), ["spec.rules[0].sessionPersistence: shop/caller"]);
	assert.deepEqual(unsupported(client, policy), ["spec.validation: shop/caller"]);
	const auth = "filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: cart, port: 80}}}]";
	const asking = route(toService).replace("sessionPersistence: {sessionName: s}", auth);
	assert.deepEqual(unsupported(client, asking), ["spec.rules[0].filters: shop/caller"]);
	const many = ["a", "b", "c", "d"].map((name) => workload(name, "proxyless"));
	assert.deepEqual(unsupported(...many, policy), ["spec.validation: shop/a, shop/b, shop/c, …"]);
});

test("nothing is told where every client has a proxy, nor of routes of Gateways", () => {
	assert.deepEqual(unsupported(workload("caller", "sidecar"), route(toService), policy), []);
	assert.deepEqual(unsupported(workload("caller", "proxyless"), route("{name: edge}")), []);
});
