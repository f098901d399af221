import type { OverloadManager, ResourceMonitor, Trigger } from "../../api/gen/envoy/config/overload/v3/overload_pb.js";
import type { DownstreamConnectionsConfig } from "../../api/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js";
import type { FixedHeapConfig } from "../../api/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.js";
import type { InjectedResourceConfig } from "../../api/gen/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.js";
import {
	type OverloadActionConfig,
	type OverloadConfig,
	type OverloadTrigger,
	overloadActionNames,
	type ResourceMonitorConfig,
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
	const actions = message.actions.flatMap((action, index): OverloadActionConfig[] => {
		const at = scope.at("actions", index);
		const name = overloadActionNames.find((known) => known === action.name);
		if (name === undefined) at.at("name").report(`action ${action.name} is not supported`);
		const triggers = action.triggers.flatMap((trigger, place) => {
			const where = at.at("triggers", place);
			if (!names.has(trigger.name)) where.at("name").report(`unknown trigger resource ${trigger.name}`);
			return readTrigger(trigger, where) ?? [];
		});
		return name === undefined ? [] : [{ name, triggers }];
	});
	return { refreshIntervalMs: toMs(message.refreshInterval, 1_000), monitors, actions, maxDownstreamConnections };
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
