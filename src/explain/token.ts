import type { ObjectRef } from "../control/provenance/index.ts";
import { getJoinedHeader, type HeaderList } from "../core/index.ts";
import type { RequestHead, StreamInfo } from "../engine/format/index.ts";
import { checkTimes, isAudienceAllowed, type Jwt, parseToken, verifySignature } from "../engine/jwt/index.ts";
import { matchString } from "../engine/matcher/index.ts";
import { getCookie, matchRoute } from "../engine/router/index.ts";
import { emptyRuntime } from "../engine/runtime/index.ts";
import type { JwtAuthnConfig, JwtProvider, JwtRequirement } from "../proxy/runtime-config/index.ts";
import type { TokenExplanation } from "./explanation.ts";

/** A token as it is judged: one of the request, or what the query claims. */
interface Token {
	readonly jwt: Jwt;
	/** Its signature counts as good. */
	readonly isTrusted: boolean;
}

/** What the requirements of a JWT filter say of a request, and the payload that later filters see. */
export interface JudgedTokens extends TokenExplanation {
	readonly payloads: readonly { readonly key: string; readonly payload: Readonly<Record<string, unknown>> }[];
	/** Whether routes are looked for again with what the token says. */
	readonly clearsRouteCache: boolean;
}

/** Judges tokens by a filter's requirement; undefined when it requires nothing of this request. */
export function judgeTokens(
	config: JwtAuthnConfig,
	request: RequestHead,
	stream: StreamInfo,
	claims: Readonly<Record<string, unknown>> | undefined,
	nowSeconds: number,
	objects: readonly ObjectRef[],
): JudgedTokens | undefined {
	const path = request.path.replace(/[?#].*$/s, "");
	const rule = config.rules.find(({ match }) =>
		matchRoute(match, path, path.toLowerCase(), request, stream, 0, emptyRuntime),
	);
	if (rule?.requirement === undefined) return undefined;
	const judge = new TokenJudge(config.providers, request, claims, nowSeconds);
	const status = judge.check(rule.requirement);
	return {
		status,
		requirement: describeRequirement(rule.requirement),
		issuers: [...new Set(config.providers.map(({ issuer }) => issuer))],
		objects,
		...(judge.isSignatureUnchecked && { isSignatureUnchecked: true }),
		payloads: judge.payloads,
		clearsRouteCache: judge.clearsRouteCache,
	};
}

function describeRequirement(requirement: JwtRequirement): string {
	switch (requirement.kind) {
		case "nothing":
			return "nothing";
		case "provider":
			return `a token of ${requirement.provider}`;
		case "allow-missing":
			return "a good token, or none";
		case "allow-missing-or-failed":
		case "extract-only":
			return "any token, or none";
		case "any":
			return requirement.requirements.map(describeRequirement).join(", or ");
		case "all":
			return requirement.requirements.map(describeRequirement).join(", and ");
	}
}

class TokenJudge {
	readonly payloads: { key: string; payload: Readonly<Record<string, unknown>> }[] = [];
	isSignatureUnchecked = false;
	clearsRouteCache = false;
	readonly #providers: readonly JwtProvider[];
	readonly #request: RequestHead;
	readonly #claims: Readonly<Record<string, unknown>> | undefined;
	readonly #nowSeconds: number;

	constructor(
		providers: readonly JwtProvider[],
		request: RequestHead,
		claims: Readonly<Record<string, unknown>> | undefined,
		nowSeconds: number,
	) {
		this.#providers = providers;
		this.#request = request;
		this.#claims = claims;
		this.#nowSeconds = nowSeconds;
	}

	check(requirement: JwtRequirement): string {
		switch (requirement.kind) {
			case "nothing":
				return "OK";
			case "provider": {
				const provider = this.#providers.find(({ name }) => name === requirement.provider)!;
				return this.#checkTokens([provider], provider, requirement.audiences);
			}
			case "allow-missing":
			case "allow-missing-or-failed":
			case "extract-only": {
				const status = this.#checkTokens(this.#providers, undefined, undefined);
				const isForgiven = requirement.kind !== "allow-missing" || status === "Jwt is missing";
				return isForgiven ? "OK" : status;
			}
			case "all":
				return requirement.requirements.map((one) => this.check(one)).find((status) => status !== "OK") ?? "OK";
			case "any":
				return this.#checkAny(requirement.requirements);
		}
	}

	/** As the filter concludes: a failure says more than an unknown issuer, and that more than a missing token. */
	#checkAny(requirements: readonly JwtRequirement[]): string {
		const isRegular = ({ kind }: JwtRequirement): boolean =>
			kind !== "allow-missing" && kind !== "allow-missing-or-failed";
		const forgivesAll = requirements.some(({ kind }) => kind === "allow-missing-or-failed");
		const forgivesMissing = requirements.some(({ kind }) => kind === "allow-missing");
		const regular = requirements.filter(isRegular);
		if (regular.length === 0) return this.check({ kind: forgivesAll ? "allow-missing-or-failed" : "allow-missing" });
		let final = "Jwt is missing";
		for (const requirement of regular) {
			const status = this.check(requirement);
			if (status === "OK") return "OK";
			const isFailure = status !== "Jwt is missing" && status !== "Jwt issuer is not configured";
			if (isFailure || final === "Jwt is missing") final = status;
		}
		return forgivesAll || (forgivesMissing && final === "Jwt is missing") ? "OK" : final;
	}

	/** Every token found must be good. */
	#checkTokens(
		places: readonly JwtProvider[],
		wanted: JwtProvider | undefined,
		audiences: ReadonlySet<string> | undefined,
	): string {
		const tokens = this.#claims !== undefined ? [this.#claimed(this.#claims)] : this.#extract(places);
		if (tokens.length === 0) return "Jwt is missing";
		for (const token of tokens) {
			const status = typeof token === "string" ? token : this.#checkToken(token, wanted, audiences);
			if (status !== "OK") return status;
		}
		return "OK";
	}

	#checkToken(
		{ jwt, isTrusted }: Token,
		wanted: JwtProvider | undefined,
		audiences: ReadonlySet<string> | undefined,
	): string {
		const ofIssuer =
			this.#providers.find(({ issuer }) => issuer === jwt.issuer) ??
			this.#providers.find(({ issuer }) => issuer === "");
		const provider = wanted ?? ofIssuer;
		if (provider === undefined || (provider.issuer !== "" && provider.issuer !== jwt.issuer))
			return "Jwt issuer is not configured";
		const times = checkTimes(jwt, this.#nowSeconds, provider.clockSkewSeconds);
		if (times !== "OK") return times;
		if (provider.subjects !== undefined && !matchString(provider.subjects, jwt.subject))
			return "Jwt verification fails";
		if (!isAudienceAllowed(audiences ?? provider.audiences, jwt.audiences)) return "Audiences in Jwt are not allowed";
		if (!isTrusted) {
			const status = this.#checkSignature(jwt, provider);
			if (status !== "OK") return status;
		}
		if (provider.payloadInMetadata !== "") {
			const payload: Record<string, unknown> = { ...jwt.payload };
			for (const claim of provider.spaceDelimitedClaims) {
				const value = payload[claim];
				if (typeof value === "string") payload[claim] = value.split(" ").filter((word) => word !== "");
			}
			this.payloads.push({ key: provider.payloadInMetadata, payload });
		}
		this.clearsRouteCache ||= provider.clearsRouteCache;
		return "OK";
	}

	#checkSignature(jwt: Jwt, { keys }: JwtProvider): string {
		if (keys.kind === "local") return verifySignature(jwt, keys.keys);
		if (keys.kind === "none") return "Jwks doesn't have any valid public key";
		// Keys behind a URL are not fetched by an evaluation.
		this.isSignatureUnchecked = true;
		return "OK";
	}

	#claimed(claims: Readonly<Record<string, unknown>>): Token {
		const { iss, sub, aud } = claims;
		const issuer = typeof iss === "string" ? iss : (this.#providers[0]?.issuer ?? "");
		const subject = typeof sub === "string" ? sub : "";
		const audiences = Array.isArray(aud)
			? aud.map(String)
			: aud === undefined
				? [...(this.#providers.find((one) => one.issuer === issuer)?.audiences ?? [])]
				: [String(aud)];
		const payload = { ...claims, iss: issuer };
		const empty = {
			text: "",
			header: {},
			payloadText: "",
			signedText: "",
			signature: Buffer.alloc(0),
			algorithm: "",
			keyId: "",
		};
		return { jwt: { ...empty, payload, issuer, subject, audiences, notBefore: 0, expiresAt: 0 }, isTrusted: true };
	}

	#extract(providers: readonly JwtProvider[]): (Token | string)[] {
		const { headers, path } = this.#request;
		const texts = new Set<string>();
		for (const { fromHeaders, fromParameters, fromCookies } of providers) {
			for (const { name, prefix } of fromHeaders) {
				const token = cutToken(getJoinedHeader(headers as HeaderList, name), prefix);
				if (token !== undefined) texts.add(token);
			}
			const query = new URLSearchParams(path.includes("?") ? path.slice(path.indexOf("?") + 1) : "");
			for (const name of fromParameters) if (query.get(name) !== null) texts.add(query.get(name)!);
			for (const name of fromCookies) {
				const cookie = getCookie(headers, name);
				if (cookie !== undefined) texts.add(cookie);
			}
		}
		return [...texts].map((text) => {
			const jwt = parseToken(text);
			return typeof jwt === "string" ? jwt : { jwt, isTrusted: false };
		});
	}
}

/** What follows a prefix that may stand anywhere, from the first character that a token may have. */
function cutToken(value: string | undefined, prefix: string): string | undefined {
	if (value === undefined || prefix === "") return value;
	const start = value.indexOf(prefix);
	if (start === -1) return undefined;
	const rest = value.slice(start + prefix.length);
	const begin = rest.search(/[A-Za-z0-9_.-]/);
	return begin === -1 ? value : rest.slice(begin);
}
