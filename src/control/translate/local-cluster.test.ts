import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestMesh, parseObjects } from "../../../test/support/control-mesh.ts";
import { createMeshIndex, translateInboundCluster } from "./index.ts";

const service = (name: string, appProtocol: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: more, port: 81, targetPort: http, appProtocol: ${appProtocol} }] }`;

const alone = (appProtocol: string): string =>
	`${service("web", appProtocol)}
---
apiVersion: amime.dev/v1alpha1
kind: Workload
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { command: ["true"], ports: [{ name: http, protocol: http }] }`;

test("an application is spoken to in HTTP/2 when every Service in front of it says so", () => {
	const speak = (...documents: readonly string[]): string => {
		const index = createMeshIndex(createTestMesh(parseObjects(...documents)));
		const instance = index.instance({ namespace: "shop", name: "web-0" })!;
		const cluster = translateInboundCluster(index, instance, instance.ports[0]!);
		return JSON.stringify(Object.values(cluster.typedExtensionProtocolOptions).map(({ value }) => [...value]));
	};
	const http1 = speak(alone("http"));
	const http2 = speak(alone("kubernetes.io/h2c"));
	assert.notEqual(http2, http1);
	assert.equal(speak(alone("http2")), http2);
	assert.equal(speak(alone("kubernetes.io/h2c"), service("second", "http")), http1, "one of two says HTTP/1");
});
