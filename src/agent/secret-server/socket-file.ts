import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, type Stats } from "node:fs";
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
	checkFolder(path, realpathSync(folder), trustedOwners());
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

/** Whoever may change a folder on the way to a socket may put another socket in its place, and give identities in this one's name.
 *  @throws MeshError `SOCKET_FOLDER` */
function checkFolder(path: string, folder: string, trusted: readonly (number | undefined)[]): void {
	const { mode, uid } = lstatSync(folder);
	const isForeign = !trusted.includes(uid);
	// In a folder with the sticky bit everybody changes only what is theirs (inode(7)).
	const isOpen = (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
	if (isForeign || isOpen)
		throw new MeshError(
			"SOCKET_FOLDER",
			`unix socket ${path}: ${isForeign ? `user ${uid} owns` : "every user may change"} the folder ${folder} and could put another socket there; choose a folder of your own`,
		);
	const parent = dirname(folder);
	if (parent !== folder) checkFolder(path, parent, trusted);
}

/** Root, the own user, and in a user namespace whoever has no name there (user_namespaces(7)): the machine's root is one of them. */
function trustedOwners(): readonly (number | undefined)[] {
	const owners = [0, process.getuid?.()];
	const map = "/proc/self/uid_map";
	const isWhole = !existsSync(map) || /^\s*0\s+0\s+4294967295/.test(readFileSync(map, "utf8"));
	return isWhole ? owners : [...owners, 65_534];
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
