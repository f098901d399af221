/** The text of one document of a file. */
export interface DocumentText {
	readonly text: string;
	/** Characters before it in the file. */
	readonly offset: number;
}

/** Cuts a file at its document markers (`---` and `...` at the start of a line; YAML 1.2.2 section 9.2 forbids them inside
 *  any content, so no document can reach over one). Documents without content are left out.
 *  @param maxDocuments where cutting stops; the rest is not looked at */
export function splitDocuments(file: string, maxDocuments: number): DocumentText[] {
	const documents: DocumentText[] = [];
	const marker = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;
	let start = 0;
	const take = (end: number): void => {
		const text = file.slice(start, end);
		if (hasContent(text)) documents.push({ text, offset: start });
	};
	for (let match = marker.exec(file); match !== null; match = marker.exec(file)) {
		if (match.index > start) take(match.index);
		if (documents.length >= maxDocuments) return documents;
		// The marker `---` stays with its document, for content on its line; `...` only ends the one before.
		start = match[0] === "---" ? match.index : marker.lastIndex;
	}
	take(file.length);
	return documents;
}

function hasContent(text: string): boolean {
	const body = text.replace(/^\ufeff?(---)?/, "");
	return /^[ \t]*[^#%\s]/m.test(body);
}
