import {
	type AccessLogSettings,
	type IstioMetricName,
	type LabelOverride,
	type Labels,
	type Mesh,
	type MeshSettings,
	type MetricsSettings,
	matchesLabels,
	type SpanTag,
	type Telemetry,
	type TelemetryMode,
} from "../../model/index.ts";

/** Where logs go that name no file. */
export const stdout = "/dev/stdout";

/** What holds for one side of a proxy; absent settings stay as they are. */
export interface SideTelemetry {
	readonly samplingPercent?: number;
	readonly disablesSpans?: boolean;
	readonly customTags?: Readonly<Record<string, SpanTag>>;
	readonly disablesLog?: boolean;
	readonly logFilter?: string;
	/** In place of Envoy's format on standard output. */
	readonly log?: AccessLogSettings;
	/** Changes of metrics; a metric without one stays as it is. */
	readonly metrics?: ReadonlyMap<IstioMetricName, MetricChange>;
}

/** What becomes of one metric. */
export interface MetricChange {
	readonly isDisabled: boolean;
	readonly labels: Readonly<Record<string, LabelOverride>>;
}

/** What holds for a proxy: for what its workload calls, and for what calls it. */
export interface ResolvedTelemetry {
	readonly client: SideTelemetry;
	readonly server: SideTelemetry;
}

/** Whether every proxy has settings, for the mesh has. */
export function hasMeshTelemetry({ accessLog, disablesTracing }: MeshSettings): boolean {
	return accessLog !== undefined || disablesTracing === true;
}

/** The settings of a proxy: of the mesh, over them of the root namespace, over them its namespace's, over them its workload's, the oldest object of each (Istio).
 *  Undefined without any. */
export function resolveTelemetry(
	{ telemetries, settings }: Pick<Mesh, "telemetries" | "settings">,
	node: { readonly namespace: string; readonly labels: Labels },
): ResolvedTelemetry | undefined {
	const oldest = (namespace: string, isFor: (telemetry: Telemetry) => boolean): Telemetry[] =>
		telemetries
			.filter((telemetry) => telemetry.namespace === namespace && isFor(telemetry))
			.sort((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1))
			.slice(0, 1);
	const isGeneral = ({ selector, targets }: Telemetry): boolean => selector === undefined && targets === undefined;
	const levels = [
		...(settings.rootNamespace === node.namespace ? [] : oldest(settings.rootNamespace, isGeneral)),
		...oldest(node.namespace, isGeneral),
		...oldest(node.namespace, (telemetry) => !isGeneral(telemetry) && selects(telemetry, node.labels)),
	];
	if (levels.length === 0 && !hasMeshTelemetry(settings)) return undefined;
	return { client: resolveSide(settings, levels, "CLIENT"), server: resolveSide(settings, levels, "SERVER") };
}

function selects({ selector, targets }: Telemetry, labels: Labels): boolean {
	if (selector !== undefined) return matchesLabels(selector, labels);
	const gateway = labels["gateway.networking.k8s.io/gateway-name"];
	return targets?.some(({ kind, name }) => kind === "Gateway" && name === gateway) ?? false;
}

function resolveSide(
	{ accessLog, disablesTracing }: MeshSettings,
	levels: readonly Telemetry[],
	side: Exclude<TelemetryMode, "CLIENT_AND_SERVER">,
): SideTelemetry {
	let resolved: SideTelemetry = {
		...(disablesTracing === true && { disablesSpans: true }),
		...(accessLog?.file === "" && { disablesLog: true }),
		// Switched on by a Telemetry object, a log without a file goes to standard output.
		...(accessLog !== undefined && { log: { ...accessLog, file: accessLog.file === "" ? stdout : accessLog.file } }),
	};
	const isFor = ({ mode }: { readonly mode: TelemetryMode }): boolean => mode === side || mode === "CLIENT_AND_SERVER";
	for (const { tracing, accessLogging, metrics } of levels) {
		for (const { samplingPercent, disablesSpans, customTags } of tracing.filter(isFor))
			resolved = {
				...resolved,
				...(samplingPercent !== undefined && { samplingPercent }),
				...(disablesSpans !== undefined && { disablesSpans }),
				...(Object.keys(customTags).length > 0 && { customTags }),
			};
		// Logging that a narrower object turns on is on, whatever wider ones say.
		for (const { isDisabled, filter } of accessLogging.filter(isFor))
			resolved = { ...resolved, disablesLog: isDisabled ?? false, ...(filter !== undefined && { logFilter: filter }) };
		for (const settings of metrics.filter(isFor))
			resolved = { ...resolved, metrics: changeMetrics(resolved.metrics, settings) };
	}
	return resolved;
}

function changeMetrics(
	changes: ReadonlyMap<IstioMetricName, MetricChange> = new Map(),
	{ metrics, isDisabled, labels }: MetricsSettings,
): ReadonlyMap<IstioMetricName, MetricChange> {
	const changed = new Map(changes);
	for (const metric of metrics) {
		const before = changes.get(metric);
		changed.set(metric, {
			isDisabled: isDisabled ?? before?.isDisabled ?? false,
			labels: { ...before?.labels, ...labels },
		});
	}
	return changed;
}
