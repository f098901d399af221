import { type Locality, readLocalityLabel, type WorkloadEndpoint } from "../../../model/index.ts";
import { map } from "../../schema/collections.ts";
import { labels } from "../../schema/kubernetes.ts";
import { ignored, type ObjectOf, optional } from "../../schema/object.ts";
import { integer, string } from "../../schema/scalars.ts";
import { portNumber } from "../istio/destination.ts";

/** Fields of a WorkloadEntry beside its address; a WorkloadGroup has them as its template. */
export const endpointFields = {
	ports: optional(
		map(portNumber(), { format: "the name of a port", pattern: /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/ }),
		"Ports by the names of the service's ports, where they are others",
	),
	labels: optional(labels(), "Labels of the workload"),
	network: ignored("Network of the workload; the mesh is one network"),
	locality: optional(
		string({ format: "region/zone/subzone", pattern: /^[^/\s]+(\/[^/\s]+){0,2}$/, maxLength: 256 }),
		"Where it runs, `region/zone/subzone`",
	),
	weight: optional(integer({ min: 0, max: 2 ** 31 - 1 }), "Share of the requests among endpoints; 1 when absent or 0"),
	serviceAccount: optional(string({ maxLength: 253 }), "Service account that it runs as"),
};

/** The address of an endpoint. */
export const addressField = optional(
	string({
		format: "an address, a DNS name or unix:///path",
		pattern: /^(unix:\/\/\/\S+|[A-Za-z0-9:._-]+)$/,
		maxLength: 1024,
	}),
	"IP address, DNS name, or `unix:///path`",
);

/** What the fields say. */
export function toEndpoint(
	value: ObjectOf<typeof endpointFields>,
	metadataLabels: Readonly<Record<string, string>> = {},
): Omit<WorkloadEndpoint, "address"> {
	const all = { ...metadataLabels, ...value.labels };
	const locality = value.locality === undefined ? readLocalityLabel(all) : parseLocality(value.locality);
	const mode = all["security.istio.io/tlsMode"];
	return {
		ports: value.ports ?? {},
		labels: all,
		...(locality !== undefined && { locality }),
		weight: value.weight === undefined || value.weight === 0 ? 1 : value.weight,
		...(value.serviceAccount !== undefined && { serviceAccount: value.serviceAccount }),
		isMutualTls: mode === undefined ? value.serviceAccount !== undefined : mode === "istio",
	};
}

/** `region/zone/subzone`. */
export function parseLocality(text: string): Locality {
	const [region = "", zone = "", subZone = ""] = text.split("/");
	return { region, zone, subZone };
}
