import type { ProxyConfig } from "../../../model/index.ts";
import { map } from "../../schema/collections.ts";
import { workloadSelector } from "../../schema/kubernetes.ts";
import { object, optional } from "../../schema/object.ts";
import { integer, string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";

const spec = object({
	selector: optional(
		workloadSelector(),
		"Workloads it is for; its namespace, or the mesh in the root namespace, when absent",
	),
	concurrency: optional(integer({ min: 0, max: 1024 }), "Worker threads of the proxy; 0 is one a core"),
	environmentVariables: optional(
		map(string({ minLength: 0 }), { format: "the name of a variable", pattern: /^[A-Za-z_][A-Za-z0-9_]*$/ }),
		"Environment variables of the proxy",
	),
	image: optional(
		object({ imageType: optional(string({ minLength: 0, maxLength: 63 }), "Kind of image") }),
		"Image of an injected proxy",
	),
});

/** `networking.istio.io/v1` ProxyConfig. */
export const proxyConfigKind = defineKind({
	name: "ProxyConfig",
	apiVersions: ["networking.istio.io/v1", "networking.istio.io/v1beta1"],
	aliases: ["proxyconfigs"],
	doc: "Settings of the proxies of some workloads, used when they start.",
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
			...(value.image?.imageType !== undefined && { imageType: value.image.imageType }),
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
