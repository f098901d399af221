/** A text that was read, and where from. */
export interface NamedText {
	readonly path: string;
	readonly text: string;
}

/** Several texts of documents as one. */
export interface JoinedTexts {
	readonly text: string;
	/** Where a line of it (1-based, 0 for all) is from. */
	locate(line: number): { readonly file: string; readonly line: number };
}

/** Joins files of documents, each of them whole, in their order. */
export function joinFiles(files: readonly NamedText[]): JoinedTexts {
	let text = "";
	const starts: { readonly path: string; readonly before: number }[] = [];
	for (const { path, text: own } of files) {
		if (text !== "" && !text.endsWith("\n")) text += "\n";
		// A directive may only follow the mark of an end.
		if (text !== "") text += own.startsWith("%") ? "...\n" : "---\n";
		starts.push({ path, before: text.split("\n").length - 1 });
		text += own;
	}
	return {
		text,
		locate(line) {
			const start = starts.findLast(({ before }) => before < line) ?? starts[0];
			return { file: start?.path ?? "", line: line === 0 ? 0 : line - (start?.before ?? 0) };
		},
	};
}
