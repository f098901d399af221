import { existsSync } from "node:fs";
import { join } from "node:path";
import type { WorkloadAttestor } from "./attest-process.ts";
import { readControlGroups } from "./cgroup.ts";

export interface SystemdAttestorOptions {
	/** `/proc` by default. */
	readonly proc?: string;
	/** Where unit files are, the first that has one counts (systemd.unit(5)). */
	readonly unitFolders?: readonly string[];
}

const unitPattern = /\.(?:service|scope|socket|mount|swap)$/;
const standardFolders = [
	"/etc/systemd/system",
	"/run/systemd/system",
	"/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",
	"/lib/systemd/system",
];

/** `systemd:id` and `systemd:fragment_path` of the system's unit that a process belongs to: the first segment of its control group that is
 *  no slice. What is below it is the unit's own, or a user's, to name. */
export function createSystemdAttestor(options: SystemdAttestorOptions = {}): WorkloadAttestor {
	const { proc = "/proc", unitFolders = standardFolders } = options;
	return {
		name: "systemd",
		async attest({ pid }) {
			const units = new Set(
				readControlGroups(pid, proc)
					.map((path) =>
						path
							.split("/")
							.slice(1)
							.find((segment) => !segment.endsWith(".slice")),
					)
					.filter((segment) => segment !== undefined && unitPattern.test(segment)) as string[],
			);
			if (units.size !== 1) return [];
			const [unit] = [...units] as [string];
			// An instance of a template has the template's file.
			const template = unit.replace(/@[^.]*\./, "@.");
			const fragment = unitFolders
				.flatMap((folder) => [join(folder, unit), join(folder, template)])
				.find((file) => existsSync(file));
			return [`systemd:id:${unit}`, ...(fragment === undefined ? [] : [`systemd:fragment_path:${fragment}`])];
		},
	};
}
