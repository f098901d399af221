import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../src/config/index.ts";
import { createOfflineWorld } from "../../src/explain/index.ts";
import { application } from "./control-mesh.ts";
import { describeCall, simulateCall, type TranslationCase } from "./translation-table.ts";

/** Namespace shop with web, reviews, ratings and the TCP service ledger, namespace bank with bank and the TCP service safe, and the gateway proxy `edge/ingress`
 *  (label istio: ingress) behind the Service `edge/ingress`. */
export const translationWorld: string = [
	application("web"),
	application("reviews"),
	application("ratings"),
	application("books", { protocol: "grpc", port: 9090 }),
	application("ledger", { protocol: "tcp", port: 7000 }),
	application("bank", { namespace: "bank" }),
	application("safe", { namespace: "bank", protocol: "tcp", port: 7000 }),
	`apiVersion: v1
kind: Service
metadata: { name: ingress, namespace: edge }
spec:
  selector: { istio: ingress }
  ports: [{ name: http, port: 80 }, { name: alt, port: 8080 }, { name: tls, port: 443 }, { name: tcp, port: 7000 }]`,
	`apiVersion: v1
kind: Pod
metadata: { name: ingress-0, namespace: edge, labels: { istio: ingress } }
spec: { containers: [] }
status: { podIP: 10.0.0.1, conditions: [{ type: Ready, status: "True" }] }`,
].join("\n---\n");

/** An object in YAML, its spec in flow style; the name may have a namespace before it, which is shop by default. */
export function objectOf(apiVersion: string, kind: string, name: string, spec: string): string {
	const [namespace, own] = name.includes("/") ? name.split("/") : ["shop", name];
	// YAML knows no tabs.
	const text = spec.replaceAll("\t", "  ");
	return `\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${own}, namespace: ${namespace}}\nspec: ${text}\n`;
}

export const istio = (kind: string, name: string, spec: string): string =>
	objectOf(kind === "EnvoyFilter" ? "networking.istio.io/v1alpha3" : "networking.istio.io/v1", kind, name, spec);
export const security = (kind: string, name: string, spec: string): string =>
	objectOf("security.istio.io/v1", kind, name, spec);
export const gatewayApi = (kind: string, name: string, spec: string): string =>
	objectOf("gateway.networking.k8s.io/v1", kind, name, spec);

/** A test for each case: its calls through the proxies of the common world and the case's objects. */
export function testTranslations(cases: readonly TranslationCase[]): void {
	for (const { name, config, calls, with: more, faults = 0 } of cases)
		test(name, () => {
			const { objects, problems } = parseDocuments(`${translationWorld}\n---\n${config}`, "test.yaml");
			const errors = problems.filter(({ severity }) => severity === "error");
			assert.equal(errors.length, faults, errors.map(({ path, problem }) => `${path}: ${problem}`).join("\n"));
			const world = createOfflineWorld([...objects]);
			const results = Object.fromEntries(
				Object.keys(calls).map((call) => [call, describeCall(simulateCall(world, call, more))]),
			);
			assert.deepEqual(results, calls);
		});
}
