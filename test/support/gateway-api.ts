import { buildMesh } from "../../src/config/index.ts";
import { computeStatuses } from "../../src/control/gateway-api/index.ts";
import { createMeshIndex } from "../../src/control/translate/index.ts";
import { parseObjects } from "./control-mesh.ts";

interface ShownCondition {
	readonly type: string;
	readonly status: string;
	readonly reason: string;
}

interface ShownStatus {
	readonly conditions?: readonly ShownCondition[];
	readonly listeners?: readonly {
		readonly name: string;
		readonly attachedRoutes: number;
		readonly conditions: readonly ShownCondition[];
	}[];
	readonly parents?: readonly { readonly conditions: readonly ShownCondition[] }[];
	readonly ancestors?: readonly { readonly conditions: readonly ShownCondition[] }[];
}

/** A Service, its proxy behind it, and the namespaces `edge` and `shop` (label team: a). */
export const gatewayWorld = `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { team: a } }
---
apiVersion: v1
kind: Service
metadata: { name: gw, namespace: edge }
spec: { selector: { app: gw }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: https, port: 443 }, { name: tcp, port: 7000 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: gw-0, namespace: edge, labels: { app: gw } }
spec: { containers: [] }
status: { podIP: 10.0.0.1, conditions: [{ type: Ready, status: "True" }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }, { name: grpc, port: 90 }] }
---
apiVersion: v1
kind: Service
metadata: { name: bank, namespace: vault }
spec: { selector: { app: bank }, ports: [{ name: http, port: 80 }] }`;

/** A Gateway `edge/gw` of the Service `gw`, with listeners as JSON. */
export function gatewayOf(...listeners: readonly object[]): string {
	return JSON.stringify({
		apiVersion: "gateway.networking.k8s.io/v1",
		kind: "Gateway",
		metadata: { name: "gw", namespace: "edge" },
		spec: {
			gatewayClassName: "amime",
			addresses: [{ type: "Hostname", value: "gw.edge.svc.cluster.local" }],
			listeners,
		},
	});
}

/** A route `shop/<name>` of a kind, bound to `edge/gw` unless the spec says otherwise. */
export function routeOf(kind: string, name: string, spec: object, metadata: object = {}): string {
	return JSON.stringify({
		apiVersion: "gateway.networking.k8s.io/v1",
		kind,
		metadata: { name, namespace: "shop", ...metadata },
		spec: {
			parentRefs: [{ name: "gw", namespace: "edge" }],
			rules: [{ backendRefs: [{ name: "web", port: 80 }] }],
			...spec,
		},
	});
}

/** The status of each object as lines: `Gateway: Accepted=Accepted …`, `listener NAME (routes): …`, `parent: …`; `!` marks what is false. */
export function showStatuses(...documents: readonly string[]): Record<string, string[]> {
	const { mesh } = buildMesh(parseObjects(gatewayWorld, ...documents), []);
	const shown: Record<string, string[]> = {};
	for (const [key, status] of computeStatuses(createMeshIndex(mesh))) {
		const { conditions, listeners = [], parents = [], ancestors = [] } = status as ShownStatus;
		shown[key] = [
			...(conditions === undefined ? [] : [showConditions(conditions)]),
			...listeners.map(
				(listener) => `${listener.name} (${listener.attachedRoutes}): ${showConditions(listener.conditions)}`,
			),
			...[...parents, ...ancestors].map((parent) => showConditions(parent.conditions)),
		];
	}
	return shown;
}

/** Conditions that are as a healthy object has them are left out. */
function showConditions(conditions: readonly ShownCondition[]): string {
	const odd = conditions.filter(({ type, status, reason }) =>
		type === "Conflicted" ? status === "True" : status !== "True" || reason !== type,
	);
	return odd.length === 0
		? "good"
		: odd.map(({ type, status, reason }) => `${status === "True" ? "" : "!"}${type}=${reason}`).join(" ");
}
