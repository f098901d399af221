/** Formats instants as a `strftime` pattern says, in UTC or local time. */
export type TimeFormat = (epochMs: number) => string;

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
	"January",
	"February",
	"March",
	"April",
	"May",
	"June",
	"July",
	"August",
	"September",
	"October",
	"November",
	"December",
];

/** The default of `%START_TIME%`: `2024-05-06T07:08:09.123Z`. */
export const formatIsoTime: TimeFormat = (epochMs) => new Date(epochMs).toISOString();

/** Compiles a pattern: strftime's letters, `%f` and `%1f`..`%9f` for fractions, `%s`, `%3s`, `%6s`, `%9s` for the epoch, `%E3S`.
 *  Undefined when a letter is unknown. */
export function compileTimeFormat(pattern: string, zone: "utc" | "local"): TimeFormat | undefined {
	const parts: (string | ((date: Parts) => string))[] = [];
	for (let at = 0; at < pattern.length; at++) {
		if (pattern[at] !== "%") {
			parts.push(pattern[at]!);
			continue;
		}
		const match = /^%(?:E([1-9*])S|([1-9]?)f|([369]?)s|E?-?([A-Za-z%]))/.exec(pattern.slice(at));
		if (match === null) return undefined;
		at += match[0].length - 1;
		if (match[1] !== undefined) {
			const digits = match[1] === "*" ? 3 : Number(match[1]);
			parts.push((date) => `${pad(date.second)}.${fraction(date, digits)}`);
		} else if (match[2] !== undefined) {
			const digits = match[2] === "" ? 9 : Number(match[2]);
			parts.push((date) => fraction(date, digits));
		} else if (match[3] !== undefined) {
			const digits = match[3] === "" ? 0 : Number(match[3]);
			parts.push((date) => `${Math.floor(date.epochMs / 1000)}${digits === 0 ? "" : fraction(date, digits)}`);
		} else {
			const letter = letters[match[4]!];
			// As in Envoy: what is no letter of a time stays as it is written.
			parts.push(letter ?? match[0]);
		}
	}
	return (epochMs) => {
		const date = split(epochMs, zone);
		let text = "";
		for (const part of parts) text += typeof part === "string" ? part : part(date);
		return text;
	};
}

interface Parts {
	readonly epochMs: number;
	readonly year: number;
	readonly month: number;
	readonly day: number;
	readonly weekday: number;
	readonly hour: number;
	readonly minute: number;
	readonly second: number;
	/** Minutes east of UTC. */
	readonly offset: number;
}

function split(epochMs: number, zone: "utc" | "local"): Parts {
	const offset = zone === "utc" ? 0 : -new Date(epochMs).getTimezoneOffset();
	const date = new Date(epochMs + offset * 60_000);
	return {
		epochMs,
		year: date.getUTCFullYear(),
		month: date.getUTCMonth(),
		day: date.getUTCDate(),
		weekday: date.getUTCDay(),
		hour: date.getUTCHours(),
		minute: date.getUTCMinutes(),
		second: date.getUTCSeconds(),
		offset,
	};
}

const letters: Readonly<Record<string, (date: Parts) => string>> = {
	"%": () => "%",
	a: (date) => days[date.weekday]!.slice(0, 3),
	A: (date) => days[date.weekday]!,
	b: (date) => months[date.month]!.slice(0, 3),
	B: (date) => months[date.month]!,
	c: (date) =>
		`${letters["a"]!(date)} ${letters["b"]!(date)} ${letters["e"]!(date)} ${letters["T"]!(date)} ${date.year}`,
	C: (date) => pad(Math.floor(date.year / 100)),
	d: (date) => pad(date.day),
	D: (date) => `${pad(date.month + 1)}/${pad(date.day)}/${pad(date.year % 100)}`,
	e: (date) => String(date.day).padStart(2, " "),
	F: (date) => `${date.year}-${pad(date.month + 1)}-${pad(date.day)}`,
	h: (date) => months[date.month]!.slice(0, 3),
	H: (date) => pad(date.hour),
	I: (date) => pad(date.hour % 12 === 0 ? 12 : date.hour % 12),
	j: (date) => String(dayOfYear(date)).padStart(3, "0"),
	m: (date) => pad(date.month + 1),
	M: (date) => pad(date.minute),
	n: () => "\n",
	p: (date) => (date.hour < 12 ? "AM" : "PM"),
	r: (date) => `${letters["I"]!(date)}:${pad(date.minute)}:${pad(date.second)} ${letters["p"]!(date)}`,
	R: (date) => `${pad(date.hour)}:${pad(date.minute)}`,
	S: (date) => pad(date.second),
	t: () => "\t",
	T: (date) => `${pad(date.hour)}:${pad(date.minute)}:${pad(date.second)}`,
	u: (date) => String(date.weekday === 0 ? 7 : date.weekday),
	w: (date) => String(date.weekday),
	x: (date) => letters["D"]!(date),
	X: (date) => letters["T"]!(date),
	y: (date) => pad(date.year % 100),
	Y: (date) => String(date.year),
	z: (date) =>
		`${date.offset < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(date.offset) / 60))}${pad(Math.abs(date.offset) % 60)}`,
	Z: (date) => (date.offset === 0 ? "UTC" : letters["z"]!(date)),
};

function fraction(date: Parts, digits: number): string {
	const micros = Math.floor((date.epochMs - Math.floor(date.epochMs / 1000) * 1000) * 1000);
	return String(micros).padStart(6, "0").padEnd(9, "0").slice(0, digits);
}

function dayOfYear(date: Parts): number {
	return Math.floor((Date.UTC(date.year, date.month, date.day) - Date.UTC(date.year, 0, 1)) / 86_400_000) + 1;
}

function pad(value: number): string {
	return value < 10 ? `0${value}` : String(value);
}
