import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDocument } from "../../../test/support/config-document.ts";
import type { ServiceEndpoint } from "../../model/index.ts";
import { parseDocuments } from "../parse-documents.ts";
import { buildMesh } from "./build-mesh.ts";

const entry = (name: string, ports: readonly object[], address: string, more: object = {}): string =>
	formatDocument(
		"ServiceEntry",
		{ hosts: ["ext.example"], ports, resolution: "STATIC", endpoints: [{ address }], ...more },
		{ name },
	);
const port = (number: number, name: string, more: object = {}) => ({ number, name, protocol: "HTTP", ...more });

function endpointsOf(documents: readonly string[]): readonly Pick<ServiceEndpoint, "address" | "ports" | "health">[] {
	const { mesh } = buildMesh(parseDocuments(documents.join("\n---\n"), "a.yaml").objects, []);
	return mesh.services[0]!.endpoints!.map(({ address, ports, health }) => ({ address, ports, health }));
}

test("two ServiceEntries of one host keep their endpoints apart, port by port", () => {
	assert.deepEqual(
		endpointsOf([entry("a", [port(80, "http")], "10.0.0.1"), entry("b", [port(81, "alt")], "10.0.0.2")]),
		[
			{ address: "10.0.0.1", ports: { http: 80 }, health: "ready" },
			{ address: "10.0.0.2", ports: { alt: 81 }, health: "ready" },
		],
	);
});

test("a port has the endpoints of every entry that has one of its name", () => {
	const documents = [
		entry("a", [port(80, "http")], "10.0.0.1"),
		entry("b", [port(80, "web", { targetPort: 8080 }), port(81, "http")], "10.0.0.2"),
	];
	assert.deepEqual(endpointsOf(documents), [
		{ address: "10.0.0.1", ports: { http: 80 }, health: "ready" },
		{ address: "10.0.0.2", ports: { web: 8080, http: 81 }, health: "ready" },
	]);
});

test("a WorkloadEntry that asks for health checks gets traffic once one has found it healthy", () => {
	const selecting = entry("a", [port(80, "http")], "", {
		endpoints: undefined,
		workloadSelector: { labels: { app: "vm" } },
	});
	const workload = (annotations: object, status?: object): string =>
		JSON.stringify({
			apiVersion: "networking.istio.io/v1",
			kind: "WorkloadEntry",
			metadata: { name: "vm-1", namespace: "shop", annotations },
			spec: { address: "10.0.0.7", labels: { app: "vm" } },
			...(status !== undefined && { status }),
		});
	const healthOf = (annotations: object, status?: object) =>
		endpointsOf([selecting, workload(annotations, status)]).map(({ health }) => health);
	const asked = { "proxy.istio.io/health-checks-enabled": "true" };
	const found = (status: string) => ({ conditions: [{ type: "Healthy", status }] });
	assert.deepEqual(healthOf({}), ["ready"]);
	assert.deepEqual(healthOf(asked), ["unready"]);
	assert.deepEqual(healthOf(asked, found("False")), ["unready"]);
	assert.deepEqual(healthOf(asked, found("True")), ["ready"]);
	assert.deepEqual(healthOf({}, found("False")), ["ready"]);
});
