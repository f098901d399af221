import type { Locality } from "./instance.ts";
import type { Labels } from "./names.ts";

/** The label that says where a workload is, in place of its node. Labels have no slashes: `region.zone.subzone`. */
const localityLabel = "istio-locality";

/** The locality that labels say, or undefined.
 *  Spec: Istio, locality load balancing ("istio-locality" of Pods and WorkloadEntries). */
export function readLocalityLabel(labels: Labels): Locality | undefined {
	const text = labels[localityLabel];
	if (text === undefined || text === "") return undefined;
	const [region = "", zone = "", subZone = ""] = text.split(".");
	return { region, zone, subZone };
}
