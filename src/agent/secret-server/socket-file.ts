import { chmodSync, lstatSync, mkdirSync, rmSync, type Stats } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { MeshError } from "../../core/index.ts";

/** Linux takes 107 bytes and macOS 103; a path that fits both is left some room. */
const maxPathBytes = 100;

/** Makes the way free for a unix socket: its folder is there (and private, when the socket is for its owner only), the path is short
 *  enough, and what a dead process left is gone.
 *  @throws MeshError `SOCKET_PATH_TOO_LONG`, `SOCKET_PATH_TAKEN`, `SOCKET_FOLDER` */
export async function prepareSocketPath(path: string, users: "owner" | "everyone" = "owner"): Promise<void> {
	const bytes = Buffer.byteLength(path);
	if (bytes > maxPathBytes) {
		throw new MeshError(
			"SOCKET_PATH_TOO_LONG",
			`unix socket ${path}: the path has ${bytes} bytes, at most ${maxPathBytes} are possible; choose a shorter state folder`,
		);
	}
	const folder = dirname(path);
	try {
		mkdirSync(folder, { recursive: true, mode: users === "owner" ? 0o700 : 0o755 });
		if (users === "owner" && (lstatSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700);
	} catch (error) {
		throw new MeshError("SOCKET_FOLDER", `unix socket ${path}: its folder cannot be made private`, { cause: error });
	}
	const stat = statOf(path);
	if (stat === undefined) return;
	if (!stat.isSocket()) {
		throw new MeshError("SOCKET_PATH_TAKEN", `unix socket ${path}: something that is no socket is there; move it away`);
	}
	if (await isListening(path)) {
		throw new MeshError(
			"SOCKET_PATH_TAKEN",
			`unix socket ${path}: another process listens there; is the mesh running already?`,
		);
	}
	rmSync(path, { force: true });
}

/** Only the own user may connect from here on. */
export function closeToOthers(path: string): void {
	chmodSync(path, 0o600);
}

/** Removes the socket file, when one is left. */
export function removeSocket(path: string): void {
	if (statOf(path)?.isSocket()) rmSync(path, { force: true });
}

function statOf(path: string): Stats | undefined {
	return lstatSync(path, { throwIfNoEntry: false });
}

function isListening(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const probe = connect(path);
		probe.once("connect", () => {
			probe.destroy();
			resolve(true);
		});
		probe.once("error", () => resolve(false));
	});
}
