import type { Labels } from "../../model/index.ts";

/** A selector; an empty one is as none, for policies (Istio: every workload) and services (Kubernetes: no workload) alike. */
export function toSelector(labels: Labels | undefined): Labels | undefined {
	return labels === undefined || Object.keys(labels).length === 0 ? undefined : labels;
}
