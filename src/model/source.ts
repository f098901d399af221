/** Where an object was read from, for explanations: a file and line, or the admin API. */
export interface Source {
	/** Path of the file as given, or `api`. */
	readonly file: string;
	/** 1-based line of the document; 0 when unknown. */
	readonly line: number;
	/** `metadata.generation` of the document, for the statuses that are of it. */
	readonly generation?: number;
}
