import type { WorkloadAttestor } from "./attest-process.ts";
import { findContainer, readControlGroups } from "./cgroup.ts";

/** `cgroup:path` of every hierarchy, and `container:id`. */
export function createContainerAttestor(options: { readonly proc?: string } = {}): WorkloadAttestor {
	const { proc = "/proc" } = options;
	return {
		name: "container",
		async attest({ pid }) {
			const paths = readControlGroups(pid, proc);
			const container = findContainer(paths);
			return [
				...new Set(paths.map((path) => `cgroup:path:${path}`)),
				...(container === undefined ? [] : [`container:id:${container.id}`]),
			];
		},
	};
}
