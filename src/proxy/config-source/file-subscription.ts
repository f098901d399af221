import type { Log } from "../../core/index.ts";
import {
	clusterType,
	extensionType,
	listenerType,
	type RefusedResource,
	type ResourceUpdate,
	runtimeType,
	scopedRouteType,
	secretType,
} from "../../xds/client/index.ts";
import type { FileWatcher } from "../file-watcher/index.ts";
import { type ConfigSourceConfig, plainName, showPlainly } from "../runtime-config/index.ts";
import { type ResourceFile, readResourceFile, type UnknownFields } from "./file-source.ts";
import type { ResourceOrigin } from "./resource-book.ts";

export type PathSource = Extract<ConfigSourceConfig, { kind: "path" }>;

/** How reading a file ended, for statistics. */
export type FileOutcome =
	| {
			readonly kind: "accepted";
			readonly version: string;
			readonly durationMs: number;
			/** Whether anything in it was new. */
			readonly isChange: boolean;
	  }
	/** Accepted as well, but it says nothing of the resource. */
	| { readonly kind: "empty"; readonly version: string; readonly durationMs: number }
	| { readonly kind: "rejected" }
	| { readonly kind: "failed" };

export interface FileSubscriptionDeps {
	readonly files: FileWatcher;
	readonly log: Log;
	readonly unknownFields: UnknownFields;
	now(): number;
	apply(update: ResourceUpdate, origin: ResourceOrigin): Promise<readonly RefusedResource[]>;
	/** Resources that break their message's own rules: Envoy refuses the whole file for one of them. */
	findRuleProblems(update: ResourceUpdate): readonly RefusedResource[];
	/** Goes up with everything that is accepted of a type. */
	acceptedOf(typeUrl: string): number;
	missing(typeUrl: string, names: readonly string[]): void;
	fileRead(typeUrl: string, name: string | undefined, outcome: FileOutcome): void;
}

/** A file followed. */
export interface FileSubscription {
	close(): void;
}

/** Follows a file that holds all resources of a type (`name` undefined: clusters, listeners) or the one that is named: then,
 *  as in Envoy, nothing else may be in it. A file that cannot be used changes nothing. */
export function followFile(
	typeUrl: string,
	name: string | undefined,
	source: PathSource,
	deps: FileSubscriptionDeps,
): FileSubscription {
	const { path, watchedDirectory } = source;
	/** What this file has given: what is not in it any more goes. */
	let given = new Set<string>();
	let reading: Promise<void> = Promise.resolve();
	let closed = false;

	async function read(): Promise<void> {
		if (closed) return;
		const began = deps.now();
		const accepted = deps.acceptedOf(typeUrl);
		const file = readResourceFile(path, typeUrl, deps.unknownFields);
		await nextTurn();
		if (closed) return;
		const problems = file.kind === "unreadable" ? [{ name: "", problem: file.problem }] : await use(file);
		if (closed) return;
		// Whatever it says: whoever warms has waited for it long enough.
		if (name !== undefined) deps.missing(typeUrl, [name]);
		const durationMs = deps.now() - began;
		if (problems.length > 0) {
			deps.log.error("file of resources has problems", { path, problems });
			deps.fileRead(typeUrl, name, { kind: file.kind === "unreadable" ? "failed" : "rejected" });
			return;
		}
		const { version, resources } = file as Extract<ResourceFile, { kind: "read" }>;
		const isEmpty = name !== undefined && resources.length === 0;
		deps.log.info("file of resources read", { path, resources: resources.length });
		// Scopes are put together anew with every update.
		const isChange = deps.acceptedOf(typeUrl) !== accepted || typeUrl === scopedRouteType;
		deps.fileRead(
			typeUrl,
			name,
			isEmpty ? { kind: "empty", version, durationMs } : { kind: "accepted", version, durationMs, isChange },
		);
	}

	/** @returns why it is refused, in part or as a whole */
	async function use(file: Extract<ResourceFile, { kind: "read" }>): Promise<readonly RefusedResource[]> {
		const { resources, version } = file;
		if (file.broken.length > 0) return file.broken;
		const wrong = name === undefined ? undefined : refuseForName(typeUrl, plainName(name), file);
		if (wrong !== undefined) return [{ name: plainName(name!), problem: wrong }];
		const present = new Set(resources.map((resource) => resource.name));
		const removed = name === undefined ? [...given].filter((one) => !present.has(one)) : [];
		const { unique, duplicates } = splitDuplicates(resources);
		// As long as others may have one of its name, it goes by the name that it is wanted under.
		const added = name === undefined ? unique : unique.map((resource) => ({ ...resource, name }));
		const update: ResourceUpdate = { typeUrl, version, added, removed };
		const breaking = deps.findRuleProblems(update);
		if (breaking.length > 0) return breaking.map(showPlainly);
		await nextTurn();
		if (closed) return [];
		const refused = await deps.apply(update, "file");
		given = present;
		return [...duplicates, ...refused.map(showPlainly)];
	}

	const enqueue = (): void => {
		reading = reading.then(read);
	};
	const unwatch = deps.files.watch(path, watchedDirectory, enqueue);
	enqueue();
	return {
		close() {
			closed = true;
			unwatch();
		},
	};
}

/** Reading, checking and applying are done in turns of their own: requests that come meanwhile wait for a part of it, not for all. */
function nextTurn(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}

function refuseForName(
	typeUrl: string,
	name: string,
	{ resources }: Extract<ResourceFile, { kind: "read" }>,
): string | undefined {
	// A secret that is not there is an error; routes and endpoints that are not there are no news.
	const mustBeThere = typeUrl === secretType || typeUrl === runtimeType || typeUrl === extensionType;
	if (resources.length === 0) return mustBeThere ? `the file does not hold ${name}` : undefined;
	if (resources.length > 1) return `the file holds ${resources.length} resources, one is expected`;
	const found = resources[0]!.name;
	return found === name ? undefined : `the file holds ${found}, expected is ${name}`;
}

/** The first of a name counts. */
function splitDuplicates(resources: Extract<ResourceFile, { kind: "read" }>["resources"]): {
	readonly unique: typeof resources;
	readonly duplicates: readonly RefusedResource[];
} {
	const seen = new Set<string>();
	const duplicates: RefusedResource[] = [];
	const unique = resources.filter(({ name }) => {
		const isFirst = !seen.has(name);
		if (!isFirst) duplicates.push({ name, problem: `duplicate resource ${name} found` });
		seen.add(name);
		return isFirst;
	});
	return { unique, duplicates };
}

/** Types whose files hold everything of the type. */
export function isWholeType(typeUrl: string): boolean {
	return typeUrl === clusterType || typeUrl === listenerType || typeUrl === scopedRouteType;
}
