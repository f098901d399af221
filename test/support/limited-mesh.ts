import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { application } from "./control-mesh.ts";
import { createRunningInstance, startApplication, type TestControlPlane } from "./control-plane.ts";
import { eventually } from "./eventually.ts";
import { type HttpAnswer, sendRequest } from "./http-call.ts";

/** The Service `orders` and those that call it, in the namespace `shop`. */
export const limitedServices = `${["orders", "web", "batch"].map((name) => application(name)).join("---\n")}---
apiVersion: v1
kind: Service
metadata: { name: orders, namespace: shop }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80, targetPort: http }] }
`;

/** A RateLimitPolicy `orders` with these limits, each in YAML's flow form. */
export function limitPolicy(target: string, ...limits: readonly string[]): string {
	return `---
apiVersion: amime.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: orders, namespace: shop }
spec:
  targetRefs: [${target}]
  limits: [${limits.join(", ")}]
`;
}

/** Sidecars of these kinds before one application; resolves when each answers at `/free`. */
export async function startOrders(
	t: TestContext,
	control: TestControlPlane,
	kinds: readonly ("amime" | "envoy")[],
): Promise<WorkloadInstance[]> {
	const appPort = await startApplication(t, (_request, response) => response.end("ok"));
	const instances: WorkloadInstance[] = [];
	for (const [number, sidecar] of kinds.entries()) {
		const instance = { ...(await createRunningInstance("orders", appPort)), name: `orders-${number}`, sidecar };
		await control.register(instance);
		instances.push(instance);
	}
	await Promise.all(instances.map((instance, position) => control.startProxy(t, instance, kinds[position]!)));
	await Promise.all(
		instances.map((instance) =>
			eventually(async () => assert.equal((await ask(instance, "/free")).status, 200), { deadlineMs: 30_000 }),
		),
	);
	return instances;
}

/** A request to the sidecar of an instance, in plain text. */
export function ask(
	instance: WorkloadInstance,
	path: string,
	headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
	return sendRequest({
		port: instance.ports[0]!.meshPort,
		method: "GET",
		path,
		headers: { host: "orders", ...headers },
	});
}

/** What came of a load so far. */
export interface LoadCount {
	readonly passed: number;
	readonly limited: number;
	readonly other: number;
}

/** Requests for `/limited` at steady rates, until the test ends. */
export function startLoad(
	t: TestContext,
	targets: readonly { readonly instance: WorkloadInstance; readonly perSecond: number }[],
) {
	const counts = targets.map(() => ({ passed: 0, limited: 0, other: 0 }));
	const sent = targets.map(() => 0);
	const startedAt = performance.now();
	const timer = setInterval(() => {
		const seconds = (performance.now() - startedAt) / 1_000;
		for (const [position, { instance, perSecond }] of targets.entries()) {
			const count = counts[position]!;
			for (; sent[position]! < seconds * perSecond; sent[position]!++)
				ask(instance, "/limited").then(
					({ status }) => count[status === 200 ? "passed" : status === 429 ? "limited" : "other"]++,
					() => count.other++,
				);
		}
	}, 20);
	t.after(() => clearInterval(timer));
	return {
		/** Requests a second that passed in a window of about that length, by target. */
		async measure(ms: number): Promise<number[]> {
			const before = counts.map(({ passed }) => passed);
			const from = performance.now();
			await new Promise((resolve) => setTimeout(resolve, ms));
			const seconds = (performance.now() - from) / 1_000;
			return counts.map(({ passed }, position) => (passed - before[position]!) / seconds);
		},
		counts: (): readonly LoadCount[] => counts.map((count) => ({ ...count })),
	};
}
