/** Paints text for a terminal. */
export type Paint = (text: string) => string;

export interface Palette {
	readonly good: Paint;
	readonly warn: Paint;
	readonly bad: Paint;
	readonly dim: Paint;
	readonly strong: Paint;
	/** A colour that tells `index` from its neighbours, for prefixes of output. */
	readonly distinct: (index: number) => Paint;
}

const distinctCodes = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** A palette that paints, or one that leaves text as it is. */
export function createPalette(enabled: boolean): Palette {
	const paint =
		(code: number): Paint =>
		(text) =>
			enabled ? `\x1b[${code}m${text}\x1b[0m` : text;
	return {
		good: paint(32),
		warn: paint(33),
		bad: paint(31),
		dim: paint(90),
		strong: paint(1),
		distinct: (index) => paint(distinctCodes[index % distinctCodes.length]!),
	};
}

const escapePattern = /\x1b\[[0-9;]*m/g;

/** `text` without colours. */
export function stripColour(text: string): string {
	return text.replace(escapePattern, "");
}
