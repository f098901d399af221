import type { IssuerSlot } from "./authority-state.ts";
import type { JwtAuthority } from "./authority-types.ts";
import type { LoadedState } from "./loaded-slots.ts";
import type { UpstreamFeed } from "./upstream.ts";

/** What an authority shares with those of its trust domain above and below it. */
export class NeighbourAuthorities {
	readonly #feed: UpstreamFeed | undefined;
	#below: readonly JwtAuthority[] = [];
	#text: string | undefined;

	constructor(feed: UpstreamFeed | undefined) {
		this.#feed = feed;
	}

	setBelow(keys: readonly JwtAuthority[]): void {
		this.#below = keys;
	}

	/** The JWT keys of all of them, each once, the own ones in place of others of their id. */
	withOwn(own: readonly JwtAuthority[]): readonly JwtAuthority[] {
		return [...new Map([...this.#shared(), ...own].map((key) => [key.keyId, key])).values()];
	}

	/** Whether their keys are others than when this was asked last; `first` when it was not asked yet. */
	takeChange(): "none" | "first" | "changed" {
		const before = this.#text;
		this.#text = JSON.stringify(this.#shared());
		if (before === this.#text) return "none";
		return before === undefined ? "first" : "changed";
	}

	/** Whether the one above trusts or signs by other roots than those of an issuer here. */
	isOutdated({ root }: IssuerSlot, { state, roots }: LoadedState): boolean {
		const wanted = this.#feed?.current();
		if (wanted === undefined) return false;
		const slot = state.roots.find(({ name }) => name === root);
		const ids = (roots.get(root) ?? []).map(({ id }) => id);
		return slot?.signedBy !== wanted.signingRootId || [...ids].sort().join() !== [...wanted.rootIds].sort().join();
	}

	/** Tells the one above what it may rely on. */
	report({ state, roots, signer }: LoadedState, jwtKeys: readonly JwtAuthority[]): void {
		const active = state.roots.find(({ phase }) => phase === "active");
		if (this.#feed === undefined || active === undefined) return;
		const isAlone = !state.roots.some(({ phase }) => phase === "retiring");
		this.#feed.report({
			acknowledged: (roots.get(active.name) ?? []).map(({ id }) => id),
			...(isAlone && signer !== undefined && { serial: signer.certificate.serial }),
			jwtKeys,
		});
	}

	#shared(): readonly JwtAuthority[] {
		return [...(this.#feed?.current()?.jwtKeys ?? []), ...this.#below];
	}
}
