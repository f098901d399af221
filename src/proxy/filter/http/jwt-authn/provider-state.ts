import type { JwkKey, Jwt } from "../../../../engine/jwt/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { JwtProvider } from "../../../runtime-config/index.ts";
import type { JwtAuthnStats } from "../../../stats/index.ts";
import { KeyProvider } from "./key-provider.ts";
import { TokenExtractor } from "./token-extractor.ts";

/** Verified tokens that are kept although no cache is configured: the same ones come again and again, and checking a signature costs. */
const rememberedTokens = 1024;
const maxRememberedBytes = 4096;

/** A provider at work: its keys, and the tokens that are known to be good. */
export class ProviderState {
	readonly config: JwtProvider;
	readonly keys: KeyProvider;
	readonly extractor: TokenExtractor;
	/** As configured: good whatever the keys are by now. */
	readonly #cache = new Map<string, Jwt>();
	/** Good by the keys of {@link #rememberedKeys}. */
	readonly #remembered = new Map<string, Jwt>();
	#rememberedKeys: readonly JwkKey[] | undefined;

	constructor(config: JwtProvider, context: DataPathContext, stats: JwtAuthnStats) {
		this.config = config;
		this.keys = new KeyProvider(config.keys, context, stats);
		this.extractor = new TokenExtractor([config]);
	}

	/** A token that the configured cache holds. */
	lookUp(text: string, nowSeconds: number): Jwt | undefined {
		const jwt = this.#cache.get(text);
		if (jwt === undefined) return undefined;
		this.#cache.delete(text);
		if (jwt.expiresAt !== 0 && nowSeconds > jwt.expiresAt) return undefined;
		this.#cache.set(text, jwt);
		return jwt;
	}

	/** Keeps a verified token. */
	keep(jwt: Jwt): void {
		const { cacheSize, maxCachedTokenBytes } = this.config;
		if (cacheSize > 0 && jwt.text.length <= maxCachedTokenBytes) insert(this.#cache, jwt, cacheSize);
	}

	/** A token whose signature was checked by these keys. */
	recall(text: string, keys: readonly JwkKey[]): Jwt | undefined {
		return this.#rememberedKeys === keys ? this.#remembered.get(text) : undefined;
	}

	remember(jwt: Jwt, keys: readonly JwkKey[]): void {
		if (jwt.text.length > maxRememberedBytes) return;
		if (this.#rememberedKeys !== keys) {
			this.#remembered.clear();
			this.#rememberedKeys = keys;
		}
		insert(this.#remembered, jwt, rememberedTokens);
	}

	close(): void {
		this.keys.close();
	}
}

/** The oldest goes when there is no room. */
function insert(map: Map<string, Jwt>, jwt: Jwt, size: number): void {
	map.set(jwt.text, jwt);
	if (map.size > size) map.delete(map.keys().next().value as string);
}
