import assert from "node:assert/strict";
import { test } from "node:test";
import { parseObjects } from "../../../test/support/control-mesh.ts";
import { buildMesh } from "./build-mesh.ts";

const api = (name: string, spec: string, meta = ""): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: edge${meta}}
spec: {gatewayClassName: amime, ${spec}}
---`;
const http = (...ports: readonly number[]): string =>
	`listeners: [${ports.map((port) => `{name: p${port}, port: ${port}, protocol: HTTP}`).join()}]`;
const istio = (name: string, selector: string, port: number, meta = "namespace: shop"): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, ${meta}}
spec: {selector: {${selector}}, servers: [{port: {number: ${port}, name: http, protocol: HTTP}, hosts: ["*"]}]}
---`;
const workload = (labels: string, namespace = "edge", name = "gw"): string => `
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}
spec: {command: [node]}
---`;

function list(...documents: readonly string[]) {
	return buildMesh(parseObjects(documents.join("\n").replace(/---\s*$/, "")), []).mesh.gatewayProxies;
}

const names = (...documents: readonly string[]): string[] =>
	list(...documents).map(({ namespace, name, gatewayPorts }) => `${namespace}/${name} ${gatewayPorts.join()}`);

test("a Gateway of the Gateway API has a proxy of its own, named as Istio names its Deployment", () => {
	const [proxy, ...others] = list(api("public", http(443, 80)));
	assert.equal(others.length, 0);
	assert.deepEqual(
		[proxy?.name, proxy?.serviceAccount, proxy?.gatewayPorts, proxy?.pattern, proxy?.sidecar, proxy?.labels],
		[
			"public-amime",
			"public-amime",
			[80, 443],
			"gateway",
			"amime",
			{ "gateway.networking.k8s.io/gateway-name": "public" },
		],
	);
	assert.deepEqual(proxy?.gateways, [{ kind: "Gateway", namespace: "edge", name: "public" }]);
});

test("infrastructure gives the proxy its labels, and an annotation its program", () => {
	const infrastructure = `infrastructure: {labels: {tier: front}, annotations: {amime.dev/proxy: envoy}}`;
	const [proxy] = list(api("public", `${infrastructure}, ${http(80)}`));
	assert.deepEqual([proxy?.labels["tier"], proxy?.sidecar], ["front", "envoy"]);
	const [annotated] = list(istio("web", "app: web", 80, "namespace: shop, annotations: {amime.dev/proxy: envoy}"));
	assert.equal(annotated?.sidecar, "envoy");
});

test("Gateways of Istio share a proxy where they select the same, and one for more also serves what selects less", () => {
	assert.deepEqual(
		names(istio("a", "istio: edge", 80), istio("b", "istio: edge", 443), istio("c", "istio: edge, tier: x", 9000)),
		["shop/edge 80,443,9000"],
	);
	assert.deepEqual(names(istio("a", "app: one", 80), istio("b", "app: two", 80)), ["shop/one 80", "shop/two 80"]);
	assert.deepEqual(names(istio("any", "", 80)), ["shop/any 80"]);
	assert.deepEqual(names(istio("any", "", 80), istio("b", "app: two", 443)), ["shop/two 80,443"]);
});

test("Istio's own gateways are where Istio has them, with the labels and the account that its examples name", () => {
	const [proxy] = list(istio("web", "istio: ingressgateway", 80));
	assert.deepEqual(
		[proxy?.namespace, proxy?.name, proxy?.serviceAccount, proxy?.labels],
		[
			"istio-system",
			"istio-ingressgateway",
			"istio-ingressgateway-service-account",
			{ app: "istio-ingressgateway", istio: "ingressgateway" },
		],
	);
});

test("what a Workload or a Pod of the config serves gets no second proxy", () => {
	const label = "gateway.networking.k8s.io/gateway-name: public";
	assert.deepEqual(names(api("public", http(80)), workload(label)), []);
	assert.deepEqual(names(api("public", http(80)), workload(label, "other")), ["edge/public-amime 80"]);
	assert.deepEqual(names(istio("a", "istio: edge", 80), workload("istio: edge", "anywhere")), []);
	const front = (selector: string): string => `
apiVersion: v1
kind: Service
metadata: {name: front, namespace: edge}
spec: {selector: {${selector}}, ports: [{name: http, port: 80}]}
---`;
	const addressed = api("public", `addresses: [{type: Hostname, value: front.edge.svc.cluster.local}], ${http(80)}`);
	assert.deepEqual(names(addressed, front("app: gw"), workload("app: gw")), []);
	assert.deepEqual(names(addressed, front("app: gw")), ["edge/public-amime 80"]);
	assert.deepEqual(names(addressed), []);
});

test("Gateways of other controllers are left alone, and a name that a Workload has is not taken", () => {
	const foreign = api("public", http(80)).replace("gatewayClassName: amime", "gatewayClassName: nginx");
	assert.deepEqual(names(foreign), []);
	assert.deepEqual(names(api("public", http(80)), workload("x: y", "edge", "public-amime")), [
		"edge/public-amime-gateway 80",
	]);
});
