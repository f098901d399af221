import { formatObjectName } from "../../model/index.ts";
import { decideMutualTls, findIngressSidecar } from "../translate/index.ts";
import { nameAt, type ReportFinding, type World } from "./world.ts";

/** TLS of a Sidecar's ingress that mutual TLS of the mesh keeps from having an effect; told once a listener. */
export function checkSidecars(world: World, report: ReportFinding): void {
	const { mesh, instances } = world.index;
	const selected = [...mesh.workloads.map((workload) => ({ ...workload, workload: workload.name })), ...instances];
	for (const sidecar of mesh.sidecars)
		for (const [position, { tls, port }] of sidecar.ingress.entries()) {
			if (tls === undefined || port === undefined) continue;
			for (const one of selected) {
				if (one.pattern !== "sidecar" || findIngressSidecar(world.index, one) !== sidecar) continue;
				const { mode, policy } = decideMutualTls(world.index, one, { name: port.name, appPort: port.number });
				if (mode === "DISABLE") continue;
				const by =
					policy === undefined ? "without a PeerAuthentication" : `by ${nameAt(world, "PeerAuthentication", policy)}`;
				const sentence = `port ${port.number} of ${formatObjectName({ namespace: one.namespace, name: one.workload })} is ${mode} ${by}: it takes mutual TLS of the mesh, and this TLS has no effect`;
				report("INGRESS_TLS_UNUSED", { ...sidecar, kind: "Sidecar" }, `spec.ingress[${position}].tls`, sentence);
				break;
			}
		}
}
