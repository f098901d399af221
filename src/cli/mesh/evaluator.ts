import { relative, resolve } from "node:path";
import type { FolderSnapshot } from "../../config/index.ts";
import { MeshError, systemClock } from "../../core/index.ts";
import type { Explanation, Query } from "../../explain/index.ts";
import { type CliContext, openMesh } from "../context.ts";
import type { NamedText } from "./join-files.ts";
import { readText } from "./read-text.ts";

/** Says what becomes of calls: of a folder, or of a running mesh. */
export interface Evaluator {
	/** One answer for each query, in their order.
	 *  @throws MeshError `OBJECT_NOT_FOUND` when a source is nobody */
	explain(queries: readonly Query[]): Promise<readonly Explanation[]>;
}

/** Opens the evaluator of a folder, or without one that of the running mesh. Loaded when it is needed: it brings the control plane's and the
 *  data plane's translations along. */
export async function openEvaluator(
	context: CliContext,
	{ folder, state }: { readonly folder?: string; readonly state?: string },
): Promise<Evaluator> {
	if (folder === undefined) {
		const mesh = openMesh(context, state === undefined ? {} : { state });
		return {
			async explain(queries) {
				const answer = (await mesh.request("POST", "/v1/explain", { queries })) as {
					readonly items: readonly Explanation[];
				};
				return answer.items;
			},
		};
	}
	const { createOfflineWorld, evaluate } = await import("../../explain/index.ts");
	const { objects, problems } = await readConfig(context, folder);
	const world = createOfflineWorld(objects, { problems });
	const nowSeconds = systemClock.wall() / 1000;
	return { explain: async (queries) => queries.map((query) => evaluate(world, query, nowSeconds)) };
}

/** Documents as a command line names them. */
export interface ReadConfig extends FolderSnapshot {
	/** What standard input said, when the documents are from there. */
	readonly text?: string;
}

/** Reads a folder of config, one file, or standard input for `-`, with the paths of files as the user would write them.
 *  @throws MeshError `CONFIG_FOLDER_UNREADABLE` where there is no file, `CONFIG_EMPTY` where they hold nothing */
export async function readConfig({ host }: CliContext, given: string): Promise<ReadConfig> {
	const { parseDocuments, readFolder } = await import("../../config/index.ts");
	if (given === "-") {
		const text = await host.readStdin();
		const parsed = parseDocuments(text, standardInput, { folder: host.folder });
		return refuseEmpty({ ...parsed, files: 1, text }, standardInput);
	}
	const { objects, problems, files } = await readFolder(resolve(host.folder, given));
	if (files === 0) throw new MeshError("CONFIG_FOLDER_UNREADABLE", `${given} has no YAML or JSON files`);
	const shorten = (file: string): string => {
		const short = relative(host.folder, file);
		return short.startsWith("..") ? file : short;
	};
	const read = {
		files,
		objects: objects.map((object) => ({ ...object, source: { ...object.source, file: shorten(object.source.file) } })),
		problems: problems.map((problem) => ({ ...problem, file: shorten(problem.file) })),
	};
	return refuseEmpty(read, given);
}

/** Nothing to look at is never what was meant: a pipe whose first command failed must not pass for config without faults.
 *  @throws MeshError `CONFIG_EMPTY` */
function refuseEmpty(read: ReadConfig, given: string): ReadConfig {
	if (read.objects.length + read.problems.length > 0) return read;
	throw new MeshError("CONFIG_EMPTY", `${given} holds no document`);
}

/** What documents of standard input are told by. */
const standardInput = "standard input";

/** The texts that documents were read from, for the control plane to read. */
export async function readTexts(
	{ host }: CliContext,
	{ objects, problems, text }: ReadConfig,
): Promise<readonly NamedText[]> {
	if (text !== undefined) return [{ path: standardInput, text }];
	const paths = new Set([...objects.map(({ source }) => source.file), ...problems.map(({ file }) => file)]);
	return Promise.all(
		[...paths].sort().map(async (path) => ({ path, text: await readText(resolve(host.folder, path), path) })),
	);
}
