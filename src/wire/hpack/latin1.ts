declare global {
	/** Node's own methods behind `toString("latin1")` and `write(text, "latin1")`, without the look-up of the encoding: headers are short, and many. */
	interface Buffer {
		latin1Slice(start: number, end: number): string;
		latin1Write(text: string, offset: number, length: number): number;
	}
}

export type {};
