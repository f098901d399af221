import type { Clock, Log, Timer } from "../../core/index.ts";
import type { TlsCertificate } from "../../engine/format/index.ts";
import type { PeerTrust } from "../secret/index.ts";

export interface PeerBoundsOptions<Connection> {
	readonly trust: PeerTrust;
	readonly clock: Clock;
	readonly log: Log;
	/** What connections of peers that nobody vouches for any more have left, for requests under way. */
	readonly graceMs: number;
	/** Lets connections end behind the requests that are under way. */
	retire(connections: ReadonlySet<Connection>): void;
	/** Ends one at once. */
	cut(connection: Connection): void;
}

/** Why connections to such peers fail. */
export const revokedReason = "the identity of the peer was taken away";

/** Timers are monotonic and certificates are not: looking at the wall clock this often bounds the harm of a machine that slept. */
const maxTimerMs = 60_000;
/** Certificates that end one after the other are looked at together. */
const minTimerMs = 1_000;
/** Chains that are checked before others have their turn. */
const chainsPerTurn = 64;

interface Followed {
	readonly peer: TlsCertificate;
	isRetired: boolean;
	/** Whether its grace runs, because nobody vouches for it. */
	isUntrusted: boolean;
}

/** Open connections do not outlive what vouched for their peer by much: those whose certificate has ended are retired, and so are those
 *  whose root has gone or whose identity was taken away, which are cut when their grace is over; those of a banned agent at once. TLS
 *  itself never looks at a certificate again. */
export class PeerBounds<Connection extends object> {
	readonly #options: PeerBoundsOptions<Connection>;
	readonly #followed = new Map<Connection, Followed>();
	readonly #cuts = new Set<Timer>();
	#stopTrust: (() => void) | undefined;
	#timer: Timer | undefined;
	/** When the next certificate ends, by the wall clock. */
	#dueAt = Number.POSITIVE_INFINITY;

	constructor(options: PeerBoundsOptions<Connection>) {
		this.#options = options;
	}

	/** Whether a peer's identity was taken away, so that nothing is to be said to it. */
	refuses(peer: TlsCertificate): boolean {
		return this.#options.trust.revocationOf(peer) !== undefined;
	}

	/** A handshake is done. */
	follow(connection: Connection, peer: TlsCertificate): void {
		this.#stopTrust ??= this.#options.trust.onLost(() => this.#checkChains());
		this.#followed.set(connection, { peer, isRetired: false, isUntrusted: false });
		this.#arm(peer.validToMs);
	}

	/** A connection is over. */
	forget(connection: Connection): void {
		if (!this.#followed.delete(connection) || this.#followed.size > 0) return;
		this.#stopTrust?.();
		this.#stopTrust = undefined;
		this.#timer?.cancel();
		this.#dueAt = Number.POSITIVE_INFINITY;
	}

	close(): void {
		for (const timer of this.#cuts) timer.cancel();
		this.#cuts.clear();
		for (const connection of [...this.#followed.keys()]) this.forget(connection);
	}

	#arm(at: number): void {
		if (at >= this.#dueAt) return;
		this.#dueAt = at;
		this.#schedule();
	}

	#schedule(): void {
		const { clock } = this.#options;
		const wait = Math.min(Math.max(this.#dueAt - clock.wall(), 0), maxTimerMs);
		this.#timer?.cancel();
		this.#timer = clock.setTimer(wait, () => this.#onTime(), { unref: true });
	}

	#onTime(): void {
		const now = this.#options.clock.wall();
		if (now < this.#dueAt) {
			this.#schedule();
			return;
		}
		const ended = new Map<Connection, Followed>();
		let next = Number.POSITIVE_INFINITY;
		for (const [connection, entry] of this.#followed) {
			if (entry.isRetired) continue;
			if (entry.peer.validToMs <= now) ended.set(connection, entry);
			else next = Math.min(next, entry.peer.validToMs);
		}
		this.#dueAt = Number.POSITIVE_INFINITY;
		if (next !== Number.POSITIVE_INFINITY) this.#arm(Math.max(next, now + minTimerMs));
		this.#retire(ended, "connections drain: the certificates of their peers have ended");
	}

	/** A root or somebody's identity has gone: who has nobody left that vouches for it? Who seems so is asked about again when every chain was seen. */
	#checkChains(): void {
		const { trust } = this.#options;
		const vouches = trust.judge();
		const trusts = (peer: TlsCertificate): boolean => !this.refuses(peer) && vouches(peer.chainPem);
		const verdicts = new Map<string, boolean>();
		const entries = [...this.#followed];
		const doubtful: [Connection, Followed][] = [];
		const run = (from: number): void => {
			const until = verdicts.size + chainsPerTurn;
			let index = from;
			for (; index < entries.length && verdicts.size < until; index++) {
				const { peer } = entries[index]![1];
				const verdict = verdicts.get(peer.fingerprint256) ?? trusts(peer);
				verdicts.set(peer.fingerprint256, verdict);
				if (!verdict) doubtful.push(entries[index]!);
			}
			if (index < entries.length) this.#later(0, () => run(index));
			else this.#distrust(doubtful.filter(([, { peer }]) => !trusts(peer)));
		};
		run(0);
	}

	#distrust(entries: readonly [Connection, Followed][]): void {
		const left = entries.filter(([connection]) => this.#followed.has(connection));
		const untrusted = new Map(left.filter(([, { isUntrusted }]) => !isUntrusted));
		for (const entry of untrusted.values()) entry.isUntrusted = true;
		this.#retire(untrusted, "connections drain: nobody vouches for their peers any more");
		for (const [connection, { peer }] of left) {
			// A machine that was lost is listened to no longer.
			if (this.#options.trust.revocationOf(peer) === "agent") this.#options.cut(connection);
		}
		if (untrusted.size === 0) return;
		this.#later(this.#options.graceMs, () => {
			for (const connection of untrusted.keys()) if (this.#followed.has(connection)) this.#options.cut(connection);
		});
	}

	#later(ms: number, action: () => void): void {
		const timer = this.#options.clock.setTimer(
			ms,
			() => {
				this.#cuts.delete(timer);
				action();
			},
			{ unref: true },
		);
		this.#cuts.add(timer);
	}

	#retire(entries: ReadonlyMap<Connection, Followed>, why: string): void {
		if (entries.size === 0) return;
		const peers = [...new Set([...entries.values()].map(({ peer }) => peer.uriSans[0] ?? peer.subject))];
		this.#options.log.info(why, { connections: entries.size, peers: peers.slice(0, shownPeers) });
		for (const entry of entries.values()) entry.isRetired = true;
		this.#options.retire(new Set(entries.keys()));
	}
}

const shownPeers = 5;
