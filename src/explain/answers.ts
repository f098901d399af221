import type { Node } from "../api/gen/envoy/config/core/v3/base_pb.js";
import { type ConfigObject, formatObjectKey, type LocatedProblem, parseDocuments } from "../config/index.ts";
import { AdminError, type AdminResponse, parseJson } from "../control/admin/index.ts";
import type { Prediction, RememberedCall, ServedMesh } from "../control/index.ts";
import { MeshError } from "../core/index.ts";
import type { WorkloadInstance } from "../model/index.ts";
import { diffWorlds } from "./diff.ts";
import { evaluate } from "./evaluate.ts";
import { readQuery } from "./read-query.ts";
import { createOfflineWorld, createWorld, sidecarNode, type World } from "./world.ts";

/** Calls that one request may ask about. */
const maxQueries = 1_000;

/** The world of a control plane: what it gives to the proxies that are connected, and would give to the others. */
function openServed({ index, objects, problems, snapshot, nodes }: ServedMesh): World {
	const known = index();
	if (known === undefined) throw new AdminError(503, "MESH_NOT_READY", "the control plane has no mesh yet: try again");
	const finders = findersOf(nodes());
	const whole = (): World => {
		const instances = known.instances.filter(({ declaredBy }) => declaredBy === undefined);
		const { trustDomain } = known.mesh.settings;
		return createOfflineWorld(objects(), { instances, settings: { trustDomain }, ...finders });
	};
	return createWorld({ index: known, objects: objects(), problems: problems(), snapshot, whole, ...finders });
}

function findersOf(nodes: readonly Node[]) {
	const byId = new Map(nodes.map((node) => [node.id, node]));
	return {
		findNode: (id: string): Node | undefined => byId.get(id),
		hasSidecar: (instance: WorkloadInstance): boolean =>
			instance.pattern === "sidecar" || byId.has(sidecarNode(instance).id),
	};
}

/** `POST /v1/explain` {queries}: what becomes of calls. A query that names nobody is answered with its error among the others. */
export function answerExplain(served: ServedMesh, body: string, nowSeconds: number): AdminResponse {
	const { queries } = readMap(body);
	if (!Array.isArray(queries) || queries.length === 0 || queries.length > maxQueries)
		throw new AdminError(400, "CALL_INVALID", `queries must be a list of 1 to ${maxQueries} calls`);
	const world = openServed(served);
	const items = queries.map((given, at) => {
		const read = readQuery(given);
		if (!read.ok) {
			const problems = read.problems.map(({ path, problem }) => ({
				path: [`queries[${at}]`, path].filter((part) => part !== "").join("."),
				problem,
			}));
			throw new AdminError(400, "CALL_INVALID", `${problems[0]!.path}: ${problems[0]!.problem}`, { problems });
		}
		try {
			return evaluate(world, read.query, nowSeconds);
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			throw new AdminError(404, error.code, error.message);
		}
	});
	return { body: { items } };
}

/** What should become of a request of which only this much is known; undefined when that cannot be said. Conditions on headers and queries
 *  are told without what the request had there. */
export function predict(served: ServedMesh, call: RememberedCall, nowSeconds: number): Prediction | undefined {
	try {
		const { summary, fix, flags, because } = evaluate(openServed(served), call, nowSeconds);
		const known = { ...(flags !== undefined && { flags }), ...(fix !== undefined && { fix }) };
		return { ...known, summary: summary.replaceAll(", not none", ""), because };
	} catch (error) {
		if (error instanceof MeshError) return undefined;
		throw error;
	}
}

/** `POST /v1/diff` {files: [{path, text}], prune?}: what documents would change. With `prune`, objects that are not among them go. */
export function answerDiff(served: ServedMesh, body: string): AdminResponse {
	const { files, prune } = readMap(body);
	const isFile = (file: unknown): file is { readonly path: string; readonly text: string } =>
		typeof file === "object" &&
		file !== null &&
		"path" in file &&
		"text" in file &&
		typeof file.path === "string" &&
		typeof file.text === "string";
	if (!Array.isArray(files) || !files.every(isFile))
		throw new AdminError(400, "DIFF_INVALID", "files must be a list of {path, text}");
	if (prune !== undefined && typeof prune !== "boolean")
		throw new AdminError(400, "DIFF_INVALID", "prune must be true or false");
	const before = openServed(served);
	const current = served.objects();
	const parsed = files.map(({ path, text }) => parseDocuments(text, path));
	const fresh = parsed.flatMap(({ objects }) => objects);
	const keys = new Set(fresh.map(formatObjectKey));
	const kept = prune === true ? [] : current.filter((object) => !keys.has(formatObjectKey(object)));
	const after = [...kept, ...fresh];
	const { settings } = before.index.mesh;
	const instances = before.index.instances.filter(({ declaredBy }) => declaredBy === undefined);
	const build = (objects: readonly ConfigObject[], problems: readonly LocatedProblem[] = []): World =>
		createOfflineWorld(objects, {
			instances,
			problems,
			settings: { trustDomain: settings.trustDomain },
			...findersOf(served.nodes()),
		});
	// Both sides are built alike, so that nothing but the change makes a difference.
	const base = { world: build(current), objects: current };
	const problems = parsed.flatMap((one) => one.problems);
	return { body: diffWorlds(base, { world: build(after, problems), objects: after }, build) };
}

function readMap(text: string): Readonly<Record<string, unknown>> {
	const body = parseJson(text);
	if (typeof body === "object" && body !== null && !Array.isArray(body))
		return body as Readonly<Record<string, unknown>>;
	throw new AdminError(400, "JSON_INVALID", "the body must be a JSON object");
}
