import { MeshError, type Validated } from "../../core/index.ts";
import { formatObjectName, type ObjectName, type WorkloadGroup } from "../../model/index.ts";
import type { InstanceRegistry } from "../../registry/index.ts";
import { completeRegistration, type GroupProbes } from "../workload-groups/index.ts";
import { parseRegistration, type Registration } from "./parse-instance.ts";
import { parseJson } from "./parse-json.ts";
import { AdminError, type AdminRequest, type Endpoint } from "./router.ts";

const maxInstanceBytes = 1024 * 1024;
const path = "/v1/instances/{namespace}/{name}";

/** What the groups of workloads have to do with their registration. */
export interface RegistrationGroups {
	findGroup(name: ObjectName): WorkloadGroup | undefined;
	readonly probes: Pick<GroupProbes, "registered" | "alive" | "gone">;
}

/** The registry of running instances: whoever starts one registers it, keeps it alive and takes it out.
 *  @param onRemoved is told `<namespace>/<name>` of one that is taken out */
export function createInstanceEndpoints(
	registry: InstanceRegistry,
	{ findGroup, probes }: RegistrationGroups,
	onRemoved: (name: string) => Promise<unknown>,
): Endpoint[] {
	return [
		{ method: "GET", path: "/v1/instances", answer: () => ({ body: { items: registry.list() } }) },
		{
			method: "PUT",
			path,
			maxBodyBytes: maxInstanceBytes,
			async answer(request) {
				const { namespace, name } = nameOf(request);
				const completed = completeRegistration(parseJson(request.body), (group) =>
					findGroup({ namespace, name: group }),
				);
				const parsed: Validated<Registration> =
					"problem" in completed
						? { ok: false, problems: [completed.problem] }
						: parseRegistration(completed.body, namespace, name);
				if (!parsed.ok) {
					const first = parsed.problems[0]!;
					const message = `instance ${namespace}/${name}: ${first.path}: ${first.problem}`;
					throw new AdminError(422, "INSTANCE_INVALID", message, { problems: parsed.problems });
				}
				const { instance, leaseTtlMs } = parsed.value;
				await registry.put(probes.registered(instance, leaseTtlMs), leaseTtlMs);
				return { body: { namespace, name, result: "registered" } };
			},
		},
		{
			method: "POST",
			path: `${path}/keepalive`,
			maxBodyBytes: 1024,
			async answer(request) {
				const instance = nameOf(request);
				try {
					await registry.keepAlive(instance);
					probes.alive(instance);
				} catch (error) {
					if (error instanceof MeshError && error.code === "INSTANCE_UNKNOWN")
						throw new AdminError(404, error.code, error.message);
					throw error;
				}
				return { body: { ...instance, result: "alive" } };
			},
		},
		{
			method: "DELETE",
			path,
			async answer(request) {
				const { namespace, name } = nameOf(request);
				probes.gone({ namespace, name });
				await onRemoved(formatObjectName({ namespace, name }));
				if (!(await registry.remove({ namespace, name })))
					throw new AdminError(404, "INSTANCE_UNKNOWN", `instance ${namespace}/${name} is not registered`);
				return { body: { namespace, name, result: "removed" } };
			},
		},
	];
}

function nameOf({ params }: AdminRequest): ObjectName {
	return { namespace: params["namespace"]!, name: params["name"]! };
}
