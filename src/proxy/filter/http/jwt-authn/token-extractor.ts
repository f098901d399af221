import { getJoinedHeader, type HeaderList } from "../../../../core/index.ts";
import { getCookie } from "../../../../engine/router/index.ts";
import type { JwtProvider } from "../../../runtime-config/index.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { parseQuery, removeParameter } from "../query-parameters.ts";

/** A token of a request, and where it was found. */
export interface FoundToken {
	readonly text: string;
	/** Whether tokens of an issuer may come this way. */
	isIssuerAllowed(issuer: string): boolean;
	/** Takes the token out of the request; those of cookies stay. */
	remove(request: PassRequestHead): void;
}

interface Place {
	readonly name: string;
	readonly prefix: string;
	readonly issuers: Set<string>;
}

/** Finds tokens where some providers' tokens may be. */
export class TokenExtractor {
	readonly #headers: readonly Place[];
	readonly #parameters: readonly Place[];
	readonly #cookies: readonly Place[];

	constructor(providers: readonly JwtProvider[]) {
		this.#headers = collectPlaces(providers, (provider) => provider.fromHeaders);
		this.#parameters = collectPlaces(providers, (provider) => provider.fromParameters.map(withoutPrefix));
		this.#cookies = collectPlaces(providers, (provider) => provider.fromCookies.map(withoutPrefix));
	}

	extract(request: PassRequestHead): FoundToken[] {
		const found: FoundToken[] = [];
		for (const place of this.#headers) {
			for (const value of valuesOf(request.headers, place.name)) {
				const text = cutToken(value, place.prefix);
				if (text === undefined) continue;
				found.push(describeFound(text, place, (from) => from.remove(place.name)));
			}
		}
		const query = request.path.indexOf("?");
		if (this.#parameters.length > 0 && query !== -1) {
			const parameters = parseQuery(request.path.slice(query + 1));
			for (const place of this.#parameters) {
				const parameter = parameters.find(({ name }) => name === place.name);
				if (parameter !== undefined) {
					found.push(describeFound(parameter.value, place, (from) => removeParameter(from, place.name)));
				}
			}
		}
		for (const place of this.#cookies) {
			const text = getCookie(request.headers, place.name);
			if (text !== undefined) found.push(describeFound(text, place, () => undefined));
		}
		return found;
	}
}

function withoutPrefix(name: string): { readonly name: string; readonly prefix: string } {
	return { name, prefix: "" };
}

function collectPlaces(
	providers: readonly JwtProvider[],
	placesOf: (provider: JwtProvider) => readonly { readonly name: string; readonly prefix: string }[],
): readonly Place[] {
	const places = new Map<string, Place>();
	for (const provider of providers) {
		for (const { name, prefix } of placesOf(provider)) {
			const key = name + prefix;
			const place = places.get(key) ?? { name, prefix, issuers: new Set<string>() };
			place.issuers.add(provider.issuer);
			places.set(key, place);
		}
	}
	return [...places.keys()].sort().map((key) => places.get(key)!);
}

function describeFound(text: string, place: Place, remove: (request: PassRequestHead) => void): FoundToken {
	const { issuers } = place;
	return { text, isIssuerAllowed: (issuer) => issuers.has("") || issuers.has(issuer), remove };
}

function valuesOf(headers: HeaderList, name: string): readonly string[] {
	if (name === "authorization") {
		const joined = getJoinedHeader(headers, name);
		return joined === undefined ? [] : [joined];
	}
	const values: string[] = [];
	for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) values.push(headers[index + 1]!);
	return values;
}

/** What follows a prefix that may stand anywhere, from the first character that a token may have. */
function cutToken(value: string, prefix: string): string | undefined {
	if (prefix === "") return value;
	const start = value.indexOf(prefix);
	if (start === -1) return undefined;
	const rest = value.slice(start + prefix.length);
	const begin = rest.search(/[A-Za-z0-9_.-]/);
	return begin === -1 ? value : rest.slice(begin);
}
