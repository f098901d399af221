import { fromBinary } from "@bufbuild/protobuf";
import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import type { LocatedProblem } from "../../config/index.ts";
import type { Labels } from "../../model/index.ts";
import {
	listenerType,
	packResource,
	routeType,
	type SnapshotSource,
	type XdsSnapshot,
} from "../../xds/server/index.ts";
import { findInstance, readNodeName, readProxyKind } from "../snapshot/index.ts";
import { applyTelemetry, hasMeshTelemetry, type ResolvedTelemetry, resolveTelemetry } from "../telemetry/index.ts";
import type { MeshIndex } from "../translate/index.ts";
import { applyEnvoyFilters, createPatchMemory, type PatchMemory, selectTouching } from "./apply.ts";
import { type CompiledPatch, compileEnvoyFilter } from "./compile.ts";
import { type PatchedNode, selectEnvoyFilters } from "./select.ts";

/** Snapshots with what Telemetry objects say, and the patches of EnvoyFilters over that. */
export interface PatchedSource extends SnapshotSource {
	/** A node refused resources of a type: of the patches that changed them, those that its words are about, else all, are held back from it.
	 *  False when there are none, or they are held back already. */
	refuse(node: Node, typeUrl: string, reason: string, names: readonly string[]): boolean;
	gone(node: Node): void;
	/** Patches that cannot be applied, or that proxies refuse. */
	problems(): readonly Omit<LocatedProblem, "file" | "line">[];
}

interface NodePatches {
	base: XdsSnapshot;
	patches: readonly CompiledPatch[];
	/** What Telemetry objects say for the node, as text. */
	readonly telemetry: string;
	result: XdsSnapshot;
	readonly memory: PatchMemory;
}

/** Wraps a source of snapshots.
 *  @param index of the mesh that its snapshots are of */
export function createPatchedSource(source: SnapshotSource, index: () => MeshIndex | undefined): PatchedSource {
	const known = new Map<string, NodePatches>();
	/** Patches that a node refused, with its words. They go with their object's version. */
	const held = new Map<string, Map<CompiledPatch, string>>();
	const telemetryOf = (node: Node): ResolvedTelemetry | undefined => {
		const current = index();
		if (current === undefined) return undefined;
		if (current.mesh.telemetries.length === 0 && !hasMeshTelemetry(current.mesh.settings)) return undefined;
		const facts = describeNode(current, node);
		return facts === undefined ? undefined : resolveTelemetry(current.mesh, facts);
	};
	const selected = (node: Node): readonly CompiledPatch[] => {
		const current = index();
		if (current === undefined || current.mesh.envoyFilters.length === 0) return [];
		const facts = describeNode(current, node);
		const refused = held.get(node.id);
		return facts === undefined
			? []
			: selectEnvoyFilters(current.mesh, facts).filter((patch) => refused?.has(patch) !== true);
	};
	return {
		get(node) {
			const base = source.get(node);
			if (base === undefined) return undefined;
			const patches = selected(node);
			const resolved = telemetryOf(node);
			const telemetry = resolved === undefined ? "" : JSON.stringify(resolved);
			if (patches.length === 0 && resolved === undefined) {
				known.delete(node.id);
				return base;
			}
			const before = known.get(node.id);
			const isSame =
				before?.telemetry === telemetry &&
				before.patches.length === patches.length &&
				before.patches.every((patch, at) => patch === patches[at]);
			if (isSame && before.base === base) return before.result;
			const memory = isSame ? before.memory : createPatchMemory();
			const isGateway = readNodeName(node.id)?.type === "router";
			const told = resolved === undefined ? base : withTelemetry(base, resolved, memory);
			const result = applyEnvoyFilters(told, patches, isGateway, memory);
			known.set(node.id, { base, patches, telemetry, result, memory });
			return result;
		},
		onChange: (listener) => source.onChange(listener),
		refuse(node, typeUrl, reason, names) {
			const base = known.get(node.id)?.base;
			if (base === undefined) return false;
			const isGateway = readNodeName(node.id)?.type === "router";
			const concerned = selected(node).filter(({ patch }) => concerns(patch.applyTo, typeUrl));
			const suspects = selectTouching(base, concerned, isGateway, typeUrl, new Set(names));
			if (suspects.length === 0) return false;
			const told = suspects.filter(({ patch }) => listTexts(patch.value).some((text) => reason.includes(text)));
			const refused = held.get(node.id) ?? new Map<CompiledPatch, string>();
			for (const patch of told.length > 0 ? told : suspects) refused.set(patch, reason);
			held.set(node.id, refused);
			return true;
		},
		gone(node) {
			known.delete(node.id);
			held.delete(node.id);
		},
		problems() {
			const filters = index()?.mesh.envoyFilters ?? [];
			return filters.flatMap((filter) => {
				const { patches, problems } = compileEnvoyFilter(filter);
				const { namespace, name } = filter;
				const about = { severity: "error", kind: "EnvoyFilter", namespace, name } as const;
				const invalid = problems.map(({ path, problem }) => ({
					...about,
					path,
					code: "FIELD_REFUSED" as const,
					problem,
				}));
				const refused = patches.flatMap((patch) => {
					const [first, ...others] = [...held].filter(([, byPatch]) => byPatch.has(patch));
					if (first === undefined) return [];
					const more = others.length === 0 ? "" : ` and ${others.length} more`;
					const problem = `refused by proxy ${first[0]}${more}: ${first[1].get(patch)}; this patch is left out there`;
					return [{ ...about, path: patch.patch.path, code: "PROXY_REFUSED" as const, problem }];
				});
				return [...invalid, ...refused];
			});
		},
	};
}

/** A snapshot whose listeners have the settings of Telemetry objects. */
function withTelemetry(snapshot: XdsSnapshot, telemetry: ResolvedTelemetry, memory: PatchMemory): XdsSnapshot {
	const before = snapshot.resources.get(listenerType);
	if (before === undefined) return snapshot;
	let known = memory.get("telemetry");
	if (known?.before !== before) {
		const listeners = [...before.values()].map(({ value }) =>
			applyTelemetry(fromBinary(ListenerSchema, value), telemetry),
		);
		const after = new Map(listeners.map((item) => [item.name, packResource(ListenerSchema, item.name, item)]));
		known = { before, after };
		memory.set("telemetry", known);
	}
	return { resources: new Map(snapshot.resources).set(listenerType, known.after) };
}

function describeNode(index: MeshIndex, node: Node): PatchedNode | undefined {
	const name = readNodeName(node.id);
	if (name === undefined) return undefined;
	const metadata = (node.metadata ?? {}) as Readonly<Record<string, unknown>>;
	const labels = findInstance(index, node.id)?.labels ?? (metadata["LABELS"] as Labels | undefined) ?? {};
	return { type: name.type, namespace: name.namespace, labels, kind: readProxyKind(node), metadata };
}

/** Whether patches of a place change resources of a type. Routes are in listeners too, where they are inline. */
function concerns(place: CompiledPatch["patch"]["applyTo"], typeUrl: string): boolean {
	const isRoute = place === "ROUTE_CONFIGURATION" || place === "VIRTUAL_HOST" || place === "HTTP_ROUTE";
	if (typeUrl === routeType) return isRoute;
	return typeUrl === listenerType ? place !== "CLUSTER" : place === "CLUSTER";
}

/** The texts of a patch that tell it from others. */
function listTexts(value: unknown): string[] {
	if (typeof value === "string") return value.length < minTold ? [] : [value.slice(value.lastIndexOf("/") + 1)];
	if (value === null || typeof value !== "object") return [];
	return Object.values(value)
		.flatMap(listTexts)
		.filter((text) => text.length >= minTold);
}

const minTold = 5;
