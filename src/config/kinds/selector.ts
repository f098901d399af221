import type { Labels } from "../../model/index.ts";

/** A policy's selector; an empty one is as none, as in Istio. */
export function toSelector(labels: Labels | undefined): Labels | undefined {
	return labels === undefined || Object.keys(labels).length === 0 ? undefined : labels;
}
