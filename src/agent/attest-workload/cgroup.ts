import { readFileSync, statSync } from "node:fs";

/** The control groups of a process, one path a hierarchy (cgroups(7), `/proc/<pid>/cgroup`). */
export function readControlGroups(pid: number, proc: string): string[] {
	return readHierarchies(pid, proc).map(({ path }) => path);
}

/** Where processes and control groups are told. */
export interface ControlGroupFolders {
	/** `/proc` by default. */
	readonly proc?: string;
	/** Where the control groups are mounted, `/sys/fs/cgroup` by default. */
	readonly cgroups?: string;
}

interface ControlGroup {
	/** Empty for version 2. */
	readonly controllers: string;
	readonly path: string;
}

function readHierarchies(pid: number, proc: string): ControlGroup[] {
	return readFileSync(`${proc}/${pid}/cgroup`, "utf8")
		.split("\n")
		.map((line) => {
			const [, controllers = "", ...path] = line.split(":");
			return { controllers, path: path.join(":") };
		})
		.filter(({ path }) => path.startsWith("/") && path !== "/");
}

/** A container, as its control group names it. */
export interface ContainerOfProcess {
	readonly id: string;
	/** Of Kubernetes. */
	readonly podUid?: string;
}

/** The container of a process; undefined for one in none, or in several by different hierarchies. Users may name the groups that are
 *  delegated to them as they like, so that these count for nothing: those below `/user.slice`, and those in a folder that is not root's. */
export function findContainer(pid: number, folders: ControlGroupFolders): ContainerOfProcess | undefined {
	const { proc = "/proc", cgroups = "/sys/fs/cgroup" } = folders;
	const found = new Map<string, ContainerOfProcess>();
	for (const { controllers, path } of readHierarchies(pid, proc)) {
		if (path.startsWith("/user.slice/")) continue;
		const segments = path.split("/");
		const at = segments.findIndex((segment) => idPattern.test(segment));
		if (at === -1) continue;
		const above = segments.slice(0, at);
		if (isDelegated(mountsOf(controllers, cgroups), above.join("/"))) continue;
		const id = idPattern.exec(segments[at]!)![1]!;
		const pod = above.map(podUidOf).findLast((uid) => uid !== undefined);
		found.set(`${id}/${pod ?? ""}`, pod === undefined ? { id } : { id, podUid: pod });
	}
	return found.size === 1 ? [...found.values()][0] : undefined;
}

/** Where a hierarchy may be mounted (cgroups(7)). */
function mountsOf(controllers: string, cgroups: string): readonly string[] {
	if (controllers === "") return [cgroups, `${cgroups}/unified`];
	return [`${cgroups}/${controllers.replace(/^name=/, "")}`];
}

/** How the root of the machine shows where it has no number of its own. */
const unmappedUser = 65_534;

/** Whether a user makes groups there. What cannot be seen, as from a container, is taken for root's. */
function isDelegated(mounts: readonly string[], path: string): boolean {
	const stats = mounts.map((mount) => statSync(mount + path, { throwIfNoEntry: false }));
	const owner = stats.find((one) => one !== undefined)?.uid ?? 0;
	return owner !== 0 && owner !== unmappedUser;
}

/** `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>`, `libpod-<id>.scope` or the id alone. */
const idPattern = /^(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?$/;

function podUidOf(segment: string): string | undefined {
	return /(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/
		.exec(segment)?.[1]
		?.replaceAll("_", "-");
}
