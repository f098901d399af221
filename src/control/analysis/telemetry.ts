import { formatObjectName, matchesLabels } from "../../model/index.ts";
import { objectsOf, type ReportFinding, type World } from "./world.ts";

/** Changes of Istio's metrics where nobody counts them: stock Envoys do not have Istio's filter, and gRPC without a proxy has none. */
export function checkTelemetry(world: World, report: ReportFinding): void {
	const { mesh } = world.index;
	for (const object of objectsOf(world, "Telemetry")) {
		const { selector, targets = [], metrics } = object.value;
		if (metrics.length === 0 || targets.length > 0) continue;
		const isEverywhere = object.namespace === mesh.settings.rootNamespace;
		const without = mesh.workloads.filter(
			({ namespace, labels, pattern, sidecar }) =>
				(isEverywhere || namespace === object.namespace) &&
				matchesLabels(selector ?? {}, labels) &&
				(pattern === "proxyless" || (pattern === "sidecar" && sidecar === "envoy")),
		);
		const [first] = without;
		if (first === undefined) continue;
		const why = first.pattern === "proxyless" ? "speaks gRPC without a proxy" : "has a stock Envoy";
		const others = without.length === 1 ? "" : `, as for ${without.length - 1} more`;
		report(
			"METRICS_UNCOUNTED",
			object,
			"spec.metrics",
			`does nothing for Workload ${formatObjectName(first)}, which ${why} and counts no metrics of Istio${others}`,
		);
	}
}
