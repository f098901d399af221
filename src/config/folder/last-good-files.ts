import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeError, type Log } from "../../core/index.ts";

/** The last good text of each config file, kept over restarts: a policy whose file is broken when the process starts is still in force. */
export interface LastGoodFiles {
	/** Undefined when the file was never good. */
	load(path: string): Promise<string | undefined>;
	save(path: string, text: string): Promise<void>;
	forget(path: string): Promise<void>;
}

/** Keeps texts in a folder (0700, files 0600), one file each. What cannot be written is logged and does no other harm. */
export function createLastGoodFiles(folder: string, log: Log): LastGoodFiles {
	const saved = new Map<string, string>();
	const placeOf = (path: string): string => join(folder, createHash("sha256").update(path).digest("hex"));
	const attempt = async <T>(what: string, path: string, action: () => Promise<T>): Promise<T | undefined> => {
		try {
			return await action();
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
				log.warn(`last good config cannot be ${what}`, { file: path, reason: describeError(error) });
			}
			return undefined;
		}
	};
	return {
		load: (path) => attempt("read", path, () => readFile(placeOf(path), "utf8")),
		async save(path, text) {
			if (saved.get(path) === text) return;
			await attempt("kept", path, async () => {
				await mkdir(folder, { recursive: true, mode: 0o700 });
				const place = placeOf(path);
				await writeFile(`${place}.new`, text, { mode: 0o600 });
				await rename(`${place}.new`, place);
				saved.set(path, text);
			});
		},
		async forget(path) {
			saved.delete(path);
			await attempt("removed", path, () => rm(placeOf(path), { force: true }));
		},
	};
}
