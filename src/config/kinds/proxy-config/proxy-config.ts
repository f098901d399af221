import type { ProxyConfig } from "../../../model/index.ts";
import { map } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { ignored, object, optional } from "../../schema/object.ts";
import { integer, string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";
import { environmentVariable } from "../mesh-config/istio-fields.ts";
import { toSelector } from "../selector.ts";

const spec = object({
	selector: optional(
		workloadSelector(),
		"Workloads it is for; its namespace, or the mesh in the root namespace, when absent",
	),
	concurrency: optional(integer({ min: 0, max: 1024 }), "Worker threads of the proxy; 0 is one a core"),
	environmentVariables: optional(
		map(string({ minLength: 0 }), environmentVariable),
		"Environment variables of the proxy",
	),
	image: ignored("There is one build of the proxy, and sidecars are not injected as containers"),
});

/** `networking.istio.io/v1` ProxyConfig. */
export const proxyConfigKind = defineKind({
	name: "ProxyConfig",
	apiVersions: ["networking.istio.io/v1", "networking.istio.io/v1beta1"],
	aliases: ["proxyconfigs"],
	doc: "Settings of the proxies of some workloads, used when `amime up` starts them; a change restarts them.",
	example: `apiVersion: networking.istio.io/v1
kind: ProxyConfig
metadata: { name: small, namespace: shop }
spec:
  concurrency: 1
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): ProxyConfig => {
		const selector = toSelector(value.selector);
		return {
			namespace: context.namespace,
			name: context.name,
			...(selector !== undefined && { selector }),
			...(value.concurrency !== undefined && { concurrency: value.concurrency }),
			environmentVariables: value.environmentVariables ?? {},
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
