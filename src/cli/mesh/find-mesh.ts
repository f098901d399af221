import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { MeshError } from "../../core/index.ts";
import type { ControlFile } from "./admin-api.ts";

/** Finds the running mesh: the one of the state folder `state`, else the only live one below `./.amime`.
 *  @throws MeshError `MESH_NOT_RUNNING`, `MESH_AMBIGUOUS` or `STATE_UNREADABLE` */
export function findMesh(folder: string, state: string | undefined): ControlFile {
	if (state !== undefined) return findIn(resolve(folder, state), state);
	const base = join(folder, ".amime");
	const found = listFolders(base).flatMap((name) => {
		const control = readControlFile(join(base, name));
		return control === undefined ? [] : { state: relative(folder, join(base, name)), control };
	});
	const live = found.filter(({ control }) => isAlive(control.pid));
	if (live.length === 0) {
		const [cut] = found;
		throw new MeshError(
			"MESH_NOT_RUNNING",
			cut === undefined
				? "no mesh runs here: start one with 'amime up DIR', or name its state folder with --state"
				: `no mesh runs here: ${describeCut(cut.state, cut.control)}`,
		);
	}
	if (live.length > 1) {
		const names = live.map((found) => found.state).join(", ");
		throw new MeshError("MESH_AMBIGUOUS", `several meshes run here: choose one with --state (${names})`);
	}
	return live[0]!.control;
}

/** A control file is removed in the end; one that is left is of a process that was killed. */
function describeCut(state: string, { pid }: ControlFile): string {
	return `process ${pid} of ${state} was killed, and what it started may go on without it; 'amime up' with the same folder takes over`;
}

function findIn(path: string, given: string): ControlFile {
	const control = readControlFile(path);
	if (control === undefined) {
		throw new MeshError("MESH_NOT_RUNNING", `no mesh runs on the state folder ${given}: it has no control.json`);
	}
	if (!isAlive(control.pid)) {
		throw new MeshError(
			"MESH_NOT_RUNNING",
			`no mesh runs on the state folder ${given}: ${describeCut(given, control)}`,
		);
	}
	return control;
}

function readControlFile(state: string): ControlFile | undefined {
	const path = join(state, "control.json");
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (cause) {
		if (isMissing(cause)) return undefined;
		throw new MeshError("STATE_UNREADABLE", `cannot read ${path}`, { cause });
	}
	return { ...parseControlFile(text, path), stateFolder: state };
}

function parseControlFile(text: string, path: string): ControlFile {
	try {
		const value = JSON.parse(text) as Partial<ControlFile>;
		const { pid, adminUrl, xdsAddress, token, tls } = value;
		if (typeof pid === "number" && typeof adminUrl === "string" && typeof token === "string") {
			return { pid, adminUrl, xdsAddress: xdsAddress ?? "", token, ...(tls !== undefined && { tls }) };
		}
	} catch (cause) {
		throw new MeshError("STATE_UNREADABLE", `${path} is no JSON`, { cause });
	}
	throw new MeshError("STATE_UNREADABLE", `${path} lacks pid, adminUrl or token`);
}

function listFolders(path: string): string[] {
	try {
		return readdirSync(path, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map((entry) => entry.name);
	} catch (cause) {
		if (isMissing(cause)) return [];
		throw new MeshError("STATE_UNREADABLE", `cannot list ${path}`, { cause });
	}
}

function isMissing(error: unknown): boolean {
	return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/** Whether a process of this id lives; one of another user does as well. */
function isAlive(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch (error) {
		return error instanceof Error && "code" in error && error.code === "EPERM";
	}
}
