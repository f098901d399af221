/** Bounds on what one file may ask of the parser; beyond them there is a problem instead of a wait. */
export const limits = {
	/** Characters of a file. */
	fileLength: 4 * 1024 * 1024,
	/** Characters of one document; etcd and Kubernetes refuse objects beyond 1.5 MiB. */
	documentLength: 1024 * 1024,
	/** Documents of a file. */
	documents: 10_000,
	/** Nesting of lists and maps; the deepest field of any kind is at 12. */
	depth: 64,
	/** Tokens of one document: some 50000 values. Keeps the longest parse under a second. */
	tokens: 250_000,
	/** Values of one document, after its aliases are expanded. */
	values: 100_000,
	/** Problems reported of one document. */
	problems: 100,
} as const;
