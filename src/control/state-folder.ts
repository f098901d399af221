import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../core/index.ts";

/** What this program writes into `version`; another number means another layout. */
export const stateVersion = "1";

/** Makes the state folder, or checks that it is one of this version.
 *  @throws MeshError `STATE_UNREADABLE`, `STATE_VERSION` */
export async function openStateFolder(folder: string): Promise<void> {
	const path = join(folder, "version");
	try {
		await mkdir(folder, { recursive: true, mode: 0o700 });
		await chmod(folder, 0o700);
		const version = await readVersion(path);
		if (version === undefined) await writeFile(path, stateVersion, { mode: 0o600 });
		else if (version !== stateVersion)
			throw new MeshError(
				"STATE_VERSION",
				`state folder ${folder} is of version ${JSON.stringify(version.slice(0, 20))}, this amime reads version ${stateVersion}: move it away or give another`,
			);
	} catch (cause) {
		if (cause instanceof MeshError) throw cause;
		throw new MeshError("STATE_UNREADABLE", `state folder ${folder} cannot be used`, { cause });
	}
}

async function readVersion(path: string): Promise<string | undefined> {
	try {
		return (await readFile(path, "utf8")).trim();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}
