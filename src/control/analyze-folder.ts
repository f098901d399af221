import { assumePods, buildMesh, type FolderSnapshot } from "../config/index.ts";
import { systemClock } from "../core/index.ts";
import { analyze, type Finding } from "./analysis/index.ts";
import { createPatchedSource } from "./envoy-filter/index.ts";
import { computeStatuses, createStatusBoard } from "./gateway-api/index.ts";
import { listMeshProblems } from "./problems.ts";
import { createSnapshotStore } from "./snapshot/index.ts";

/** Everything worth telling of a folder of config that no control plane serves.
 *  @param now milliseconds since the epoch */
export function analyzeFolder({ objects, problems }: FolderSnapshot, now: number = systemClock.wall()): Finding[] {
	const built = buildMesh(assumePods(objects), []);
	const snapshots = createSnapshotStore();
	snapshots.apply(built.mesh);
	const index = snapshots.index()!;
	const statuses = createStatusBoard();
	statuses.update(computeStatuses(index), now);
	const source = { objects: () => objects, problems: () => [...problems, ...built.problems] };
	const patched = createPatchedSource(snapshots, () => index);
	const found = listMeshProblems(source, snapshots, statuses, [], patched.problems());
	return analyze({ objects, index, problems: found, now });
}
