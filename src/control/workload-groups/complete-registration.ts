import type { Problem } from "../../core/index.ts";
import type { Mesh, ObjectName, WorkloadGroup } from "../../model/index.ts";

/** What a workload that names its `group` need not say: what the group's template says. What it says itself is over that, labels one by
 *  one. The body is a registration as it came, read no further than needed here.
 *  @returns the body, or what is wrong with it */
export function completeRegistration(
	body: unknown,
	findGroup: (name: string) => WorkloadGroup | undefined,
): { readonly body: unknown } | { readonly problem: Problem } {
	if (typeof body !== "object" || body === null || !("group" in body) || body.group === undefined) return { body };
	const group = typeof body.group === "string" ? findGroup(body.group) : undefined;
	if (group === undefined)
		return { problem: { path: "group", problem: `there is no WorkloadGroup ${String(body.group)} in the namespace` } };
	const { template } = group;
	const labels = "labels" in body && typeof body.labels === "object" ? body.labels : {};
	return {
		body: {
			workload: group.name,
			serviceAccount: template.serviceAccount ?? "default",
			pattern: "none",
			health: "ready",
			ports: Object.entries(template.ports).map(([name, port]) => ({
				name,
				protocol: protocolOf(name),
				appPort: port,
				meshPort: port,
			})),
			...(template.locality !== undefined && { locality: template.locality }),
			...body,
			labels: { ...group.labels, ...labels },
		},
	};
}

/** The group of a name, in a mesh that may not be loaded yet. */
export function findGroup(mesh: Pick<Mesh, "workloadGroups"> | undefined, name: ObjectName): WorkloadGroup | undefined {
	return mesh?.workloadGroups.find((group) => group.namespace === name.namespace && group.name === name.name);
}

/** What a port speaks by its name, as with Services. */
function protocolOf(name: string): string {
	const [prefix = ""] = name.split("-");
	return ["http", "http2", "grpc", "tcp"].includes(prefix) ? prefix : "tcp";
}
