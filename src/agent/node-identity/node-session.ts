import type { KeyObject } from "node:crypto";
import {
	type BackoffConfig,
	type Clock,
	createBackoff,
	describeError,
	type Log,
	MeshError,
	pause,
	type Random,
	repeatUntilStopped,
} from "../../core/index.ts";
import {
	createSvidSource,
	type JsonWebKeyEntry,
	type SignedSvid,
	type SvidSigner,
	type SvidSource,
} from "../../identity/index.ts";
import type { RegistrationEntry, SpiffeId } from "../../model/index.ts";
import type { AgentClient } from "./agent-client.ts";
import { attestNode, createAgentKey, type NodeEvidence, type NodeIdentity } from "./attest-node.ts";
import type { SavedIdentity } from "./saved-identity.ts";

/** The keys of a trust domain: for certificates and for tokens. */
export interface DomainBundle {
	readonly trustDomain: string;
	/** PEM of its roots; empty for a related domain with JWT keys alone. */
	readonly pem: string;
	readonly jwks: readonly JsonWebKeyEntry[];
}

/** What a node may give out, as last heard. */
export interface NodeState {
	/** The root slot that signs: certificates under another one are renewed, at random times within `renewWithinMs`. */
	readonly activeRoot: string;
	readonly renewWithinMs: number;
	readonly entries: readonly RegistrationEntry[];
	readonly bundle: DomainBundle;
	readonly federated: readonly DomainBundle[];
}

/** A signed token. */
export interface SignedToken {
	readonly token: string;
	/** Milliseconds since the epoch. */
	readonly expiresAt: number;
}

export interface NodeSessionOptions {
	readonly client: AgentClient;
	/** Undefined for an agent that has its saved identity alone. */
	readonly evidence: NodeEvidence | undefined;
	/** Its own identity over restarts; without it every start attests by the evidence. */
	readonly saved?: SavedIdentity;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

/** A node of the mesh: attested, following what it may give out, having it signed. */
export interface NodeSession {
	/** Attests and hears what it may give out; rejects when the node is refused, and tries again as long as the control plane is away. */
	start(): Promise<void>;
	/** The agent's own identity, once started. */
	spiffeId(): SpiffeId | undefined;
	/** Undefined before the first answer. While the control plane is away, the last one stays. */
	state(): NodeState | undefined;
	onChange(listener: () => void): () => void;
	/** A signer of certificates of an entry. */
	signerOf(entryId: string): SvidSigner;
	signJwt(entryId: string, audiences: readonly string[]): Promise<SignedToken>;
	/** Tells what every proxy of this node has acknowledged. */
	reportProxies(proxies: readonly object[]): Promise<void>;
	close(): void;
}

const retry: BackoffConfig = { baseMs: 500, maxMs: 30_000 };
const waitSeconds = 30;
/** Whoever was refused so is not an agent any more. */
const lostCodes: readonly string[] = ["AGENT_UNKNOWN", "AGENT_BANNED", "AGENT_UNAUTHENTICATED"];

function isRefusal(error: unknown): boolean {
	return error instanceof MeshError && (lostCodes.includes(error.code) || error.code === "AGENT_REPLAYED");
}

export function createNodeSession(options: NodeSessionOptions): NodeSession {
	const { client, evidence, clock, random } = options;
	const log = options.log.child("agent");
	const listeners = new Set<() => void>();
	const stop = new AbortController();
	let state: NodeState | undefined;
	let own: SvidSource | undefined;
	/** Of an attestation whose answer has not come. */
	let key: KeyObject | undefined;

	const first = Promise.withResolvers<void>();
	const publish = (next: NodeState | undefined): void => {
		state = next;
		first.resolve();
		for (const listener of [...listeners]) listener();
	};

	async function attest(): Promise<void> {
		if (evidence === undefined)
			throw new MeshError(
				"AGENT_STATE",
				"the agent's saved identity has ended or is refused, and nothing else says who this node is: give a new --join-token",
			);
		key ??= options.saved?.firstKey() ?? createAgentKey();
		const identity = await attestNode(client, evidence, key).catch((error: unknown) => {
			if (!isAway(error)) options.saved?.remove();
			throw error;
		});
		key = undefined;
		options.saved?.save(identity);
		begin(identity);
		log.info("node attested", { spiffeId: identity.spiffeId, by: evidence.kind });
	}

	/** Shows the identity that was saved, which is renewed at once: whoever is refused so is not the agent any more.
	 *  @returns whether it is good still */
	async function resume(): Promise<boolean> {
		const identity = options.saved?.load(clock.wall());
		if (identity === undefined) return false;
		// Roots may have come and gone while it was down.
		client.useSvid({ ...identity, bundlePem: `${identity.bundlePem}\n${client.firstBundle}` });
		try {
			await client.request("GET", "/v1/agent/entries");
		} catch (error) {
			if (!isRefusal(error)) throw error;
			log.warn("the agent's saved identity is refused, it attests anew", { reason: describeError(error) });
			options.saved?.remove();
			return false;
		}
		begin(identity);
		log.info("node is who it was", { spiffeId: identity.spiffeId });
		return true;
	}

	function begin(identity: NodeIdentity): void {
		client.useSvid(identity);
		own?.close();
		const source = createSvidSource({
			spiffeId: identity.spiffeId,
			sign: async (csr, signal) => (await client.request("POST", "/v1/agent/renew", { csr }, { signal })) as SignedSvid,
			clock,
			random,
			log,
		});
		own = source;
		source.onUpdate((svid) => {
			// Before it is shown: a certificate that was replaced is good for no other start.
			options.saved?.save(svid);
			client.useSvid(svid);
			renewUnderActive(source, state);
		});
	}

	async function attestUntilAnswered(): Promise<void> {
		const backoff = createBackoff(retry, random);
		while (!stop.signal.aborted) {
			try {
				if (!(await resume())) await attest();
				return;
			} catch (error) {
				if (!isAway(error)) throw error;
				log.warn("the control plane cannot be asked, trying again", { reason: describeError(error) });
				await pause(clock, backoff.next(), stop.signal);
			}
		}
	}

	async function follow(): Promise<void> {
		let revision = "";
		await repeatUntilStopped({
			...{ clock, signal: stop.signal, backoff: createBackoff(retry, random) },
			async step() {
				const path = `/v1/agent/entries?after=${encodeURIComponent(revision)}&wait=${waitSeconds}`;
				const call = { timeoutMs: (waitSeconds + 10) * 1000, signal: stop.signal };
				const answer = (await client.request("GET", path, undefined, call)) as NodeState & {
					readonly revision: string;
				};
				if (answer.revision === revision) return;
				revision = answer.revision;
				client.useBundle(answer.bundle.pem);
				const { entries, bundle, federated, activeRoot, renewWithinMs } = answer;
				publish({ entries, bundle, federated, activeRoot, renewWithinMs });
				if (own !== undefined) renewUnderActive(own, state);
				log.info("entries received", { entries: answer.entries.length });
			},
			async onFailure(error) {
				if (error instanceof MeshError && lostCodes.includes(error.code)) await rejoin(error);
				else log.warn("entries cannot be followed, the last known stay", { reason: describeError(error) });
				revision = "";
			},
		});
	}

	/** Gives nothing out any more, and attests again, if that is possible with the same evidence. */
	async function rejoin(cause: MeshError): Promise<void> {
		log.error("the control plane does not know this node any more", { reason: cause.message });
		if (state !== undefined) publish({ ...state, entries: [] });
		await attest().catch((error: unknown) =>
			log.error("node not attested again", { by: evidence?.kind, reason: describeError(error) }),
		);
	}

	return {
		async start() {
			await attestUntilAnswered();
			follow().catch((error: unknown) =>
				log.error("entries are not followed any more", { reason: describeError(error) }),
			);
			// Whoever is served before that would be told that there is no entry.
			await first.promise;
		},
		spiffeId: () => own?.spiffeId,
		state: () => state,
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		signerOf: (entryId) => async (csr, signal) =>
			(await client.request("POST", "/v1/agent/x509", { entryId, csr }, { signal })) as SignedSvid,
		signJwt: async (entryId, audiences) =>
			(await client.request("POST", "/v1/agent/jwt", { entryId, audiences })) as SignedToken,
		async reportProxies(proxies) {
			await client.request("POST", "/v1/agent/proxies", { proxies });
		},
		close() {
			stop.abort();
			first.resolve();
			own?.close();
			client.close();
			listeners.clear();
		},
	};
}

/** Renews a certificate that is under another root than the one that signs by now: that one is on its way out. */
export function renewUnderActive(source: SvidSource, state: NodeState | undefined): void {
	const root = source.current()?.root;
	if (state === undefined || root === undefined || root === state.activeRoot) return;
	source.renewWithin(state.renewWithinMs);
}

/** Whether the same request may do better later: nobody answers, or what a control plane needs for its answer is away or busy. */
export function isAway(error: unknown): boolean {
	return error instanceof MeshError && awayCodes.has(error.code);
}

const awayCodes: ReadonlySet<string> = new Set([
	"CONTROL_PLANE_UNREACHABLE",
	"ATTESTATION_UNAVAILABLE",
	"SIGNING_BUSY",
	"KEY_PLUGIN_UNAVAILABLE",
	"STORE_UNAVAILABLE",
	"STORE_BUSY",
	"STORE_CLOSED",
	"STORE_FULL",
	"STORE_FORBIDDEN",
]);
