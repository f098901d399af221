import { flattenRuntimeLayer, type Runtime } from "../../engine/runtime/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { AdminRuntime } from "../admin/index.ts";
import type { RuntimeLayer } from "../runtime-config/index.ts";
import { createRuntimeStats } from "../stats/index.ts";

/** The runtime of a proxy: its layers, the last that knows a key wins; the admin layer can be changed while it runs. */
export interface LayeredRuntime extends Runtime {
	describe(): AdminRuntime;
	/** All values in force. */
	values(): ReadonlyMap<string, unknown>;
	/** In a worker: takes the values of the leader in place of its own. */
	override(values: ReadonlyMap<string, unknown>): void;
	onChange(listener: () => void): void;
}

/** `scope` is the root. */
export function createLayeredRuntime(layers: readonly RuntimeLayer[], scope: StatsScope): LayeredRuntime {
	const stats = createRuntimeStats(scope.scope("runtime"));
	const layerValues = layers.map((layer) =>
		layer.kind === "static" ? flattenRuntimeLayer(layer.values) : new Map<string, unknown>(),
	);
	const adminIndex = layers.findLastIndex((layer) => layer.kind === "admin");
	const adminValues = layerValues[adminIndex];
	let values = new Map<string, unknown>();
	const listeners = new Set<() => void>();
	const merge = (): void => {
		values = new Map(layerValues.flatMap((layer) => [...layer]));
		stats.num_keys.value = values.size;
		stats.admin_overrides_active.value = adminValues !== undefined && adminValues.size > 0 ? 1 : 0;
		stats.load_success.value++;
		for (const listener of listeners) listener();
	};
	stats.num_layers.value = layers.length;
	merge();
	return {
		get: (key) => values.get(key),
		values: () => values,
		override(given) {
			values = new Map(given);
		},
		onChange: (listener) => void listeners.add(listener),
		describe: () => ({
			layers: layers.map((layer, index) => ({
				name: layer.name,
				values: new Map([...layerValues[index]!].map(([key, value]) => [key, formatValue(value)])),
			})),
			modify:
				adminValues === undefined
					? undefined
					: (changes) => {
							for (const [key, text] of changes) {
								if (text === "") adminValues.delete(key);
								else adminValues.set(key, parseValue(text));
							}
							merge();
						},
		}),
	};
}

function parseValue(text: string): unknown {
	if (text === "true" || text === "false") return text === "true";
	return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function formatValue(value: unknown): string {
	return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
