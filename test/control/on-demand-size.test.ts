/** How much configuration a proxy is given in a large mesh. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import { buildMesh, type ConfigObject, parseDocuments } from "../../src/config/index.ts";
import { createSnapshotStore } from "../../src/control/snapshot/index.ts";
import { clusterType, endpointType, listenerType, routeType, type XdsSnapshot } from "../../src/xds/server/index.ts";

const services = 5_000;
const hostOf = (number: number): string => `svc-${number}.big.svc.cluster.local`;

function parse(document: object): ConfigObject {
	return parseDocuments(JSON.stringify(document), "api", { createdAt: 1 }).objects[0]!;
}

function createWorld(): ConfigObject[] {
	const objects = [
		parse({
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: "client", namespace: "big", labels: { app: "client" } },
			spec: { containers: [{ name: "c", image: "c" }] },
			status: { phase: "Running", podIP: "10.1.0.1", conditions: [{ type: "Ready", status: "True" }] },
		}),
	];
	for (let number = 0; number < services; number++) {
		const name = `svc-${number}`;
		objects.push(
			parse({
				apiVersion: "v1",
				kind: "Service",
				metadata: { name, namespace: "big" },
				spec: {
					clusterIP: `10.96.${number >> 8}.${number & 255}`,
					ports: [
						{ name: "http", port: 80, targetPort: 8080 },
						...(number % 2 === 0 ? [{ name: "tcp-db", port: 5432, targetPort: 5432 }] : []),
					],
				},
			}),
			parse({
				apiVersion: "discovery.k8s.io/v1",
				kind: "EndpointSlice",
				metadata: { name, namespace: "big", labels: { "kubernetes.io/service-name": name } },
				addressType: "IPv4",
				ports: [
					{ name: "http", port: 8080 },
					{ name: "tcp-db", port: 5432 },
				],
				endpoints: Array.from({ length: 10 }, (_, index) => ({
					addresses: [`10.${10 + index}.${number >> 8}.${number & 255}`],
				})),
			}),
		);
	}
	return objects;
}

/** Bytes of what a proxy subscribes to: all clusters and listeners, the endpoints and routes that those name. */
function measure({ resources }: XdsSnapshot): number {
	return [clusterType, listenerType, endpointType, routeType]
		.flatMap((type) => [...resources.get(type)!.values()])
		.reduce((bytes, { value, name, version }) => bytes + value.length + name.length + version.length, 0);
}

test("with 5,000 services a captured proxy that calls 10 has less than 1 MiB of configuration", () => {
	const { mesh } = buildMesh(createWorld(), [], {});
	let hosts: ReadonlySet<string> = new Set();
	const store = createSnapshotStore({ hostsOf: () => hosts, server: { host: "127.0.0.1", port: 15_010 } });
	store.apply(mesh);
	for (const userAgentName of ["amime", "envoy"]) {
		hosts = new Set();
		store.onHosts("big/client");
		const node = create(NodeSchema, {
			id: "sidecar~10.1.0.1~client.big~big.svc.cluster.local",
			userAgentName,
			metadata: { INTERCEPTION_MODE: "REDIRECT" },
		});
		const empty = measure(store.get(node)!);
		assert.ok(empty < 64 * 1024, `${userAgentName}: ${empty} bytes before the first call`);
		hosts = new Set(Array.from({ length: 10 }, (_, index) => hostOf(index * 7)));
		store.onHosts("big/client");
		const snapshot = store.get(node)!;
		const bytes = measure(snapshot);
		assert.ok(bytes < 128 * 1024, `${userAgentName}: ${bytes} bytes with 10 services`);
		assert.ok(
			snapshot.resources.get(clusterType)!.has(`outbound|80||${hostOf(4_999)}`),
			"the others are there to ask for",
		);
		assert.ok(![...snapshot.resources.get(clusterType)!.keys()].includes(`outbound|80||${hostOf(4_999)}`));
		assert.ok(
			snapshot.resources.get(listenerType)!.has("10.96.0.0_5432"),
			"a database that was called has its listener",
		);
	}
});
