import { type BigIntStats, constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describeError, MeshError } from "../../core/index.ts";
import type { FileSignature } from "./settle.ts";

/** What a folder holds. */
export interface FolderScan {
	/** Config files by path, in the order of their paths. */
	readonly files: ReadonlyMap<string, FileSignature>;
	/** The folder and those below it, to watch: device and inode by path. */
	readonly folders: ReadonlyMap<string, string>;
	/** What could not be looked at, with the reason. What was known of it stays. */
	readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

const maxFiles = 10_000;
const maxDepth = 32;
const configFile = /\.(?:ya?ml|json)$/i;

/** JSON files of tools that live beside code. */
const toolFile = /^(?:package(?:-lock)?|[tj]sconfig(?:\..*)?|biome|deno|composer)\.json$/;

/** Whether an entry of a folder is none of ours: dot files and folders, what editors leave, installed packages. */
function isForeign(name: string): boolean {
	return /^[.#]|~$/.test(name) || name === "node_modules" || toolFile.test(name);
}

/** Lists the config files of a folder and the folders below it. Links are followed, each folder once. */
export async function scanFolder(root: string): Promise<FolderScan> {
	const files: [string, FileSignature][] = [];
	const folders = new Map<string, string>();
	const unreadable: { path: string; reason: string }[] = [];
	const visited = new Set<string>();
	const visit = async (folder: string, identity: string, depth: number): Promise<void> => {
		if (visited.has(identity)) return;
		visited.add(identity);
		folders.set(folder, identity);
		const names = await readdir(folder).catch((error: unknown) => {
			unreadable.push({ path: folder, reason: describeError(error) });
			return [];
		});
		for (const name of names.sort()) {
			if (isForeign(name)) continue;
			const path = join(folder, name);
			// An entry that went away meanwhile, or a link to nothing, is not there.
			const stats = await stat(path, { bigint: true }).catch(() => undefined);
			if (stats === undefined) continue;
			if (stats.isDirectory()) {
				if (depth < maxDepth) await visit(path, toIdentity(stats), depth + 1);
				else unreadable.push({ path, reason: `folders are nested deeper than ${maxDepth}` });
			} else if (stats.isFile() && configFile.test(name)) {
				if (files.length < maxFiles) files.push([path, toSignature(stats)]);
				else if (files.length === maxFiles)
					unreadable.push({ path: root, reason: `more than ${maxFiles} config files: split the folder` });
			}
		}
	};
	const stats = await stat(root, { bigint: true }).catch((error: unknown) => {
		unreadable.push({ path: root, reason: describeError(error) });
	});
	if (stats !== undefined) await visit(root, toIdentity(stats), 0);
	return { files: new Map(files.sort(([left], [right]) => (left < right ? -1 : 1))), folders, unreadable };
}

/** Checks that a folder can be read.
 *  @throws MeshError `CONFIG_FOLDER_UNREADABLE` */
export async function checkFolder(root: string): Promise<void> {
	const refuse = (reason: string, cause?: unknown): never => {
		throw new MeshError("CONFIG_FOLDER_UNREADABLE", `config folder ${root} ${reason}`, { cause });
	};
	try {
		const stats = await stat(root);
		if (!stats.isDirectory()) refuse("is no folder: name the folder that the file is in");
		await access(root, constants.R_OK | constants.X_OK);
	} catch (error) {
		if (error instanceof MeshError) throw error;
		const code = error instanceof Error && "code" in error ? error.code : undefined;
		if (code === "ENOENT") refuse("does not exist");
		if (code === "EACCES" || code === "EPERM") refuse("may not be read by this user: check its permissions");
		refuse("cannot be read", error);
	}
}

function toIdentity(stats: BigIntStats): string {
	return `${stats.dev}:${stats.ino}`;
}

/** The signature of a file's state. */
export function toSignature(stats: BigIntStats): FileSignature {
	return {
		text: `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
		size: Number(stats.size),
	};
}
