import { fromBinary, toJson } from "@bufbuild/protobuf";
import { apiRegistry } from "../api/index.ts";
import { type ConfigObject, formatObjectKey, formatProblem, type LocatedProblem } from "../config/index.ts";
import {
	clusterType,
	endpointType,
	listenerType,
	routeType,
	secretType,
	type XdsResource,
	type XdsSnapshot,
} from "../xds/server/index.ts";
import type { World } from "./world.ts";

export type ChangeKind = "added" | "changed" | "removed";

/** What a change does to what proxies are given. */
export interface MeshDiff {
	readonly objects: readonly ObjectChange[];
	/** Only proxies for which something changes. */
	readonly proxies: readonly ProxyChange[];
	/** How many proxies keep what they have. */
	readonly unchangedProxies: number;
	readonly problems: { readonly added: readonly LocatedProblem[]; readonly ended: readonly LocatedProblem[] };
}

export interface ObjectChange {
	readonly change: ChangeKind;
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	readonly file: string;
	readonly line: number;
	/** What this change alone does; absent when there are too many to try each. */
	readonly effect?: { readonly proxies: readonly string[]; readonly resources: number };
}

export interface ProxyChange {
	/** `namespace/name`. */
	readonly proxy: string;
	readonly resources: readonly ResourceChange[];
}

export interface ResourceChange {
	readonly change: ChangeKind;
	readonly type: string;
	readonly name: string;
	/** Fields of a changed resource, at most {@link maxFields}. */
	readonly fields: readonly FieldChange[];
}

export interface FieldChange {
	readonly path: string;
	readonly before?: string;
	readonly after?: string;
}

const maxFields = 20;
/** Changes of objects whose own effect is worked out, and the work that this may be, in snapshots. */
const maxAttributed = 50;
const maxAttributedSnapshots = 5_000;

/** Compares two meshes by objects and by what each proxy is given.
 *  @param build a mesh of other objects, for the effect of single changes */
export function diffWorlds(
	before: { readonly world: World; readonly objects: readonly ConfigObject[] },
	after: { readonly world: World; readonly objects: readonly ConfigObject[] },
	build: (objects: readonly ConfigObject[]) => World,
): MeshDiff {
	const old = new Map(before.world.proxies().map(({ name, snapshot }) => [name, snapshot]));
	const comparer = new SnapshotComparer();
	const compare = (world: World): ProxyChange[] => {
		const fresh = new Map(world.proxies().map(({ name, snapshot }) => [name, snapshot]));
		return [...new Set([...old.keys(), ...fresh.keys()])]
			.sort()
			.map((proxy) => ({ proxy, resources: comparer.compare(old.get(proxy), fresh.get(proxy)) }))
			.filter(({ resources }) => resources.length > 0);
	};
	const proxies = compare(after.world);
	const changes = listObjectChanges(before.objects, after.objects);
	const isAttributed = changes.length <= maxAttributed && changes.length * old.size <= maxAttributedSnapshots;
	const objects = changes.map(({ object, change }): ObjectChange => {
		const { kind, namespace, name, source } = object;
		const described = { change, kind, namespace, name, file: source.file, line: source.line };
		if (!isAttributed) return described;
		const effect = changes.length === 1 ? proxies : compare(build(applyChange(before.objects, object, change)));
		const touched = effect.map(({ proxy }) => proxy);
		return {
			...described,
			effect: { proxies: touched, resources: effect.reduce((sum, { resources }) => sum + resources.length, 0) },
		};
	});
	return {
		objects,
		proxies,
		unchangedProxies: old.size - proxies.filter(({ proxy }) => old.has(proxy)).length,
		problems: compareProblems(before.world, after.world),
	};
}

function compareProblems(before: World, after: World): MeshDiff["problems"] {
	// A line that only moved is no news.
	const keyOf = (problem: LocatedProblem): string => formatProblem({ ...problem, file: "", line: 0, column: 0 });
	const known = new Set(before.problems.map(keyOf));
	const left = new Set(after.problems.map(keyOf));
	return {
		added: after.problems.filter((problem) => !known.has(keyOf(problem))),
		ended: before.problems.filter((problem) => !left.has(keyOf(problem))),
	};
}

interface ChangedObject {
	readonly object: ConfigObject;
	readonly change: ChangeKind;
}

function listObjectChanges(before: readonly ConfigObject[], after: readonly ConfigObject[]): ChangedObject[] {
	const old = new Map(before.map((object) => [formatObjectKey(object), object]));
	const fresh = new Map(after.map((object) => [formatObjectKey(object), object]));
	const changed = [...fresh].flatMap(([key, object]): ChangedObject[] => {
		const known = old.get(key);
		if (known === undefined) return [{ object, change: "added" }];
		return JSON.stringify(known.document) === JSON.stringify(object.document) ? [] : [{ object, change: "changed" }];
	});
	const removed = [...old].flatMap(([key, object]): ChangedObject[] =>
		fresh.has(key) ? [] : [{ object, change: "removed" }],
	);
	return [...changed, ...removed];
}

function applyChange(objects: readonly ConfigObject[], object: ConfigObject, change: ChangeKind): ConfigObject[] {
	const key = formatObjectKey(object);
	const others = objects.filter((one) => formatObjectKey(one) !== key);
	return change === "removed" ? others : [...others, object];
}

const typeNames: ReadonlyMap<string, string> = new Map([
	[clusterType, "cluster"],
	[endpointType, "endpoints"],
	[listenerType, "listener"],
	[routeType, "routes"],
	[secretType, "secret"],
]);

/** Compares snapshots; two versions that many proxies share are looked at once. */
class SnapshotComparer {
	readonly #fields = new Map<string, readonly FieldChange[]>();

	compare(before: XdsSnapshot | undefined, after: XdsSnapshot | undefined): ResourceChange[] {
		const changes: ResourceChange[] = [];
		for (const [typeUrl, type] of typeNames) {
			const old = before?.resources.get(typeUrl) ?? new Map<string, XdsResource>();
			const fresh = after?.resources.get(typeUrl) ?? new Map<string, XdsResource>();
			if (old === fresh) continue;
			for (const [name, resource] of fresh) {
				const known = old.get(name);
				if (known === undefined) changes.push({ change: "added", type, name, fields: [] });
				else if (known.version !== resource.version)
					changes.push({ change: "changed", type, name, fields: this.#compareFields(typeUrl, known, resource) });
			}
			for (const name of old.keys()) if (!fresh.has(name)) changes.push({ change: "removed", type, name, fields: [] });
		}
		return changes;
	}

	#compareFields(typeUrl: string, before: XdsResource, after: XdsResource): readonly FieldChange[] {
		// What a secret holds is nobody's to read.
		if (typeUrl === secretType) return [];
		const key = `${typeUrl} ${before.version} ${after.version}`;
		let fields = this.#fields.get(key);
		if (fields === undefined) {
			fields = compareJson(toPlain(typeUrl, before), toPlain(typeUrl, after));
			this.#fields.set(key, fields);
		}
		return fields;
	}
}

function toPlain(typeUrl: string, { value }: XdsResource): unknown {
	const schema = apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
	return schema === undefined ? {} : toJson(schema, fromBinary(schema, value), { registry: apiRegistry });
}

function compareJson(before: unknown, after: unknown): FieldChange[] {
	const changes: FieldChange[] = [];
	walk(before, after, "", changes);
	return changes.slice(0, maxFields);
}

function walk(before: unknown, after: unknown, path: string, changes: FieldChange[]): void {
	if (changes.length > maxFields || Object.is(before, after)) return;
	if (isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
		const old = before as Readonly<Record<string, unknown>>;
		const fresh = after as Readonly<Record<string, unknown>>;
		for (const key of new Set([...Object.keys(old), ...Object.keys(fresh)]))
			walk(
				old[key],
				fresh[key],
				Array.isArray(before) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`,
				changes,
			);
		return;
	}
	changes.push({
		path,
		...(before !== undefined && { before: shorten(before) }),
		...(after !== undefined && { after: shorten(after) }),
	});
}

function isContainer(value: unknown): value is object {
	return typeof value === "object" && value !== null;
}

function shorten(value: unknown): string {
	const text = JSON.stringify(value);
	return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
