import {
	type OverloadAction,
	type OverloadManager,
	type ResourceMonitor,
	type ScaleTimersOverloadActionConfig,
	ScaleTimersOverloadActionConfig_TimerType as TimerType,
	type Trigger,
} from "../../api/gen/envoy/config/overload/v3/overload_pb.js";
import type { CgroupMemoryConfig } from "../../api/gen/envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory_pb.js";
import {
	CpuUtilizationConfig_UtilizationComputeStrategy as CpuMode,
	type CpuUtilizationConfig,
} from "../../api/gen/envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization_pb.js";
import type { DownstreamConnectionsConfig } from "../../api/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js";
import type { FixedHeapConfig } from "../../api/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.js";
import type { InjectedResourceConfig } from "../../api/gen/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.js";
import {
	type OverloadActionConfig,
	type OverloadConfig,
	type OverloadTrigger,
	overloadActionNames,
	type ResourceMonitorConfig,
	type ScaledTimerConfig,
	type ScaledTimerKind,
	type ShedPointConfig,
	shedPointNames,
} from "./overload-config.ts";
import type { Scope } from "./scope.ts";
import { toMs, unpackExtension } from "./values.ts";

/** Translates the overload manager; a monitor or an action that there is none of is reported. */
export function readOverload(message: OverloadManager | undefined, scope: Scope): OverloadConfig | undefined {
	if (message === undefined) return undefined;
	let maxDownstreamConnections = Number.POSITIVE_INFINITY;
	const monitors = message.resourceMonitors.flatMap((monitor, index): ResourceMonitorConfig[] => {
		const read = readMonitor(monitor, scope.at("resource_monitors", index));
		if (typeof read === "number") maxDownstreamConnections = read;
		return read === undefined || typeof read === "number" ? [] : [read];
	});
	const names = new Set<string>();
	for (const [index, { name }] of message.resourceMonitors.entries()) {
		if (names.has(name)) scope.at("resource_monitors", index).at("name").report(`duplicate resource monitor ${name}`);
		names.add(name);
	}
	const scaledTimers: ScaledTimerConfig[] = [];
	const seen = new Set<string>();
	const actions = message.actions.flatMap((action, index): OverloadActionConfig[] => {
		const at = scope.at("actions", index);
		const name = overloadActionNames.find((known) => known === action.name);
		if (name === undefined) at.at("name").report(`action ${action.name} is not supported`);
		if (seen.has(action.name)) at.at("name").report(`duplicate overload action ${action.name}`);
		seen.add(action.name);
		if (name === reduceTimeouts) scaledTimers.push(...readScaledTimers(action, at.at("typed_config")));
		else if (action.typedConfig !== undefined) at.at("typed_config").report(`${action.name} takes no config`);
		const triggers = readTriggers(action.triggers, names, at);
		return name === undefined ? [] : [{ name, triggers }];
	});
	const shedPoints = message.loadshedPoints.flatMap((point, index): ShedPointConfig[] => {
		const at = scope.at("loadshed_points", index);
		const name = shedPointNames.find((known) => known === point.name);
		if (name === undefined) at.at("name").report(`load shed point ${point.name} is not supported`);
		if (seen.has(point.name)) at.at("name").report(`duplicate load shed point ${point.name}`);
		seen.add(point.name);
		const triggers = readTriggers(point.triggers, names, at);
		return name === undefined ? [] : [{ name, triggers }];
	});
	return {
		refreshIntervalMs: toMs(message.refreshInterval, 1_000),
		monitors,
		actions,
		shedPoints,
		maxDownstreamConnections,
		scaledTimers,
	};
}

function readTriggers(
	messages: readonly Trigger[],
	monitors: ReadonlySet<string>,
	scope: Scope,
): readonly OverloadTrigger[] {
	const sources = new Set<string>();
	return messages.flatMap((trigger, place) => {
		const at = scope.at("triggers", place);
		if (sources.has(trigger.name)) at.at("name").report(`duplicate trigger resource ${trigger.name}`);
		sources.add(trigger.name);
		if (!monitors.has(trigger.name)) at.at("name").report(`unknown trigger resource ${trigger.name}`);
		return readTrigger(trigger, at) ?? [];
	});
}

const reduceTimeouts = "envoy.overload_actions.reduce_timeouts";

const timerKinds: Readonly<Record<TimerType, ScaledTimerKind | undefined>> = {
	[TimerType.UNSPECIFIED]: undefined,
	[TimerType.HTTP_DOWNSTREAM_CONNECTION_IDLE]: "connection-idle",
	[TimerType.HTTP_DOWNSTREAM_STREAM_IDLE]: "stream-idle",
	[TimerType.TRANSPORT_SOCKET_CONNECT]: "transport-connect",
};

function readScaledTimers({ typedConfig }: OverloadAction, scope: Scope): ScaledTimerConfig[] {
	const config = unpackExtension(typedConfig, scope);
	if (config === undefined) return [];
	if (config.$typeName !== "envoy.config.overload.v3.ScaleTimersOverloadActionConfig") {
		scope.report(`must be a ScaleTimersOverloadActionConfig, not ${config.$typeName}`);
		return [];
	}
	const { timerScaleFactors } = config as ScaleTimersOverloadActionConfig;
	const timers: ScaledTimerConfig[] = [];
	for (const [index, { timer: type, overloadAdjust: adjust }] of timerScaleFactors.entries()) {
		const at = scope.at("timer_scale_factors", index);
		const timer = timerKinds[type];
		if (timer === undefined) at.at("timer").report("there is no such timer");
		else if (timers.some((one) => one.timer === timer)) at.at("timer").report("this timer is scaled twice");
		else if (adjust.case === "minTimeout") timers.push({ timer, minimum: { kind: "time", ms: toMs(adjust.value, 0) } });
		else timers.push({ timer, minimum: { kind: "share", share: (adjust.value?.value ?? 0) / 100 } });
	}
	return timers;
}

/** A monitor, or the limit of connections, which is no pressure that is measured now and then. */
function readMonitor(message: ResourceMonitor, scope: Scope): ResourceMonitorConfig | number | undefined {
	const any = message.configType.case === "typedConfig" ? message.configType.value : undefined;
	const config = unpackExtension(any, scope.at("typed_config"));
	const { name } = message;
	switch (config?.$typeName) {
		case "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig":
			return { kind: "fixed-heap", name, maxBytes: Number((config as FixedHeapConfig).maxHeapSizeBytes) };
		case "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig":
			return { kind: "injected", name, path: (config as InjectedResourceConfig).filename };
		case "envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig":
			return { kind: "cgroup-memory", name, maxBytes: Number((config as CgroupMemoryConfig).maxMemoryBytes) };
		case "envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig": {
			const { mode } = config as CpuUtilizationConfig;
			return { kind: "cpu", name, mode: mode === CpuMode.CONTAINER ? "container" : "host" };
		}
		case "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig":
			return Number((config as DownstreamConnectionsConfig).maxActiveDownstreamConnections);
		case undefined:
			return undefined;
		default:
			scope.at("typed_config").report(`${config?.$typeName} is not supported`);
			return undefined;
	}
}

function readTrigger({ name: monitor, triggerOneof }: Trigger, scope: Scope): OverloadTrigger | undefined {
	if (triggerOneof.case === "threshold") return { kind: "threshold", monitor, value: triggerOneof.value.value };
	if (triggerOneof.case !== "scaled") return undefined;
	const { saturationThreshold: to, scalingThreshold: from } = triggerOneof.value;
	if (from >= to) scope.at("scaled").report("scaling_threshold must be less than saturation_threshold");
	return { kind: "scaled", monitor, from, to };
}
