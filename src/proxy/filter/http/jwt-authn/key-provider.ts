import type { Timer } from "../../../../core/index.ts";
import { type JwkKey, parseKeySet } from "../../../../engine/jwt/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import { callHttp, type HttpCall } from "../../../http-client/index.ts";
import type { JwtKeySource } from "../../../runtime-config/index.ts";
import type { JwtAuthnStats } from "../../../stats/index.ts";

/** Who Envoy says it is: some servers of keys answer nobody without a name. */
const userAgent = "Go-browser";
/** How long before the keys get old newer ones are fetched. */
const aheadMs = 5000;
/** A key set with more bytes is a failure. */
const maxKeySetBytes = 1024 * 1024;

/** The keys of one provider: there from the start, or fetched when they are needed or ahead of that. */
export class KeyProvider {
	readonly #source: JwtKeySource;
	readonly #context: DataPathContext;
	readonly #stats: JwtAuthnStats;
	#keys: readonly JwkKey[] | undefined;
	#expiresAt = Number.POSITIVE_INFINITY;
	#call: HttpCall | undefined;
	#timer: Timer | undefined;
	readonly #waiting = new Set<(keys: readonly JwkKey[] | undefined) => void>();

	constructor(source: JwtKeySource, context: DataPathContext, stats: JwtAuthnStats) {
		this.#source = source;
		this.#context = context;
		this.#stats = stats;
		if (source.kind === "local") this.#keys = source.keys;
		if (source.kind === "remote" && source.ahead !== undefined) this.#fetch();
	}

	/** The keys that may be used now. */
	get current(): readonly JwkKey[] | undefined {
		return this.#context.clock.now() < this.#expiresAt ? this.#keys : undefined;
	}

	get isRemote(): boolean {
		return this.#source.kind === "remote";
	}

	/** Calls back with keys, or with undefined when the fetch failed; requests at one time share a fetch. @returns forgets the caller */
	fetch(done: (keys: readonly JwkKey[] | undefined) => void): () => void {
		this.#waiting.add(done);
		if (this.#call === undefined) this.#fetch();
		return () => this.#waiting.delete(done);
	}

	close(): void {
		this.#call?.cancel();
		this.#timer?.cancel();
		this.#waiting.clear();
	}

	#fetch(): void {
		const source = this.#source;
		if (source.kind !== "remote") return;
		this.#timer?.cancel();
		const { cluster, authority, path, timeoutMs, retry } = source;
		const headers = ["user-agent", userAgent];
		const options = { cluster, authority, path, timeoutMs, retry, method: "GET", headers, sendsAddress: true };
		this.#call = callHttp(this.#context, { ...options, maxBodyBytes: maxKeySetBytes }, (answer) => {
			this.#call = undefined;
			const keys = answer.status === 200 && answer.body.length > 0 ? parseKeySet(answer.body) : "";
			this.#finish(typeof keys === "string" ? undefined : keys, source);
		});
	}

	#finish(keys: readonly JwkKey[] | undefined, source: JwtKeySource & { readonly kind: "remote" }): void {
		const { clock } = this.#context;
		if (keys === undefined) {
			this.#stats.jwks_fetch_failed.value++;
		} else {
			this.#stats.jwks_fetch_success.value++;
			this.#keys = keys;
			this.#expiresAt = source.ahead === undefined ? clock.now() + source.cacheMs : Number.POSITIVE_INFINITY;
		}
		if (source.ahead !== undefined) {
			const freshMs = source.cacheMs > aheadMs ? source.cacheMs - aheadMs : source.cacheMs;
			const delayMs = keys === undefined ? source.ahead.retryMs : freshMs;
			this.#timer = clock.setTimer(delayMs, () => this.#fetch(), { unref: true });
		}
		const waiting = [...this.#waiting];
		this.#waiting.clear();
		for (const done of waiting) done(keys);
	}
}
