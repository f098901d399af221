import { generateKeyPairSync } from "node:crypto";
import {
	type Clock,
	describeError,
	type Log,
	MeshError,
	type Random,
	silentLog,
	systemClock,
	systemRandom,
	type Timer,
} from "../core/index.ts";
import type { SpiffeId } from "../model/index.ts";
import { trustDomainOf, verifySvidPem } from "./svid.ts";
import {
	beginRenewal,
	isHeld,
	isRenewalDue,
	onRenewalFailed,
	onRenewed,
	type RenewalState,
	urgencyOf,
} from "./svid-renewal.ts";
import { parseTrustBundle } from "./trust-bundle.ts";
import { createSigningRequest, formatSigningRequest } from "./x509/index.ts";

/** What an authority answers to a signing request. */
export interface SignedSvid {
	/** PEM: leaf, then intermediates. */
	readonly chain: string;
	/** PEM: the roots of the trust domain. */
	readonly bundle: string;
	/** The root slot that it is under, when the authority says. */
	readonly root?: string;
}

/** What an authority publishes between signatures. */
export interface PublishedTrust {
	/** PEM: the roots of the trust domain. */
	readonly bundlePem: string;
	/** Roots of related trust domains. */
	readonly federated: readonly { readonly trustDomain: string; readonly pem: string }[];
}

/** Has a signing request (PEM) signed; rejects when the authority refuses or cannot be reached. It must settle in bounded time, and soon
 *  after the signal aborts. */
export type SvidSigner = (csr: string, signal: AbortSignal) => Promise<SignedSvid>;

/** An X.509-SVID with its key, as TLS wants them. */
export interface X509Svid {
	readonly spiffeId: SpiffeId;
	/** PEM: leaf, then intermediates. */
	readonly certificateChainPem: string;
	/** PEM, PKCS #8. Never leaves this process but over its own SDS socket. */
	readonly privateKeyPem: string;
	/** PEM: the roots of the trust domain. */
	readonly bundlePem: string;
	/** Roots of related trust domains. */
	readonly federated: PublishedTrust["federated"];
	/** The root slot that it is under, when the authority says. */
	readonly root?: string;
	/** Hexadecimal, lower case. */
	readonly serial: string;
	/** Milliseconds since the epoch. */
	readonly notBefore: number;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
}

/** Options of a source. */
export interface SvidSourceOptions {
	readonly spiffeId: SpiffeId;
	readonly sign: SvidSigner;
	/** The machine's clock by default. */
	readonly clock?: Clock;
	/** Spreads renewals; the machine's random numbers by default. */
	readonly random?: Random;
	/** Silent by default. */
	readonly log?: Log;
}

/** Keeps one X.509-SVID fresh, its key in memory. */
export interface SvidSource {
	readonly spiffeId: SpiffeId;
	/** The SVID to use; undefined before the first one and after the last one ended. */
	current(): X509Svid | undefined;
	/** Resolves with the first SVID, however long that takes; rejects when the source is closed before. */
	ready(): Promise<X509Svid>;
	/** Calls the listener with every SVID from here on, the first included; returns how to stop. */
	onUpdate(listener: (svid: X509Svid) => void): () => void;
	/** Takes over what the authority publishes; the certificate stays. Listeners are called when that is news. */
	updateTrust(trust: PublishedTrust): void;
	/** Renews at a random time within `ms`, unless that is due sooner. */
	renewWithin(ms: number): void;
	/** Renews at once; rejects when that fails, and the old SVID stays. */
	renewNow(): Promise<X509Svid>;
	/** Stops renewing, and forgets the key. */
	close(): void;
}

/** Timers are monotonic and lifetimes are not: looking at the wall clock this often bounds the harm of a machine that slept. */
const maxTimerMs = 60_000;

/** Starts to keep an SVID fresh: the first attempt begins at once. */
export function createSvidSource(options: SvidSourceOptions): SvidSource {
	return new RenewingSvidSource(options);
}

type Outcome =
	| { readonly kind: "renewed"; readonly svid: X509Svid }
	| { readonly kind: "failed"; readonly error: unknown };

class RenewingSvidSource implements SvidSource {
	readonly spiffeId: SpiffeId;
	readonly #sign: SvidSigner;
	readonly #clock: Clock;
	readonly #random: Random;
	readonly #log: Log;
	readonly #listeners = new Set<(svid: X509Svid) => void>();
	readonly #first = Promise.withResolvers<X509Svid>();
	readonly #stop = new AbortController();
	#state: RenewalState;
	#svid: X509Svid | undefined;
	#trust: PublishedTrust | undefined;
	#timer: Timer | undefined;
	#attempt: Promise<Outcome> | undefined;

	constructor(options: SvidSourceOptions) {
		this.spiffeId = options.spiffeId;
		this.#sign = options.sign;
		this.#clock = options.clock ?? systemClock;
		this.#random = options.random ?? systemRandom;
		this.#log = (options.log ?? silentLog).child("identity", { spiffeId: options.spiffeId });
		this.#state = beginRenewal(this.#clock.wall());
		// Whoever never asks for the first SVID must not make the process die of an unhandled rejection.
		this.#first.promise.catch(() => undefined);
		void this.#exchange();
	}

	current(): X509Svid | undefined {
		return isHeld(this.#state, this.#clock.wall()) ? this.#svid : undefined;
	}

	ready(): Promise<X509Svid> {
		return this.#first.promise;
	}

	onUpdate(listener: (svid: X509Svid) => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	updateTrust(trust: PublishedTrust): void {
		const bundlePem = parseTrustBundle(trustDomainOf(this.spiffeId), trust.bundlePem).pem;
		const { federated } = trust;
		this.#trust = { bundlePem, federated };
		const svid = this.#svid;
		if (svid === undefined || (svid.bundlePem === bundlePem && isSameTrust(svid.federated, federated))) return;
		this.#svid = { ...svid, bundlePem, federated };
		this.#log.info("trust bundle is new", { federated: federated.length });
		for (const listener of [...this.#listeners]) listener(this.#svid);
	}

	renewWithin(ms: number): void {
		const dueAt = this.#clock.wall() + this.#random.next() * ms;
		if (dueAt >= this.#state.dueAt) return;
		this.#state = { ...this.#state, dueAt };
		if (this.#attempt === undefined) this.#schedule();
	}

	async renewNow(): Promise<X509Svid> {
		if (this.#stop.signal.aborted) throw closed(this.spiffeId);
		const outcome = await this.#exchange();
		if (outcome.kind === "failed") throw outcome.error;
		return outcome.svid;
	}

	close(): void {
		this.#stop.abort(closed(this.spiffeId));
		this.#timer?.cancel();
		this.#listeners.clear();
		this.#svid = undefined;
		this.#first.reject(closed(this.spiffeId));
	}

	#schedule(): void {
		this.#timer?.cancel();
		if (this.#stop.signal.aborted) return;
		const wait = Math.max(0, this.#state.dueAt - this.#clock.wall());
		this.#timer = this.#clock.setTimer(
			Math.min(wait, maxTimerMs),
			() => {
				if (isRenewalDue(this.#state, this.#clock.wall())) void this.#exchange();
				else this.#schedule();
			},
			{ unref: true },
		);
	}

	/** One attempt, shared by all who ask while it is under way; it never rejects. */
	#exchange(): Promise<Outcome> {
		this.#attempt ??= this.#obtain().then(
			(svid) => this.#settle({ kind: "renewed", svid }),
			(error: unknown) => this.#settle({ kind: "failed", error }),
		);
		return this.#attempt;
	}

	#settle(outcome: Outcome): Outcome {
		this.#attempt = undefined;
		if (this.#stop.signal.aborted) return { kind: "failed", error: closed(this.spiffeId) };
		if (outcome.kind === "failed") this.#onFailed(outcome.error);
		else this.#onRenewed(outcome.svid);
		this.#schedule();
		return outcome;
	}

	/** Asks the authority once, with a new key. */
	async #obtain(): Promise<X509Svid> {
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const request = createSigningRequest(privateKey, { names: [{ kind: "uri", value: this.spiffeId }] });
		const signed = await this.#sign(formatSigningRequest(request), this.#stop.signal);
		const bundle = parseTrustBundle(trustDomainOf(this.spiffeId), signed.bundle);
		const verified = verifySvidPem(signed.chain, bundle, this.#clock.wall());
		if (!verified.ok) throw unusable(this.spiffeId, verified.problems.map(({ problem }) => problem).join("; "));
		const { leaf, spiffeId } = verified.value;
		if (spiffeId !== this.spiffeId) throw unusable(this.spiffeId, `it is for '${spiffeId}'`);
		if (!leaf.x509.checkPrivateKey(privateKey)) throw unusable(this.spiffeId, "it is for another key");
		return {
			spiffeId,
			certificateChainPem: signed.chain,
			privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
			// What is published is never older than an answer for long: the feed brings what the answer has.
			bundlePem: this.#trust?.bundlePem ?? bundle.pem,
			federated: this.#trust?.federated ?? [],
			...(signed.root === undefined ? {} : { root: signed.root }),
			serial: leaf.serial,
			notBefore: leaf.notBefore,
			notAfter: leaf.notAfter,
		};
	}

	#onRenewed(svid: X509Svid): void {
		const isFirst = this.#svid === undefined;
		this.#svid = svid;
		this.#state = onRenewed(svid.notAfter, this.#clock.wall(), this.#random);
		this.#log.info(isFirst ? "svid obtained" : "svid renewed", {
			serial: svid.serial,
			notAfter: new Date(svid.notAfter).toISOString(),
		});
		this.#first.resolve(svid);
		for (const listener of [...this.#listeners]) listener(svid);
	}

	#onFailed(error: unknown): void {
		const now = this.#clock.wall();
		this.#state = onRenewalFailed(this.#state, now, this.#random);
		const { held, failures, dueAt } = this.#state;
		const event = isHeld(this.#state, now) || held === undefined ? "svid not renewed" : "svid ended without renewal";
		this.#log[urgencyOf(this.#state, now)](event, {
			error: describeError(error),
			failures,
			retryInMs: Math.round(dueAt - now),
			...(held === undefined ? {} : { endsInMs: Math.round(held.until - now) }),
		});
	}
}

function isSameTrust(left: PublishedTrust["federated"], right: PublishedTrust["federated"]): boolean {
	return (
		left.length === right.length &&
		left.every((one, position) => {
			const other = right[position]!;
			return one.trustDomain === other.trustDomain && one.pem === other.pem;
		})
	);
}

function closed(spiffeId: SpiffeId): MeshError {
	return new MeshError("SVID_SOURCE_CLOSED", `svid source of ${spiffeId} is closed`);
}

function unusable(spiffeId: SpiffeId, fault: string): MeshError {
	return new MeshError("SVID_UNUSABLE", `the authority's certificate for ${spiffeId} is unusable: ${fault}`);
}
