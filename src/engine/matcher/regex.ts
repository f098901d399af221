import { translateRe2 } from "./re2.ts";

/** A compiled pattern, or why it is none. */
export type CompiledRegex =
	| { readonly ok: true; readonly regex: RegExp }
	| { readonly ok: false; readonly problem: string };

/** Compiles a pattern in RE2's syntax that must match a whole text. */
export function compileFullMatch(pattern: string): CompiledRegex {
	const translated = translateRe2(pattern);
	if (!translated.ok) return translated;
	return { ok: true, regex: new RegExp(`^(?:${translated.source})$`, translated.flags) };
}

/** A compiled search and what replaces each of its matches. */
export interface RegexSubstitution {
	readonly regex: RegExp;
	/** In the form of `String.replace`. */
	readonly substitution: string;
}

/** Compiles `RegexMatchAndSubstitute`: every match anywhere is replaced, `\1` names a group, `\0` the match, `\\` a backslash. */
export function compileSubstitution(
	pattern: string,
	substitution: string,
): { readonly ok: true; readonly value: RegexSubstitution } | { readonly ok: false; readonly problem: string } {
	const translated = translateRe2(pattern);
	if (!translated.ok) return translated;
	let replacement = "";
	for (let index = 0; index < substitution.length; index++) {
		const character = substitution[index]!;
		if (character === "$") replacement += "$$";
		else if (character !== "\\") replacement += character;
		else {
			const next = substitution[++index];
			if (next === "\\") replacement += "\\";
			else if (next !== undefined && next >= "0" && next <= "9") {
				if (Number(next) > translated.groups) {
					return { ok: false, problem: `substitution names group ${next}, but the pattern has ${translated.groups}` };
				}
				replacement += next === "0" ? "$&" : `$${next}`;
			} else
				return {
					ok: false,
					problem: `invalid substitution '${substitution}': '\\' must be followed by a digit or '\\'`,
				};
		}
	}
	return {
		ok: true,
		value: { regex: new RegExp(translated.source, `g${translated.flags}`), substitution: replacement },
	};
}

/** Replaces every match, as RE2's GlobalReplace. */
export function substitute(text: string, regex: RegExp, substitution: string): string {
	return text.replace(regex, substitution);
}
