import type { JsonObject } from "../../engine/matcher/index.ts";
import { flattenRuntimeLayer, type Runtime } from "../../engine/runtime/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { AdminRuntime } from "../admin/index.ts";
import { parseYaml } from "../bootstrap/index.ts";
import type { FileWatcher } from "../file-watcher/index.ts";
import type { RuntimeLayer } from "../runtime-config/index.ts";
import { createRuntimeStats } from "../stats/index.ts";
import { readRuntimeFolder } from "./runtime-folder.ts";

/** The runtime of a proxy: its layers, the last that knows a key wins; the admin layer can be changed while it runs. */
export interface LayeredRuntime extends Runtime {
	describe(): AdminRuntime;
	/** All values in force. */
	values(): ReadonlyMap<string, unknown>;
	/** In a worker: takes the values of the leader in place of its own. */
	override(values: ReadonlyMap<string, unknown>): void;
	onChange(listener: () => void): void;
	/** The values of a layer that is a resource. */
	applyLayer(resource: string, values: JsonObject): void;
}

/** `scope` is the root. Folders of disk layers are read now, and again whenever they are swapped. */
export function createLayeredRuntime(
	layers: readonly RuntimeLayer[],
	scope: StatsScope,
	files: FileWatcher,
): LayeredRuntime {
	const stats = createRuntimeStats(scope.scope("runtime"));
	const layerValues = layers.map((layer) =>
		layer.kind === "static" ? flattenRuntimeLayer(layer.values) : new Map<string, unknown>(),
	);
	const adminIndex = layers.findLastIndex((layer) => layer.kind === "admin");
	const adminValues = layerValues[adminIndex];
	const listeners = new Set<() => void>();
	/** Folders that are not there: their layers are not shown. */
	let absent: ReadonlySet<number> = new Set();
	let values = new Map<string, unknown>();
	const merge = (): void => {
		const { failed, found, missing } = readDiskLayers(layers, layerValues);
		absent = missing;
		stats.num_layers.value = layers.length - absent.size;
		values = new Map(layerValues.flatMap((layer) => [...layer]));
		runtime.version++;
		stats.num_keys.value = values.size;
		if (adminValues !== undefined) stats.admin_overrides_active.value = adminValues.size > 0 ? 1 : 0;
		(failed ? stats.load_error : stats.load_success).value++;
		(found > 1 ? stats.override_dir_exists : stats.override_dir_not_exists).value++;
		for (const listener of listeners) listener();
	};
	const runtime: LayeredRuntime & { version: number } = {
		version: 0,
		get: (key) => values.get(key),
		values: () => values,
		override(given) {
			values = new Map(given);
			runtime.version++;
		},
		onChange: (listener) => void listeners.add(listener),
		applyLayer(resource, given) {
			for (const [index, layer] of layers.entries()) {
				if (layer.kind === "rtds" && layer.resource === resource) layerValues[index] = flattenRuntimeLayer(given);
			}
			merge();
		},
		describe: () => ({
			layers: layers.flatMap((layer, index) =>
				absent.has(index)
					? []
					: [
							{
								name: layer.name,
								values: new Map([...layerValues[index]!].map(([key, value]) => [key, formatValue(value)])),
							},
						],
			),
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
	merge();
	// As Envoy, which loads once more when everything about it is ready.
	merge();
	for (const layer of layers) if (layer.kind === "disk") files.watch(layer.link, undefined, merge);
	return runtime;
}

/** Reads the layers that are folders into `layerValues`; one that is not there has no values. */
function readDiskLayers(
	layers: readonly RuntimeLayer[],
	layerValues: Map<string, unknown>[],
): { readonly failed: boolean; readonly found: number; readonly missing: ReadonlySet<number> } {
	const missing = new Set<number>();
	let failed = false;
	let found = 0;
	for (const [index, layer] of layers.entries()) {
		if (layer.kind !== "disk") continue;
		const read = readRuntimeFolder(layer.path);
		if (read.kind === "values") found++;
		if (read.kind === "failed") failed = true;
		if (read.kind === "missing") missing.add(index);
		layerValues[index] =
			read.kind === "values" ? new Map([...read.values].map(([k, text]) => [k, parseValue(text)])) : new Map();
	}
	return { failed, found, missing };
}

function parseValue(text: string): unknown {
	if (text === "true" || text === "false") return text === "true";
	if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
	return text.includes("numerator") ? parseFraction(text) : text;
}

/** A `FractionalPercent` as YAML or JSON; any other text stays one. */
function parseFraction(text: string): unknown {
	const parsed = parseYaml(text);
	return parsed.ok && typeof parsed.value === "object" && parsed.value !== null ? parsed.value : text;
}

function formatValue(value: unknown): string {
	return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
