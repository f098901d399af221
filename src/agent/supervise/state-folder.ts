import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MeshError } from "../../core/index.ts";

/** The layout of the state folder that this version reads and writes. */
const layoutVersion = "1";
/** SQLITE_BUSY: another process holds the lock. */
const sqliteBusy = 5;

/** The folder that holds everything a mesh on one machine keeps; nothing is written elsewhere. */
export interface StateFolder {
	readonly path: string;
	/** `run/…`: what lives as long as the mesh runs. */
	runFile(name: string): string;
	logFile(name: string): string;
	/** `proxies/<name>`, made when missing. */
	proxyFolder(name: string): string;
	writeControlFile(value: Readonly<Record<string, unknown>>): void;
	removeControlFile(): void;
}

/** Opens a state folder, making it when it is missing.
 *  @throws MeshError `STATE_UNREADABLE`, `STATE_VERSION`, `STATE_FOREIGN` */
export function openStateFolder(given: string): StateFolder {
	const path = resolve(given);
	try {
		mkdirSync(path, { recursive: true, mode: 0o700 });
		checkVersion(path);
		chmodSync(path, 0o700);
		for (const name of ["run", "logs", "proxies", "cache"])
			mkdirSync(join(path, name), { recursive: true, mode: 0o700 });
	} catch (cause) {
		if (cause instanceof MeshError) throw cause;
		throw new MeshError("STATE_UNREADABLE", `cannot use the state folder ${path}`, { cause });
	}
	const controlFile = join(path, "control.json");
	return {
		path,
		runFile: (name) => join(path, "run", name),
		logFile: (name) => join(path, "logs", name),
		proxyFolder(name) {
			const folder = join(path, "proxies", name);
			mkdirSync(folder, { recursive: true, mode: 0o700 });
			return folder;
		},
		writeControlFile(value) {
			rmSync(controlFile, { force: true });
			writeFileSync(controlFile, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
		},
		removeControlFile: () => rmSync(controlFile, { force: true }),
	};
}

/** Holds a state folder for one process; the system lets go of it when the process ends, however it ends.
 *  @throws MeshError `STATE_IN_USE` */
export function lockStateFolder(state: StateFolder): { release(): void } {
	// Made here, for its owner alone; SQLite takes the mode over for its journal.
	writeFileSync(state.runFile("lock"), "", { mode: 0o600, flag: "a" });
	const lock = new DatabaseSync(state.runFile("lock"));
	const holder = state.runFile("pid");
	try {
		lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
	} catch (error) {
		lock.close();
		const isHeld = error instanceof Error && "errcode" in error && error.errcode === sqliteBusy;
		if (!isHeld)
			throw new MeshError("STATE_UNREADABLE", `cannot lock the state folder ${state.path}`, { cause: error });
		throw new MeshError("STATE_IN_USE", `a mesh runs on the state folder ${state.path} already${readHolder(holder)}`);
	}
	writeFileSync(holder, String(process.pid), { mode: 0o600 });
	return {
		release() {
			rmSync(holder, { force: true });
			lock.close();
			rmSync(state.runFile("lock"), { force: true });
		},
	};
}

function readHolder(path: string): string {
	try {
		return ` (process ${readFileSync(path, "utf8").trim()}): stop it first, or choose another with --state`;
	} catch (error) {
		if (error instanceof Error && "code" in error) return "";
		throw error;
	}
}

function checkVersion(path: string): void {
	if (!statSync(path).isDirectory()) throw new MeshError("STATE_UNREADABLE", `${path} is no folder`);
	const names = readdirSync(path);
	const file = join(path, "version");
	if (names.includes("version")) {
		const found = readFileSync(file, "utf8").trim();
		if (found === layoutVersion) return;
		throw new MeshError(
			"STATE_VERSION",
			`the state folder ${path} has layout version '${found.slice(0, 40)}', this amime reads ${layoutVersion}: remove it, or choose another with --state`,
		);
	}
	if (names.length > 0) {
		throw new MeshError(
			"STATE_FOREIGN",
			`${path} is not empty and is no state folder of amime: choose another with --state`,
		);
	}
	writeFileSync(file, `${layoutVersion}\n`, { mode: 0o600 });
}
