import type {
	ConfigProblem,
	GatewayStatus,
	InstanceStatus,
	ProxyStatus,
	SyncState,
	TypeStatus,
	WorkloadStatus,
} from "../mesh/admin-api.ts";
import type { Paint, Palette } from "./colour.ts";
import { formatGateways } from "./gateway-table.ts";
import { formatProblem } from "./problems.ts";
import { formatTable } from "./table.ts";

/** What `amime status` shows. */
export interface MeshStatus {
	readonly proxies: readonly ProxyStatus[];
	readonly workloads: readonly WorkloadStatus[];
	readonly gateways: readonly GatewayStatus[];
	readonly instances: readonly InstanceStatus[];
	readonly problems: readonly ConfigProblem[];
}

/** The columns of the proxy table: the part of a type URL that names it, and the service that brings it. */
const columns = [
	["Cluster", "CDS"],
	["Listener", "LDS"],
	["ClusterLoadAssignment", "EDS"],
	["RouteConfiguration", "RDS"],
] as const;

/** Tables of workloads and of proxies by type, then every reason for a NACK and every problem of the configuration. */
export function formatStatus(status: MeshStatus, palette: Palette): string {
	const parts = [
		formatWorkloads(status, palette),
		formatUnfit(status.instances, palette),
		formatProxies(status.proxies, palette),
	].filter((part) => part !== "");
	if (status.gateways.length > 0) parts.push(formatGateways(status.gateways, palette));
	const reasons = status.proxies.flatMap((proxy) => listReasons(proxy));
	if (reasons.length > 0) parts.push(reasons.map((reason) => `${palette.bad("NACKED")} ${reason}\n`).join(""));
	if (status.problems.length > 0) {
		parts.push(status.problems.map((problem) => `${palette.warn("problem")} ${formatProblem(problem)}\n`).join(""));
	}
	return parts.join("\n");
}

function formatWorkloads(status: MeshStatus, palette: Palette): string {
	if (status.workloads.length === 0) return "no workloads\n";
	const rows = status.workloads.map((workload) => {
		const own = status.instances.filter(
			(instance) => instance.namespace === workload.namespace && instance.workload === workload.name,
		);
		const ready = own.filter((instance) => instance.health === "ready").length;
		const paint = ready === workload.replicas ? palette.good : palette.warn;
		const pattern = workload.pattern === "sidecar" ? `sidecar (${workload.sidecar ?? "amime"})` : workload.pattern;
		return [
			`${workload.namespace}/${workload.name}`,
			pattern,
			workload.identity ?? "-",
			paint(`${ready}/${workload.replicas} ready`),
		];
	});
	return formatTable(["WORKLOAD", "PATTERN", "IDENTITY", "STATE"], rows);
}

/** Instances that are not ready and of which somebody said why. */
function formatUnfit(instances: readonly InstanceStatus[], palette: Palette): string {
	return instances
		.flatMap(({ namespace, name, health, healthReason }) =>
			healthReason === undefined ? [] : [`${palette.bad(health)} ${namespace}/${name}: ${healthReason}\n`],
		)
		.join("");
}

function formatProxies(proxies: readonly ProxyStatus[], palette: Palette): string {
	if (proxies.length === 0) return "no proxy is connected\n";
	const rows = proxies.map((proxy) => [
		proxy.instance ?? proxy.nodeId,
		...columns.map(([message]) => {
			const type = proxy.types.find((candidate) => nameOf(candidate) === message);
			return type === undefined ? palette.dim("-") : paintOf(type.state, palette)(type.state.replace("_", " "));
		}),
	]);
	return formatTable(["PROXY", ...columns.map(([, service]) => service)], rows);
}

function listReasons(proxy: ProxyStatus): string[] {
	return proxy.types
		.filter((type) => type.state === "NACKED")
		.map((type) => `${proxy.instance ?? proxy.nodeId} ${nameOf(type)}: ${type.reason ?? "no reason given"}`);
}

function nameOf(type: TypeStatus): string {
	return type.typeUrl.slice(type.typeUrl.lastIndexOf(".") + 1);
}

function paintOf(state: SyncState, palette: Palette): Paint {
	if (state === "SYNCED") return palette.good;
	if (state === "NACKED") return palette.bad;
	return state === "STALE" ? palette.warn : palette.dim;
}
