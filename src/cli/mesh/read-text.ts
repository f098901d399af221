import { readFile } from "node:fs/promises";
import { MeshError } from "../../core/index.ts";

/** The text of a file that a user names.
 *  @param given as the user named it
 *  @throws MeshError `FILE_UNREADABLE` */
export async function readText(path: string, given: string): Promise<string> {
	try {
		return await readFile(path, "utf8");
	} catch (cause) {
		throw new MeshError("FILE_UNREADABLE", `cannot read ${given}`, { cause });
	}
}
