import { createHash } from "node:crypto";
import { type Clock, describeError, type Log, MeshError } from "../../core/index.ts";
import {
	type Authority,
	createSigningGate,
	type IssuedSvid,
	parseSigningRequest,
	readSigningRequest,
	type SignRequest,
} from "../../identity/index.ts";
import { type AttestedAgent, parseSpiffeId, type RegistrationEntry, type SpiffeId } from "../../model/index.ts";
import { type IdentityRegistry, joinTokenPurpose } from "../../registry/index.ts";
import { AdminError, parseJson } from "../admin/index.ts";
import { type Holders, type ReportedProxy, renewWithin } from "../authority/index.ts";
import { createAgentEntries } from "./agent-entries.ts";
import { createChangeBell } from "./change-bell.ts";
import { tokenUnknown } from "./join-token.ts";
import type { NodeAttestor, Payload } from "./node-attestor.ts";
import { markOf } from "./revocations.ts";

/** What agents are served from. */
export interface AgentEndpointsOptions {
	readonly identity: IdentityRegistry;
	readonly authority: Authority;
	readonly attestors: readonly NodeAttestor[];
	/** Lifetime of certificates that an entry does not say. */
	readonly svidTtlMs: () => number;
	readonly onSigned: (issued: IssuedSvid) => void;
	/** Who holds what, and trusts which roots: a rotation waits for them. */
	readonly holders: Pick<Holders, "onSigned" | "onShown" | "onReport" | "onProxies" | "count">;
	readonly clock: Clock;
	readonly log: Log;
}

/** A request of an agent. */
export interface AgentRequest {
	/** Who shows a certificate of the trust domain; undefined without one. */
	readonly peer: SpiffeId | undefined;
	/** Serial number of that certificate. */
	readonly serial: string | undefined;
	readonly query: URLSearchParams;
	readonly body: string;
}

/** Answers by method and path; each answer is JSON. */
export interface AgentEndpoints {
	readonly routes: ReadonlyMap<string, (request: AgentRequest) => Promise<unknown>>;
	/** Answers whoever waits. */
	close(): void;
}

/** Calls that were under way when an agent changed its certificate come to their end. */
const graceMs = 60_000;
const agentTtlMs = 24 * 3_600_000;
const defaultJwtTtlMs = 300_000;
const maxWaitSeconds = 60;
const maxProxies = 4_096;
const maxNameLength = 256;
const maxListed = 256;
const maxAudiences = 32;
const maxAudienceLength = 1024;

/** What agents ask: to be attested, what they may give out, and signatures for it. Nobody gets a signature for an entry of another. */
export function createAgentEndpoints(options: AgentEndpointsOptions): AgentEndpoints {
	const { identity, authority, attestors, clock } = options;
	const log = options.log.child("agents");
	const serverId = parseSpiffeId(`spiffe://${authority.trustDomain}/amime/server`);
	const entries = createAgentEntries(identity.entries, serverId);
	const bell = createChangeBell(clock);
	const gate = createSigningGate();
	/** By agent, for whom it has reported the roots of which bundle: its own certificate's and its workloads'. */
	const reported = new Map<SpiffeId, { readonly sequence: number; readonly holders: Set<string> }>();
	const stops = [
		identity.entries.watch(() => bell.ring()),
		identity.agents.watch(() => {
			for (const id of reported.keys()) if (identity.agents.get(id) === undefined) reported.delete(id);
			bell.ring();
		}),
		authority.onChange(() => bell.ring()),
	];

	const findAttestor = (payload: Payload): NodeAttestor => {
		const name = payload["attestor"];
		const found = attestors.find((attestor) => attestor.name === name);
		if (found !== undefined) return found;
		const names = attestors.map((attestor) => attestor.name).join(", ");
		throw new AdminError(403, "ATTESTATION_REFUSED", `nodes attest here by ${names}, not by '${String(name)}'`);
	};

	async function attest({ body }: AgentRequest): Promise<unknown> {
		const payload = readObject(body);
		const attestor = findAttestor(payload);
		const csr = parseSigningRequest(readText(payload, "csr"));
		// Before the evidence: a request that cannot be signed is not looked at further.
		const key = createHash("sha256").update(readSigningRequest(csr).publicKey).digest("hex");
		const refuse = (error: unknown): never => {
			log.warn("node refused", { attestor: attestor.name, reason: describeError(error) });
			throw toAdminError(error);
		};
		const node = await attestor.attest(payload, key).catch(refuse);
		const spiffeId = parseSpiffeId(`spiffe://${authority.trustDomain}/amime/agent/${node.agentPath}`);
		if (identity.agents.get(spiffeId)?.isBanned === true) throw banned(spiffeId);
		const request = agentRequest(spiffeId, csr);
		const issued = await gate.run(() => authority.sign(request), spiffeId);
		// A join token is good once: what cannot be signed now leaves it good for the next try.
		const { joinToken } = node;
		await node.use?.().catch(refuse);
		await recordSigned(request.holder, issued);
		const attested = await identity.agents.update(spiffeId, (known) => {
			// Banned while its certificate was signed.
			if (known?.isBanned === true) throw banned(spiffeId);
			// It has shown the certificate of another try, which stays.
			if (joinToken !== undefined && known !== undefined && known.joinToken === undefined) return undefined;
			return {
				spiffeId,
				attestor: attestor.name,
				selectors: [`spiffe_id:${spiffeId}`, ...node.selectors],
				...(joinToken !== undefined && { joinToken }),
				serial: issued.serial,
				// Whichever of the two answers arrives.
				...(joinToken !== undefined && known !== undefined && { nextSerial: known.serial }),
				expiresAt: issued.notAfter,
				attestedAt: clock.wall(),
				isBanned: false,
			};
		});
		if (attested === undefined) refuse(tokenUnknown());
		log.info("node attested", { spiffeId, attestor: attestor.name, selectors: node.selectors });
		return { spiffeId, chain: issued.chain, bundle: authority.bundle().pem };
	}

	async function recordSigned(holder: string, issued: IssuedSvid): Promise<void> {
		await options.holders.onSigned(holder, issued);
		options.onSigned(issued);
	}

	/** Agents take turns, so that one with many workloads, or one that is made to ask, keeps no other waiting. */
	async function sign(agent: SpiffeId, request: AgentSignRequest): Promise<IssuedSvid> {
		const issued = await gate.run(() => authority.sign(request), agent);
		await recordSigned(request.holder, issued);
		return issued;
	}

	/** An agent that asks for what follows a revision has handed that revision's bundle on. */
	async function acknowledge(agent: SpiffeId): Promise<void> {
		const sequence = authority.sequence();
		const known = reported.get(agent);
		if (known?.sequence === sequence) return;
		const holders = known?.holders ?? new Set([holderOf(agent)]);
		reported.set(agent, { sequence, holders });
		const acknowledged = authority.bundle().authorities.map((root) => root.id);
		for (const name of holders) await options.holders.onReport({ name, acknowledged });
	}

	async function holdFor(agent: SpiffeId, name: string): Promise<void> {
		const known = reported.get(agent) ?? { sequence: authority.sequence(), holders: new Set([holderOf(agent)]) };
		reported.set(agent, known);
		if (known.holders.has(name)) return;
		known.holders.add(name);
		const acknowledged = authority.bundle().authorities.map((root) => root.id);
		await options.holders.onReport({ name, acknowledged });
	}

	function findAgent(peer: SpiffeId | undefined): AttestedAgent {
		if (peer === undefined)
			throw new AdminError(401, "AGENT_UNAUTHENTICATED", "show the certificate of an attested agent");
		return requireAgent(peer, identity.agents.get(peer));
	}

	/** Changes what is kept of an agent, as the store has it: who was evicted or banned meanwhile stays so. */
	const changeAgent = (id: SpiffeId, change: (agent: AttestedAgent) => AttestedAgent | undefined) =>
		identity.agents.update(id, (known) => change(requireAgent(id, known)));

	/** Whoever shows a certificate has got it: its join token is good for nobody any more. */
	async function settle(agent: AttestedAgent, serial: string | undefined): Promise<AttestedAgent> {
		if (agent.joinToken === undefined || (serial !== agent.serial && serial !== agent.nextSerial)) return agent;
		await identity.secrets.forget(joinTokenPurpose, agent.joinToken);
		const settled = await changeAgent(agent.spiffeId, ({ joinToken, ...known }) =>
			joinToken === undefined ? undefined : known,
		);
		return settled ?? findAgent(agent.spiffeId);
	}

	/** The agent that asks. Each certificate is good until a newer one was shown: whoever has an older one copied it from the agent. */
	async function authenticate({ peer, serial }: AgentRequest): Promise<AttestedAgent> {
		const agent = await settle(findAgent(peer), serial);
		const now = clock.wall();
		const { spiffeId } = agent;
		if (serial === agent.serial || (serial === agent.previous?.serial && now < agent.previous!.until)) return agent;
		const shown = await changeAgent(spiffeId, ({ nextSerial, ...known }) => {
			// Another call has shown it already.
			if (serial === known.serial) return undefined;
			if (serial === undefined || serial !== nextSerial) throw replayed(spiffeId);
			return { ...known, serial, previous: { serial: known.serial, until: now + graceMs } };
		}).catch((error: unknown) => {
			if (error instanceof AdminError) log.warn("certificate refused", { spiffeId, serial, code: error.code });
			throw error;
		});
		// The older one is shown no more.
		await options.holders.onShown(holderOf(spiffeId), serial!);
		return shown ?? findAgent(peer);
	}

	async function renew(request: AgentRequest): Promise<unknown> {
		const { body } = request;
		const agent = await authenticate(request);
		const csr = parseSigningRequest(readText(readObject(body), "csr"));
		const issued = await sign(agent.spiffeId, agentRequest(agent.spiffeId, csr));
		await changeAgent(agent.spiffeId, (known) => ({
			...known,
			nextSerial: issued.serial,
			expiresAt: issued.notAfter,
		}));
		return { chain: issued.chain, bundle: authority.bundle().pem, root: issued.root };
	}

	function describe(agent: AttestedAgent): Record<string, unknown> {
		return {
			/** Certificates under another root are to be renewed. */
			activeRoot: authority.status().roots.find(({ phase }) => phase === "active")?.name ?? "",
			entries: [...entries.of(agent).values()],
			bundle: {
				trustDomain: authority.trustDomain,
				pem: authority.bundle().pem,
				jwks: authority.jwtKeys().map(({ keyId, publicJwk }) => ({ ...publicJwk, kid: keyId })),
			},
			federated: authority.federatedBundles().map(({ trustDomain, pem, jwks }) => ({
				trustDomain,
				pem,
				jwks: jwks.map(({ keyId, publicJwk }) => ({ ...publicJwk, kid: keyId })),
			})),
		};
	}

	/** Answers when something else than `after` is there, or when the time is over. */
	async function follow(request: AgentRequest): Promise<unknown> {
		const { peer, query } = request;
		await authenticate(request);
		const deadline = clock.now() + Math.min(Number(query.get("wait") ?? "0") || 0, maxWaitSeconds) * 1000;
		for (let isAcknowledged = false; ; ) {
			const agent = findAgent(peer);
			const content = describe(agent);
			const revision = bell.revisionOf(content);
			if (revision === query.get("after") && !isAcknowledged) {
				await acknowledge(agent.spiffeId);
				isAcknowledged = true;
				// Nobody heard what rang meanwhile.
				continue;
			}
			const left = deadline - clock.now();
			if (revision !== query.get("after") || left <= 0)
				return { revision, renewWithinMs: renewWithin(options.holders.count()), ...content };
			await bell.wait(left);
		}
	}

	function findEntry(agent: AttestedAgent, payload: Payload): RegistrationEntry {
		const id = readText(payload, "entryId");
		const entry = entries.of(agent).get(id);
		if (entry !== undefined) return entry;
		log.warn("signature refused", { agent: agent.spiffeId, entry: id });
		throw new AdminError(403, "ENTRY_FORBIDDEN", `entry '${id}' is not one of ${agent.spiffeId}`);
	}

	async function signX509(request: AgentRequest): Promise<unknown> {
		const payload = readObject(request.body);
		const agent = await authenticate(request);
		const { id, spiffeId, x509TtlMs, dnsNames } = findEntry(agent, payload);
		const holder = `${holderOf(agent.spiffeId)}/${id}`;
		const issued = await sign(agent.spiffeId, {
			csr: parseSigningRequest(readText(payload, "csr")),
			spiffeId,
			ttlMs: x509TtlMs ?? options.svidTtlMs(),
			dnsNames,
			holder,
			subjectMark: markOf(agent.spiffeId) + markOf(id),
		});
		// With the certificate the agent gets the bundle of now.
		await holdFor(agent.spiffeId, holder);
		return { chain: issued.chain, bundle: authority.bundle().pem, root: issued.root };
	}

	async function signJwt(request: AgentRequest): Promise<unknown> {
		const payload = readObject(request.body);
		const agent = await authenticate(request);
		const { id, spiffeId, jwtTtlMs } = findEntry(agent, payload);
		const holder = `${holderOf(agent.spiffeId)}/${id}`;
		const audiences = readAudiences(payload);
		const ttlMs = jwtTtlMs ?? defaultJwtTtlMs;
		return gate.run(() => authority.signJwt({ spiffeId, audiences, ttlMs, holder }), agent.spiffeId);
	}

	async function reportProxies(request: AgentRequest): Promise<unknown> {
		const agent = await authenticate(request);
		await options.holders.onProxies(holderOf(agent.spiffeId), readProxies(readObject(request.body)));
		return {};
	}

	return {
		routes: new Map([
			["POST /v1/agent/challenge", (request) => challenge(request, findAttestor)],
			["POST /v1/agent/attest", attest],
			["POST /v1/agent/renew", renew],
			["GET /v1/agent/entries", follow],
			["POST /v1/agent/x509", signX509],
			["POST /v1/agent/jwt", signJwt],
			["POST /v1/agent/proxies", reportProxies],
		]),
		close() {
			for (const stop of stops) stop();
			bell.close();
		},
	};
}

type AgentSignRequest = SignRequest & { readonly holder: string };

const agentRequest = (spiffeId: SpiffeId, csr: Uint8Array): AgentSignRequest => ({
	csr,
	spiffeId,
	ttlMs: agentTtlMs,
	holder: holderOf(spiffeId),
});

async function challenge(request: AgentRequest, find: (payload: Payload) => NodeAttestor): Promise<unknown> {
	const payload = readObject(request.body);
	const attestor = find(payload);
	if (attestor.challenge === undefined)
		throw new AdminError(400, "ATTESTATION_REFUSED", `${attestor.name} asks for no signature`);
	const text = await attestor.challenge(payload).catch((error: unknown) => {
		throw toAdminError(error);
	});
	return { challenge: text };
}

/** A body that must be an object. */
export function readObject(body: string): Payload {
	const value = parseJson(body);
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Payload;
	throw new AdminError(400, "AGENT_REQUEST_INVALID", "an object expected");
}

/** A field that must be text. */
export function readText(payload: Payload, field: string): string {
	const value = payload[field];
	if (typeof value === "string" && value !== "") return value;
	throw new AdminError(400, "AGENT_REQUEST_INVALID", `'${field}' expected, as text`);
}

function readAudiences(payload: Payload): string[] {
	const { audiences } = payload;
	const isGood =
		Array.isArray(audiences) &&
		audiences.length > 0 &&
		audiences.length <= maxAudiences &&
		audiences.every(
			(audience) => typeof audience === "string" && audience !== "" && audience.length <= maxAudienceLength,
		);
	if (isGood) return audiences;
	throw new AdminError(400, "AGENT_REQUEST_INVALID", `'audiences' expected: 1 to ${maxAudiences} texts`);
}

function readProxies({ proxies }: Payload): readonly ReportedProxy[] {
	const isList = (value: unknown): value is string[] =>
		Array.isArray(value) && value.length <= maxListed && value.every((item) => typeof item === "string");
	const isProxy = (value: Partial<ReportedProxy> | null): value is ReportedProxy =>
		typeof value?.name === "string" &&
		value.name !== "" &&
		value.name.length <= maxNameLength &&
		isList(value.acknowledged) &&
		isList(value.serials);
	if (Array.isArray(proxies) && proxies.length <= maxProxies && proxies.every(isProxy)) return proxies;
	throw new AdminError(
		400,
		"AGENT_REQUEST_INVALID",
		`'proxies' expected: at most ${maxProxies}, each with name, acknowledged and serials`,
	);
}

/** What an agent is called among those who hold certificates; its workloads are below it. */
export function holderOf(agent: SpiffeId): string {
	return agent.slice(agent.indexOf("/", "spiffe://".length) + "/amime/".length);
}

function requireAgent(id: SpiffeId, agent: AttestedAgent | undefined): AttestedAgent {
	if (agent === undefined)
		throw new AdminError(401, "AGENT_UNKNOWN", `'${id}' has not attested here, or was evicted: attest again`);
	if (agent.isBanned) throw banned(id);
	return agent;
}

function replayed(id: SpiffeId): AdminError {
	return new AdminError(
		403,
		"AGENT_REPLAYED",
		`'${id}' has shown a newer certificate than this one: two processes run as one agent, or somebody has copied its state; attest again`,
	);
}

function banned(spiffeId: SpiffeId): AdminError {
	return new AdminError(403, "AGENT_BANNED", `'${spiffeId}' was banned`);
}

function toAdminError(error: unknown): unknown {
	if (!(error instanceof MeshError) || error instanceof AdminError) return error;
	if (error.code === "ATTESTATION_REFUSED") return new AdminError(403, "ATTESTATION_REFUSED", error.message);
	if (error.code !== "ATTESTATION_UNAVAILABLE") return error;
	return new AdminError(503, "ATTESTATION_UNAVAILABLE", describeError(error));
}
