import { compareProblems, type LocatedProblem } from "../config/index.ts";
import { listStatusProblems, type StatusBoard } from "./gateway-api/index.ts";
import type { MeshSource } from "./ingest/index.ts";
import { createProvenance } from "./provenance/index.ts";
import { listRefusalProblems, type Refusal } from "./refusals/index.ts";
import type { SnapshotStore } from "./snapshot/index.ts";

/** Everything that is wrong with the config: found in its documents, between its objects, in translation, and by proxies. */
export function listMeshProblems(
	source: Pick<MeshSource, "objects" | "problems">,
	snapshots: SnapshotStore,
	statuses: StatusBoard,
	refusals: readonly Refusal[] = [],
	ofPatches: readonly Omit<LocatedProblem, "file" | "line">[] = [],
): LocatedProblem[] {
	const objects = new Map(
		source.objects().map((object) => [`${object.kind}/${object.namespace}/${object.name}`, object]),
	);
	const translated = snapshots
		.problems()
		.map(({ kind, namespace, name, source: place, path, problem }): LocatedProblem => {
			const located = objects.get(`${kind}/${namespace}/${name}`)?.locate(path) ?? { line: place.line };
			return {
				severity: "error",
				file: place.file,
				...located,
				kind,
				namespace,
				name,
				path,
				code: "FIELD_REFUSED",
				problem,
			};
		});
	const ofStatuses = listStatusProblems(statuses.entries()).flatMap((item): LocatedProblem[] => {
		const object = objects.get(`${item.kind}/${item.namespace}/${item.name}`);
		if (object === undefined) return [];
		return [
			{ severity: "warning", file: object.source.file, ...object.locate(item.path), code: "NOT_ACCEPTED", ...item },
		];
	});
	const patched = ofPatches.flatMap((problem): LocatedProblem[] => {
		const object = objects.get(`${problem.kind}/${problem.namespace}/${problem.name}`);
		return object === undefined ? [] : [{ ...problem, file: object.source.file, ...object.locate(problem.path) }];
	});
	const index = snapshots.index();
	const refused =
		refusals.length === 0 || index === undefined
			? []
			: listRefusalProblems(refusals, createProvenance({ index, objects: source.objects() }));
	return [...source.problems(), ...translated, ...ofStatuses, ...refused, ...patched].sort(compareProblems);
}
