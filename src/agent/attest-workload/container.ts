import type { WorkloadAttestor } from "./attest-process.ts";
import { type ControlGroupFolders, findContainer, readControlGroups } from "./cgroup.ts";

/** `cgroup:path` of every hierarchy, and `container:id`. */
export function createContainerAttestor(options: ControlGroupFolders = {}): WorkloadAttestor {
	const { proc = "/proc" } = options;
	return {
		name: "container",
		async attest({ pid }) {
			const paths = readControlGroups(pid, proc);
			const container = findContainer(pid, options);
			return [
				...new Set(paths.map((path) => `cgroup:path:${path}`)),
				...(container === undefined ? [] : [`container:id:${container.id}`]),
			];
		},
	};
}
