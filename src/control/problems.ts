import { compareProblems, type LocatedProblem } from "../config/index.ts";
import { listStatusProblems, type StatusBoard } from "./gateway-api/index.ts";
import type { MeshSource } from "./ingest/index.ts";
import type { SnapshotStore } from "./snapshot/index.ts";

/** Everything that is wrong with the config: found in its documents, between its objects, and in translation. */
export function listMeshProblems(
	source: Pick<MeshSource, "objects" | "problems">,
	snapshots: SnapshotStore,
	statuses: StatusBoard,
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
	return [...source.problems(), ...translated, ...ofStatuses].sort(compareProblems);
}
