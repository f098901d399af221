import { type MatchScope, matchesLabels, type NamedMatch, type PathMatch, type RouteMatch } from "../../model/index.ts";

/** Whether every request of `narrow` is one of `wide` as well. Never wrongly yes; regular expressions are compared as text. */
export function coversMatch(wide: RouteMatch, narrow: RouteMatch): boolean {
	return (
		coversPath(wide.path, narrow.path) &&
		coversMethod(wide, narrow) &&
		wide.headers.every((condition) => narrow.headers.some((other) => implies(other, condition))) &&
		wide.queryParams.every((condition) => narrow.queryParams.some((other) => implies(other, condition)))
	);
}

/** Whether a scope takes all clients and listeners of another. */
export function coversScope(wide: MatchScope = {}, narrow: MatchScope = {}): boolean {
	if (wide.port !== undefined && wide.port !== narrow.port) return false;
	if (wide.sourceNamespace !== undefined && wide.sourceNamespace !== narrow.sourceNamespace) return false;
	if (!matchesLabels(wide.sourceLabels ?? {}, narrow.sourceLabels ?? {})) return false;
	if (wide.gateways === undefined) return narrow.gateways === undefined;
	return narrow.gateways?.every((gateway) => wide.gateways!.includes(gateway)) ?? false;
}

function coversMethod(wide: RouteMatch, narrow: RouteMatch): boolean {
	return wide.method === undefined || wide.method === narrow.method;
}

function coversPath(wide: PathMatch, narrow: PathMatch): boolean {
	if (takesAnyPath(wide)) return true;
	const ignoresCase = wide.ignoresCase ?? false;
	if (!ignoresCase && narrow.ignoresCase === true) return false;
	const fold = (text: string): string => (ignoresCase ? text.toLowerCase() : text);
	const [outer, inner] = [fold(wide.value), fold(narrow.value)];
	if (wide.kind === "regex") return narrow.kind === "regex" && wide.value === narrow.value;
	if (narrow.kind === "regex") return false;
	if (wide.kind === "exact") return narrow.kind === "exact" && outer === inner;
	if (wide.kind === "startsWith") return inner.startsWith(outer);
	const segment = outer.replace(/\/+$/, "");
	if (narrow.kind === "prefix") return inner.replace(/\/+$/, "") === segment || inner.startsWith(`${segment}/`);
	return (narrow.kind === "exact" && inner === segment) || inner.startsWith(`${segment}/`);
}

function takesAnyPath({ kind, value }: PathMatch): boolean {
	if (kind === "regex") return value === ".*" || value === "/.*";
	return kind !== "exact" && value === "/";
}

/** Whether `given` holding means that `wanted` holds. */
function implies(given: NamedMatch, wanted: NamedMatch): boolean {
	if (given.name !== wanted.name || (given.isNegated ?? false) !== (wanted.isNegated ?? false)) return false;
	if (wanted.isNegated === true) return JSON.stringify(given.value) === JSON.stringify(wanted.value);
	if (wanted.value.kind === "present") return true;
	if (given.value.kind === "present") return false;
	if (wanted.value.kind === "prefix")
		return given.value.kind !== "regex" && given.value.value.startsWith(wanted.value.value);
	return given.value.kind === wanted.value.kind && given.value.value === wanted.value.value;
}
