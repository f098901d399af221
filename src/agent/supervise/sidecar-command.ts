import { accessSync, constants } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { MeshError } from "../../core/index.ts";
import type { WorkloadInstance } from "../../model/index.ts";

/** How the programs of a mesh are started. */
export interface Programs {
	/** The running Node. */
	readonly node: string;
	/** The script of the command line. */
	readonly script: string;
	/** An Envoy binary that someone named; else it is looked for in `searchPath`, then among `envoyCandidates`. */
	readonly envoy?: string;
	/** Folders, as in PATH. */
	readonly searchPath: string;
	/** Files that may be an Envoy. */
	readonly envoyCandidates: readonly string[];
	/** Environment of control plane and sidecars. */
	readonly env: Readonly<Record<string, string>>;
	/** Environment of applications, without what the mesh adds. */
	readonly applicationEnv: Readonly<Record<string, string>>;
	/** Folder with a compile cache of Node to begin with; a mesh keeps its own in its state folder. */
	readonly compileCache: string;
	/** Lowest level that control plane and sidecars log. */
	readonly logLevel: string;
	/** `pretty` when a person reads what the control plane says. */
	readonly logFormat: "pretty" | "json";
}

/** The program and arguments of an instance's sidecar.
 *  @param concurrency worker threads, 0 is one a core
 *  @throws MeshError `ENVOY_NOT_FOUND` */
export function buildSidecarCommand(
	instance: WorkloadInstance,
	programs: Programs,
	bootstrapPath: string,
	stateFolder: string,
	concurrency = 1,
): { readonly program: string; readonly args: readonly string[] } {
	const workers = String(concurrency === 0 ? availableParallelism() : concurrency);
	if (instance.sidecar === "envoy") {
		const args = [
			"-c",
			bootstrapPath,
			"--disable-hot-restart",
			"--concurrency",
			workers,
			"-l",
			"warning",
			"--drain-time-s",
			"5",
		];
		return { program: findEnvoy(programs), args };
	}
	const args = [programs.script, "proxy", "-c", bootstrapPath, "--state", stateFolder, "-l", "info"];
	if (concurrency !== 1) args.push("--concurrency", workers);
	return { program: programs.node, args };
}

/** @throws MeshError `ENVOY_NOT_FOUND` */
function findEnvoy(programs: Programs): string {
	if (programs.envoy !== undefined) return programs.envoy;
	const candidates = [
		...programs.searchPath
			.split(":")
			.filter((folder) => folder !== "")
			.map((folder) => join(folder, "envoy")),
		...programs.envoyCandidates,
	];
	for (const candidate of candidates) if (isExecutable(candidate)) return candidate;
	throw new MeshError(
		"ENVOY_NOT_FOUND",
		"no Envoy found for 'sidecar: envoy': name one with AMIME_ENVOY, or put it on PATH",
	);
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch (error) {
		if (error instanceof Error && "code" in error) return false;
		throw error;
	}
}
