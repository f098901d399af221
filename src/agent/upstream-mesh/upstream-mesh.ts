import {
	type BackoffConfig,
	type Clock,
	createBackoff,
	describeError,
	type Log,
	MeshError,
	type Random,
	repeatUntilStopped,
} from "../../core/index.ts";
import {
	type DownstreamReport,
	formatSigningRequest,
	type SignedIssuer,
	type UpstreamAuthority,
	type UpstreamFeed,
	type UpstreamTrust,
} from "../../identity/index.ts";
import { type AgentClient, createAgentClient } from "../node-identity/index.ts";
import { fetchOwnSvid } from "./fetch-svid.ts";

export interface UpstreamMeshOptions {
	/** `host:port` of the agent addresses of the control planes above. */
	readonly servers: readonly string[];
	/** The Workload API that says who this process is there: an agent of the mesh above. */
	readonly socketPath: string;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

/** The authority of the mesh above; it needs a registration entry with the flag downstream for this process. */
export interface UpstreamMesh extends UpstreamAuthority {
	readonly feed: UpstreamFeed;
}

const retry: BackoffConfig = { baseMs: 1000, maxMs: 30_000 };
const minRetryMs = 1000;
const waitSeconds = 30;
/** A control plane above that lost its store hears everything again. */
const repeatMs = 300_000;

/** Asks for issuers, follows the roots above, and reports. Each round asks the Workload API anew who this process is. */
export function createUpstreamMesh(options: UpstreamMeshOptions): UpstreamMesh {
	const { servers, socketPath, clock, random } = options;
	const log = options.log.child("upstream");
	const listeners = new Set<() => void>();
	const stop = new AbortController();
	let trust: UpstreamTrust | undefined;
	let wanted: string | undefined;
	let told: { readonly text: string; readonly at: number } | undefined;
	let isFollowing = false;
	let isReporting = false;

	async function using<T>(work: (client: AgentClient) => Promise<T>): Promise<T> {
		const svid = await fetchOwnSvid(socketPath);
		const trustDomain = svid.spiffeId.slice("spiffe://".length).split("/", 1)[0]!;
		const client = createAgentClient({ servers, trustDomain, bundle: svid.bundlePem });
		try {
			client.useSvid(svid);
			return await work(client);
		} finally {
			client.close();
		}
	}

	function take(next: UpstreamTrust): void {
		const isNew = JSON.stringify(next) !== JSON.stringify(trust);
		trust = next;
		if (isNew) for (const listener of [...listeners]) listener();
	}

	async function follow(): Promise<void> {
		let revision = "";
		await repeatUntilStopped({
			...{ clock, signal: stop.signal, backoff: createBackoff(retry, random, minRetryMs) },
			async step() {
				const path = `/v1/downstream/trust?after=${encodeURIComponent(revision)}&wait=${waitSeconds}`;
				const call = { timeoutMs: (waitSeconds + 10) * 1000, signal: stop.signal };
				const answer = await using((client) => client.request("GET", path, undefined, call));
				const next = answer as { readonly revision: string; readonly trust: UpstreamTrust };
				revision = next.revision;
				take(next.trust);
				if (told !== undefined && clock.now() - told.at > repeatMs) told = undefined;
				void sendReport();
			},
			onFailure: (error) =>
				log.warn("the authority above is not followed, the last roots stay", { reason: describeError(error) }),
		});
	}

	async function sendReport(): Promise<void> {
		if (isReporting) return;
		isReporting = true;
		try {
			while (wanted !== undefined && wanted !== told?.text && !stop.signal.aborted) {
				const text = wanted;
				await using((client) => client.request("POST", "/v1/downstream/report", JSON.parse(text)));
				told = { text, at: clock.now() };
			}
		} catch (error) {
			// The next answer of the feed brings it again.
			if (!stop.signal.aborted) log.warn("the authority above was not told", { reason: describeError(error) });
		} finally {
			isReporting = false;
		}
	}

	return {
		async signIssuer({ csr }) {
			const answer = await using((client) =>
				client.request("POST", "/v1/downstream/issuer", { csr: formatSigningRequest(csr) }),
			).catch((cause: unknown) => {
				if (cause instanceof MeshError && cause.code === "AUTHORITY_UPSTREAM") throw cause;
				throw new MeshError("AUTHORITY_UPSTREAM", "upstream authority: it signs no issuer", { cause });
			});
			const { chain, roots, trust: next } = answer as SignedIssuer & { readonly trust: UpstreamTrust };
			take(next);
			return { chain, roots };
		},
		feed: {
			current: () => trust,
			onChange(listener) {
				listeners.add(listener);
				if (!isFollowing) {
					isFollowing = true;
					void follow();
				}
				return () => listeners.delete(listener);
			},
			report(report: DownstreamReport) {
				wanted = JSON.stringify(report);
				void sendReport();
			},
			close() {
				stop.abort();
				listeners.clear();
			},
		},
	};
}
