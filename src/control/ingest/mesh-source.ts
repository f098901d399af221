import {
	buildMesh,
	type ConfigObject,
	compareProblems,
	createMeshMemory,
	formatObjectKey,
	type Json,
	type LocatedProblem,
	type ParsedDocuments,
	parseValue,
} from "../../config/index.ts";
import type { Clock } from "../../core/index.ts";
import type { Mesh, MeshSettings, WorkloadInstance } from "../../model/index.ts";
import type { ConfigStore, InstanceRegistry, StoredObject } from "../../registry/index.ts";
import { createDebounce } from "./debounce.ts";
import { keepUnchanged } from "./intern.ts";

/** What a folder serves; broken documents stay as they last were good. */
export interface FolderState {
	readonly objects: readonly ConfigObject[];
	readonly problems: readonly LocatedProblem[];
}

export interface MeshSourceOptions {
	readonly config: Pick<ConfigStore, "list" | "watch">;
	readonly instances: Pick<InstanceRegistry, "list" | "watch">;
	/** Of the process; a MeshConfig wins over them. */
	readonly settings: () => Partial<MeshSettings>;
	readonly clock: Clock;
	/** There is another mesh; called once for many changes at a time. */
	readonly onMesh: (mesh: Mesh) => void;
	/** Quiet time and bound of the gathering of changes; 20 and 200 by default. A change after a rest is taken up at once. */
	readonly quietMs?: number;
	readonly maxDelayMs?: number;
}

/** Puts folder, applied objects and running instances together. */
export interface MeshSource {
	/** The folder was read (again). */
	setFolder(state: FolderState): void;
	/** Identities are those of the authority: from now on another trust domain is a problem that takes a restart. */
	pinTrustDomain(trustDomain: string): void;
	/** The trust domains that this one relates to. */
	setFederatedTrustDomains(trustDomains: readonly string[]): void;
	/** Builds the mesh at once, and from then on whenever something changed. */
	start(): Mesh;
	/** Everything in force, folder and applied. */
	objects(): readonly ConfigObject[];
	/** The object of the folder with this key (`Kind/namespace/name`). */
	folderObject(key: string): ConfigObject | undefined;
	/** Whether a change waits to become a mesh. */
	isPending(): boolean;
	problems(): readonly LocatedProblem[];
	/** Another source on the same folder, instances and settings, with other applied objects; closed by whoever asked for it. */
	fork(change: Pick<MeshSourceOptions, "config" | "onMesh">): MeshSource;
	close(): void;
}

export function createMeshSource(options: MeshSourceOptions): MeshSource {
	const { config, instances, clock } = options;
	let folderObjects: readonly ConfigObject[] = [];
	let folderProblems: readonly LocatedProblem[] = [];
	let meshProblems: readonly LocatedProblem[] = [];
	let mesh: Mesh | undefined;
	let isConfigNew = true;
	let pinnedTrustDomain: string | undefined;
	let federated: readonly string[] = [];
	const memory = createMeshMemory();
	const forks = new Set<MeshSource>();
	const parsed = new WeakMap<StoredObject, ParsedDocuments>();
	const byRevision = new Map<string, StoredObject>();

	const parseStored = (stored: StoredObject): ParsedDocuments => {
		const seen = parsed.get(stored);
		if (seen !== undefined) return seen;
		const key = formatObjectKey(stored);
		const known = byRevision.get(key);
		const same = known !== undefined && known.revision === stored.revision ? known : stored;
		if (!parsed.has(same)) {
			parsed.set(same, parseValue(same.document as Json, "api", { createdAt: same.createdAt }));
			byRevision.set(key, same);
		}
		const document = parsed.get(same)!;
		parsed.set(stored, document);
		return document;
	};
	const folderKeys = (): Set<string> => new Set(folderObjects.map(formatObjectKey));
	const objects = (): ConfigObject[] => {
		const keys = folderKeys();
		const applied = config.list().flatMap((stored) => parseStored(stored).objects);
		if (keys.size === 0) return applied;
		return [...folderObjects, ...applied.filter((object) => !keys.has(formatObjectKey(object)))];
	};

	const build = (): Mesh => {
		const running = instances.list();
		if (mesh === undefined || isConfigNew) {
			const all = objects();
			const stored = config.list();
			const built = buildMesh(all, running, options.settings(), memory);
			meshProblems = [
				...built.problems,
				...listUnreadable(stored.map(parseStored)),
				...listHidden(stored, folderObjects),
				...listForeignTrustDomain(all, built.mesh, pinnedTrustDomain),
			];
			mesh = keepUnchanged(mesh, withTrustDomains(built.mesh, pinnedTrustDomain, federated));
			if (memory.last !== undefined) memory.last = { ...memory.last, mesh };
			isConfigNew = false;
		} else
			mesh = keepUnchanged(mesh, {
				...mesh,
				instances: sortInstances([...running, ...mesh.declaredInstances]),
			});
		return mesh;
	};
	const debounce = createDebounce(
		{ clock, quietMs: options.quietMs ?? 20, maxMs: options.maxDelayMs ?? 200, firstMs: 2 },
		() => options.onMesh(build()),
	);
	const stops: (() => void)[] = [];
	return {
		setFolder(state) {
			folderObjects = state.objects;
			folderProblems = state.problems;
			isConfigNew = true;
			if (stops.length > 0) debounce.trigger();
			for (const other of forks) other.setFolder(state);
		},
		pinTrustDomain(trustDomain) {
			pinnedTrustDomain = trustDomain;
		},
		setFederatedTrustDomains(trustDomains) {
			if (trustDomains.join() === federated.join()) return;
			federated = trustDomains;
			isConfigNew = true;
			if (stops.length > 0) debounce.trigger();
			for (const other of forks) other.setFederatedTrustDomains(trustDomains);
		},
		start() {
			stops.push(
				config.watch(() => {
					isConfigNew = true;
					debounce.trigger();
				}),
				instances.watch(() => debounce.trigger()),
			);
			return build();
		},
		objects,
		folderObject: (key) => folderObjects.find((object) => formatObjectKey(object) === key),
		isPending: () => debounce.isPending,
		problems: () => [...folderProblems, ...meshProblems].sort(compareProblems),
		fork(change) {
			const other = createMeshSource({ ...options, ...change });
			other.setFolder({ objects: folderObjects, problems: folderProblems });
			if (pinnedTrustDomain !== undefined) other.pinTrustDomain(pinnedTrustDomain);
			other.setFederatedTrustDomains(federated);
			forks.add(other);
			return {
				...other,
				close() {
					forks.delete(other);
					other.close();
				},
			};
		},
		close() {
			debounce.close();
			for (const stop of stops.splice(0)) stop();
		},
	};
}

function withTrustDomains(mesh: Mesh, trustDomain: string | undefined, federated: readonly string[]): Mesh {
	if (trustDomain === undefined) return mesh;
	// The settings may be those of the mesh before, with the relations it had.
	const { federatedTrustDomains: _, ...settings } = mesh.settings;
	const related = federated.length === 0 ? {} : { federatedTrustDomains: federated };
	return { ...mesh, settings: { ...settings, trustDomain, ...related } };
}

function sortInstances(instances: readonly WorkloadInstance[]): WorkloadInstance[] {
	const keyOf = ({ namespace, name }: WorkloadInstance): string => `${namespace}/${name}`;
	return [...instances].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

function listForeignTrustDomain(
	objects: readonly ConfigObject[],
	mesh: Mesh,
	pinned: string | undefined,
): LocatedProblem[] {
	if (pinned === undefined || mesh.settings.trustDomain === pinned) return [];
	return objects
		.filter((object) => object.kind === "MeshConfig")
		.map(({ kind, namespace, name, source, locate }) => ({
			severity: "error",
			file: source.file,
			...locate("spec.trustDomain"),
			kind,
			namespace,
			name,
			path: "spec.trustDomain",
			problem: `the authority of this mesh signs for '${pinned}', which stays: another trust domain takes another state folder`,
		}));
}

/** What is wrong with applied objects that were good when they were applied, to another version of this program. */
function listUnreadable(stored: readonly ParsedDocuments[]): LocatedProblem[] {
	return stored.flatMap(({ problems }) =>
		problems.flatMap((problem): LocatedProblem[] => (problem.severity === "error" ? [{ ...problem, line: 0 }] : [])),
	);
}

/** Applied objects that an object of the folder hides. */
function listHidden(stored: readonly StoredObject[], folder: readonly ConfigObject[]): LocatedProblem[] {
	if (folder.length === 0) return [];
	const byKey = new Map(folder.map((object) => [formatObjectKey(object), object]));
	return stored.flatMap(({ kind, namespace, name }) => {
		const object = byKey.get(formatObjectKey({ kind, namespace, name }));
		if (object === undefined) return [];
		const place = `${object.source.file}:${object.source.line}`;
		return [
			{
				severity: "warning",
				file: "api",
				line: 0,
				kind,
				namespace,
				name,
				path: "",
				problem: `the same object is in the folder (${place}), and that one is served: delete one`,
			},
		];
	});
}
