import { isHeaderValue } from "../../../../core/index.ts";
import {
	checkLifetime,
	checkTimes,
	isAudienceAllowed,
	type Jwt,
	type JwtStatus,
	jwtStatusCode,
	parseToken,
	verifySignature,
} from "../../../../engine/jwt/index.ts";
import { matchString } from "../../../../engine/matcher/index.ts";
import type { JwtAuthnStats } from "../../../stats/index.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { formatClaim, normalizePayload } from "./claims.ts";
import type { ProviderState } from "./provider-state.ts";
import type { FoundToken } from "./token-extractor.ts";

/** What one request's verifications share. */
export interface Verification {
	readonly request: PassRequestHead;
	readonly providers: readonly ProviderState[];
	readonly stats: JwtAuthnStats;
	/** Seconds since the Unix epoch. */
	nowSeconds(): number;
	/** Goes into the dynamic metadata in the end. */
	publish(key: string, value: Readonly<Record<string, unknown>>): void;
	clearRouteCache(): void;
	/** Called when the request is over before a fetch is. */
	onCancel(cancel: () => void): void;
}

/** What is expected of a request's tokens. */
export interface Expectation {
	/** Undefined: the provider whose issuer the token names. */
	readonly provider: ProviderState | undefined;
	/** Undefined: the provider's own. */
	readonly audiences: ReadonlySet<string> | undefined;
	readonly allowsMissing: boolean;
	readonly allowsFailed: boolean;
	/** Whether a header tells the application of a token that is not good. */
	readonly marksFailed: boolean;
}

const markHeader = "x-jwt-signature-verified";

/** Verifies all tokens found; every one must be good, unless failures are allowed. `done` may be called before this returned. */
export function authenticate(
	verification: Verification,
	expectation: Expectation,
	tokens: readonly FoundToken[],
	done: (status: JwtStatus) => void,
): void {
	new Authenticator(verification, expectation, [...tokens], done).start();
}

class Authenticator {
	readonly #verification: Verification;
	readonly #expectation: Expectation;
	readonly #tokens: FoundToken[];
	readonly #done: (status: JwtStatus) => void;
	#provider: ProviderState | undefined;
	#clearsRoute = false;

	constructor(
		verification: Verification,
		expectation: Expectation,
		tokens: FoundToken[],
		done: (status: JwtStatus) => void,
	) {
		this.#verification = verification;
		this.#expectation = expectation;
		this.#tokens = tokens;
		this.#done = done;
	}

	start(): void {
		const token = this.#tokens.pop();
		if (token === undefined) this.#finish("Jwt is missing");
		else this.#verify(token);
	}

	#verify(token: FoundToken): void {
		const { stats } = this.#verification;
		const wanted = this.#expectation.provider;
		const nowSeconds = this.#verification.nowSeconds();
		this.#provider = wanted;
		const cached = wanted?.lookUp(token.text, nowSeconds);
		if (wanted !== undefined) (cached === undefined ? stats.jwt_cache_miss : stats.jwt_cache_hit).value++;
		const jwt = cached ?? this.#parse(token.text);
		if (typeof jwt === "string") {
			this.#finish(jwt);
			return;
		}
		const status = this.#checkClaims(token, jwt, nowSeconds);
		if (status !== "OK") this.#finish(status);
		else if (cached === undefined) this.#checkSignature(token, jwt);
		else this.#accept(token, jwt);
	}

	/** A token that was verified before is not taken apart again. */
	#parse(text: string): Jwt | JwtStatus {
		const keys = this.#provider?.keys.current;
		const known = keys === undefined ? undefined : this.#provider!.recall(text, keys);
		return known ?? parseToken(text);
	}

	#checkClaims(token: FoundToken, jwt: Jwt, nowSeconds: number): JwtStatus {
		if (!token.isIssuerAllowed(jwt.issuer)) return "Jwt issuer is not configured";
		this.#provider ??= this.#findByIssuer(jwt.issuer);
		const provider = this.#provider?.config;
		if (provider === undefined) return "Jwt issuer is not configured";
		const times = checkTimes(jwt, nowSeconds, provider.clockSkewSeconds);
		if (times !== "OK") return times;
		if (provider.maxLifetimeSeconds !== undefined && !checkLifetime(jwt, nowSeconds, provider.maxLifetimeSeconds)) {
			return "Jwt verification fails";
		}
		if (provider.subjects !== undefined && !matchString(provider.subjects, jwt.subject)) {
			return "Jwt verification fails";
		}
		const audiences = this.#expectation.audiences ?? provider.audiences;
		return isAudienceAllowed(audiences, jwt.audiences) ? "OK" : "Audiences in Jwt are not allowed";
	}

	/** The first provider of an issuer, else the first without one. */
	#findByIssuer(issuer: string): ProviderState | undefined {
		const { providers } = this.#verification;
		return (
			providers.find(({ config }) => config.issuer === issuer) ?? providers.find(({ config }) => config.issuer === "")
		);
	}

	#checkSignature(token: FoundToken, jwt: Jwt): void {
		const provider = this.#provider!;
		const keys = provider.keys.current;
		if (keys !== undefined) {
			const known = provider.recall(jwt.text, keys) !== undefined;
			const status = known ? "OK" : verifySignature(jwt, keys);
			if (status !== "OK") {
				this.#finish(status);
				return;
			}
			if (!known) provider.remember(jwt, keys);
			this.#accept(token, jwt);
			return;
		}
		if (!provider.keys.isRemote) {
			this.#finish("Jwks doesn't have any valid public key");
			return;
		}
		const forget = provider.keys.fetch((fetched) => {
			if (fetched === undefined) {
				this.#finish("Jwks remote fetch is failed");
				return;
			}
			const status = verifySignature(jwt, fetched);
			if (status === "OK") this.#accept(token, jwt);
			else this.#finish(status);
		});
		this.#verification.onCancel(forget);
	}

	#accept(token: FoundToken, jwt: Jwt): void {
		const provider = this.#provider!;
		const { config } = provider;
		const { request } = this.#verification;
		const values = config.claimHeaders.map(({ claimPath }) => formatClaim(jwt.payload, claimPath));
		if (!values.every(isHeaderValue)) {
			this.#finish("Jwt payload is an invalid JSON");
			return;
		}
		if (config.payloadHeader !== "") {
			const padding = config.padsPayloadHeader ? "=".repeat((4 - (jwt.payloadText.length % 4)) % 4) : "";
			request.add(config.payloadHeader, jwt.payloadText + padding);
		}
		for (const [at, { header }] of config.claimHeaders.entries()) {
			const value = values[at]!;
			if (value === "") continue;
			request.add(header, value);
			this.#clearsRoute ||= config.clearsRouteCache;
		}
		this.#clearsRoute ||= config.clearsRouteCache && config.payloadInMetadata !== "";
		if (!config.forwardsToken) token.remove(request);
		if (config.headerInMetadata !== "") this.#verification.publish(config.headerInMetadata, jwt.header);
		if (config.payloadInMetadata !== "") {
			const payload = normalizePayload(jwt.payload, config.spaceDelimitedClaims);
			this.#verification.publish(config.payloadInMetadata, payload);
		}
		if (this.#expectation.provider !== undefined) provider.keep(jwt);
		this.#finish("OK");
	}

	#finish(status: JwtStatus): void {
		const { allowsFailed, allowsMissing, marksFailed } = this.#expectation;
		if (status !== "OK") this.#publishFailure(status);
		if (marksFailed && status !== "OK" && status !== "Jwt is missing") {
			this.#verification.request.set(markHeader, "false");
		}
		const failsAtOnce = status !== "OK" && !allowsFailed && !allowsMissing;
		const next = failsAtOnce ? undefined : this.#tokens.pop();
		if (next !== undefined) {
			this.#verify(next);
			return;
		}
		if (this.#clearsRoute) this.#verification.clearRouteCache();
		const isForgiven = allowsFailed || (allowsMissing && status === "Jwt is missing");
		this.#done(isForgiven ? "OK" : status);
	}

	#publishFailure(status: JwtStatus): void {
		const { providers } = this.#verification;
		const provider = this.#provider ?? (providers.length === 1 ? providers[0] : undefined);
		const key = provider?.config.failureInMetadata ?? "";
		if (key !== "") this.#verification.publish(key, { code: jwtStatusCode(status), message: status });
	}
}
