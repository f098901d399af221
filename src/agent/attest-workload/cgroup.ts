import { readFileSync } from "node:fs";

/** The control groups of a process, one path a hierarchy (cgroups(7), `/proc/<pid>/cgroup`). */
export function readControlGroups(pid: number, proc: string): string[] {
	return readFileSync(`${proc}/${pid}/cgroup`, "utf8")
		.split("\n")
		.map((line) => line.split(":").slice(2).join(":"))
		.filter((path) => path.startsWith("/") && path !== "/");
}

/** A container, as its control group names it. */
export interface ContainerOfProcess {
	readonly id: string;
	/** Of Kubernetes. */
	readonly podUid?: string;
}

/** The container of a process; undefined for one in none, or in several by different hierarchies. Users may name the groups that are
 *  delegated to them as they like, so that these count for nothing. */
export function findContainer(paths: readonly string[]): ContainerOfProcess | undefined {
	const found = new Map<string, ContainerOfProcess>();
	for (const path of paths) {
		if (path.startsWith("/user.slice/")) continue;
		const segments = path.split("/");
		const at = segments.findIndex((segment) => idPattern.test(segment));
		if (at === -1) continue;
		const id = idPattern.exec(segments[at]!)![1]!;
		const pod = segments
			.slice(0, at)
			.map(podUidOf)
			.findLast((uid) => uid !== undefined);
		found.set(`${id}/${pod ?? ""}`, pod === undefined ? { id } : { id, podUid: pod });
	}
	return found.size === 1 ? [...found.values()][0] : undefined;
}

/** `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>`, `libpod-<id>.scope` or the id alone. */
const idPattern = /^(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?$/;

function podUidOf(segment: string): string | undefined {
	return /(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/
		.exec(segment)?.[1]
		?.replaceAll("_", "-");
}
