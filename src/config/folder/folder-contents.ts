import type { ConfigObject } from "../config-object.ts";
import { compareProblems, type LocatedProblem } from "../located-problem.ts";
import type { ParsedDocuments } from "../parse-documents.ts";
import { applyFile, type FileState } from "./file-state.ts";

/** What a folder serves, and what is wrong with it. */
export interface FolderSnapshot {
	/** In the order of files and places. Two files may hold the same object: buildMesh reports it. */
	readonly objects: readonly ConfigObject[];
	readonly problems: readonly LocatedProblem[];
	/** Config files there are. */
	readonly files: number;
}

/** The files of a folder as last known. */
export interface FolderContents {
	/** Takes over what a file holds, as far as it is good. */
	apply(path: string, parsed: ParsedDocuments): void;
	/** What a file serves; nothing when it was not read. */
	served(path: string): readonly ConfigObject[];
	/** Whether the file was read before. */
	has(path: string): boolean;
	/** Forgets a file. */
	remove(path: string): void;
	/** Replaces the problems of folders; returns whether they are others. */
	setUnreadable(unreadable: readonly { readonly path: string; readonly reason: string }[]): boolean;
	snapshot(): FolderSnapshot;
}

/** Starts empty. */
export function createFolderContents(): FolderContents {
	const files = new Map<string, FileState>();
	let folderProblems: readonly LocatedProblem[] = [];
	return {
		apply(path, parsed) {
			const before = files.get(path);
			// A file of another program beside the config is none of ours, unless it was config before.
			const isForeign = parsed.isForeign && (before === undefined || before.objects.length === 0);
			files.set(path, isForeign ? { objects: [], problems: [] } : applyFile(before, parsed));
		},
		served: (path) => files.get(path)?.objects ?? [],
		has: (path) => files.has(path),
		remove: (path) => void files.delete(path),
		setUnreadable(unreadable) {
			const problems = unreadable.map(({ path, reason }): LocatedProblem => {
				const problem = `cannot be read: ${reason}; what it served before stays`;
				return { severity: "error", file: path, line: 0, path: "", problem };
			});
			const isSame = JSON.stringify(problems) === JSON.stringify(folderProblems);
			folderProblems = problems;
			return !isSame;
		},
		snapshot() {
			const states = [...files.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, state]) => state);
			return {
				objects: states.flatMap((state) => state.objects),
				problems: [...folderProblems, ...states.flatMap((state) => state.problems)].sort(compareProblems),
				files: files.size,
			};
		},
	};
}
