import type { EnvoyPatch, Workload } from "../../model/index.ts";
import { selectEnvoyFilters } from "../envoy-filter/index.ts";
import { nameAt, type ReportFinding, type World } from "./world.ts";

/** Patches with extensions that amime's proxies do not have: they are not sent to them. */
export function checkEnvoyFilters(world: World, report: ReportFinding): void {
	const { mesh } = world.index;
	const sidecars = mesh.workloads.filter(({ pattern, sidecar }) => pattern === "sidecar" && sidecar !== "envoy");
	for (const filter of mesh.envoyFilters) {
		const lacking = new Map<EnvoyPatch, { readonly types: readonly string[]; readonly workloads: Workload[] }>();
		for (const workload of sidecars) {
			const { namespace, labels } = workload;
			const node = { type: "sidecar", kind: "envoy", metadata: {}, namespace, labels } as const;
			const alone = { envoyFilters: [filter], settings: mesh.settings };
			for (const { patch, foreignTypes } of selectEnvoyFilters(alone, node)) {
				if (foreignTypes.length === 0) continue;
				const known = lacking.get(patch);
				if (known === undefined) lacking.set(patch, { types: foreignTypes, workloads: [workload] });
				else known.workloads.push(workload);
			}
		}
		for (const [{ path }, { types, workloads }] of lacking) {
			const others = workloads.length === 1 ? "" : `, nor to those of ${workloads.length - 1} more`;
			const first = nameAt(world, "Workload", workloads[0]!);
			const sentence = `amime's proxies do not have ${types.join(", ")}: the patch is not sent to the sidecar of ${first}${others}`;
			report("PATCH_UNSUPPORTED", { ...filter, kind: "EnvoyFilter" }, `${path}.patch.value`, sentence);
		}
	}
}
