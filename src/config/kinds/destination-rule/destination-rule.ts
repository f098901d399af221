import type { DestinationRule } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { labels, workloadSelector } from "../../schema/kubernetes.ts";
import { object, optional, required } from "../../schema/object.ts";
import { quote, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { exportTo, hostName, resolveExportTo } from "../istio/names.ts";
import { defineKind } from "../kind.ts";
import { toSelector } from "../selector.ts";
import { trafficPolicy } from "./traffic-policy.ts";

const subset = object({
	name: required(
		string({ format: "the name of a subset", pattern: /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, maxLength: 63 }),
		"Name of the subset",
	),
	labels: optional(labels(), "Labels of its workloads, all of them; all workloads of the service when absent"),
	trafficPolicy: optional(trafficPolicy, "Settings that replace those of the whole service, field by field"),
});

const spec = refine(
	object({
		host: required(
			hostName(),
			"Service it is for: `reviews` in its own namespace, the full name, or every host below one by `*.`",
		),
		trafficPolicy: optional(trafficPolicy, "Settings for the whole service"),
		subsets: optional(
			list(subset, { max: 256, salvage: "this subset is left out, the others serve" }),
			"Named parts of the service by label",
		),
		exportTo: optional(exportTo(), "Namespaces whose clients see it; all when absent"),
		workloadSelector: optional(workloadSelector(), "Clients of its namespace it is for; all when absent"),
	}),
	(value, _node, reader) => {
		const names = new Map<string, number>();
		const subsets = value.subsets?.filter(({ name }, index) => {
			if (!names.has(name)) return names.set(name, index);
			const at = reader.field("subsets").item(index);
			at.field("name").refuse(`${quote(name)} is there twice, first as subsets[${names.get(name)}], which serves`);
			at.leaveOut();
			return false;
		});
		return { ...value, subsets };
	},
);

/** `networking.istio.io/v1` DestinationRule. */
export const destinationRuleKind = defineKind({
	name: "DestinationRule",
	apiVersions: networkingVersions,
	aliases: ["destinationrules", "dr"],
	doc: "What happens to requests after routing: load balancing, circuit breakers, ejection of failing endpoints, subsets.",
	example: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ratings, namespace: shop }
spec:
  host: ratings
  trafficPolicy:
    loadBalancer: { simple: ROUND_ROBIN }
    outlierDetection: { consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 10s, maxEjectionPercent: 50 }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): DestinationRule => {
		const seenBy = resolveExportTo(value.exportTo, context.namespace);
		const selector = toSelector(value.workloadSelector);
		return {
			namespace: context.namespace,
			name: context.name,
			host: value.host,
			...(value.trafficPolicy !== undefined && { trafficPolicy: value.trafficPolicy }),
			subsets: (value.subsets ?? []).map((item) => ({
				name: item.name,
				labels: item.labels ?? {},
				...(item.trafficPolicy !== undefined && { trafficPolicy: item.trafficPolicy }),
			})),
			...(seenBy !== undefined && { exportTo: seenBy }),
			...(selector !== undefined && { workloadSelector: selector }),
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
