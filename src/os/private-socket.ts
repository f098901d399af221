import { createHash } from "node:crypto";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toSystemPath } from "./pipe-path.ts";

/** A folder that nobody else may enter (mode 0700), made with the first socket and removed behind the last. */
let folder: string | undefined;

/** Where this thread listens for its own connections under `name`: a path that no other user can connect to. */
export function createPrivateSocketPath(name: string): string {
	folder ??= mkdtempSync(join(tmpdir(), "amime-"));
	return join(folder, fileOf(name));
}

/** The path of a unix socket to connect to, or of a listener of this thread, by its name. */
export function findSystemPath(address: { readonly path: string; readonly listener?: string }): string {
	if (address.listener === undefined) return toSystemPath(address.path);
	return join(folder ?? nowhere, fileOf(address.listener));
}

/** A folder that is not there, and that nobody can make. */
const nowhere = "/proc/self/none";

/** To be called when a listening socket is closed: the folder goes with the last. */
export function releasePrivateSockets(): void {
	if (folder === undefined) return;
	try {
		rmdirSync(folder);
		folder = undefined;
	} catch {
		// Others listen in it.
	}
}

/** Names are of any length and of any letters. */
function fileOf(name: string): string {
	return createHash("sha256").update(name).digest("hex").slice(0, 24);
}
