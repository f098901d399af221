import { readFolder } from "../config/index.ts";
import { analyzeFolder, type Finding } from "../control/index.ts";

/** What `amime analyze -f FOLDER` prints.
 *  @throws MeshError `CONFIG_FOLDER_UNREADABLE` */
export async function runAnalysis(folder: string): Promise<readonly Finding[]> {
	return analyzeFolder(await readFolder(folder));
}
