import { quote, string } from "./scalars.ts";
import { refine, type Schema } from "./schema.ts";

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A duration of the Gateway API (GEP-2257): one to four parts of at most five digits, such as `1m30s` or `500ms`; in ms. */
export function gatewayDuration(): Schema<number> {
	return duration("a duration such as 10s, 1m30s or 500ms", /^([0-9]{1,5}(h|m|s|ms)){1,4}$/, 0);
}

/** A duration as Istio writes it, `1h`, `1m30s`, `1.5s`, `100ms`, at least 1 ms; in ms. */
export function istioDuration(): Schema<number> {
	return duration(
		"a duration of at least 1ms such as 10s, 1m30s or 500ms",
		/^([0-9]{1,9}(\.[0-9]{1,9})?(h|m|s|ms)){1,4}$/,
		1,
	);
}

/** As `istioDuration`, and 0 for none. */
export function istioDurationOrZero(): Schema<number> {
	return duration("a duration such as 10s, 1m30s or 500ms, or 0s", /^([0-9]{1,9}(\.[0-9]{1,9})?(h|m|s|ms)){1,4}$/, 0);
}

function duration(format: string, pattern: RegExp, minMs: number): Schema<number> {
	return refine(string({ format, pattern, maxLength: 64 }), (text, _node, reader) => {
		let total = 0;
		for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|[hms])/g)) total += Number(amount) * unitMs[unit!]!;
		total = Math.round(total);
		if (total >= minMs && total <= maxMs) return total;
		return reader.refuse(`${quote(text)} is not ${format}, up to 24855 hours`);
	});
}

/** Longest duration a proxy can be given without overflow (Envoy counts seconds in 32 bits in places). */
const maxMs = 24_855 * 3_600_000;

/** A duration as documents write it, e.g. `1m30s`. */
export function formatDuration(ms: number): string {
	if (ms === 0) return "0s";
	let rest = ms;
	let text = "";
	for (const unit of ["h", "m", "s", "ms"]) {
		const amount = Math.floor(rest / unitMs[unit]!);
		if (amount > 0) text += `${amount}${unit}`;
		rest -= amount * unitMs[unit]!;
	}
	return text;
}
