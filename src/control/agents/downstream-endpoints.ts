import { type Clock, describeError, type Log } from "../../core/index.ts";
import {
	type Authority,
	createSigningGate,
	type JwtAuthority,
	parseSigningRequest,
	toPlainJwk,
} from "../../identity/index.ts";
import type { RegistrationEntry, SpiffeId } from "../../model/index.ts";
import { type IdentityRegistry, openRecordSet, type Store } from "../../registry/index.ts";
import { AdminError } from "../admin/index.ts";
import type { Holders } from "../authority/index.ts";
import { type AgentEndpoints, type AgentRequest, readObject, readText } from "./agent-endpoints.ts";
import { createChangeBell } from "./change-bell.ts";

export interface DownstreamEndpointsOptions {
	readonly store: Store;
	readonly identity: Pick<IdentityRegistry, "entries">;
	readonly authority: Authority;
	readonly holders: Pick<Holders, "onSigned" | "onReport" | "removeBelow">;
	readonly clock: Clock;
	readonly log: Log;
}

/** What an authority below this one has told. */
interface DownstreamRecord {
	readonly spiffeId: SpiffeId;
	readonly jwtKeys: readonly JwtAuthority[];
}

/** Life of an issuer of another authority, when its entry does not say: an entry without the flag ends it at most so much later. */
const issuerTtlMs = 7 * 86_400_000;
const maxWaitSeconds = 60;
const maxKeys = 16;
const maxKeyIdLength = 256;
const maxRoots = 64;

/** Other authorities of the trust domain: whoever has an entry with `downstream` gets an issuer signed, follows the roots, and says what it
 *  has handed on, so that rotations wait for it. Its JWT keys are published with the own ones. As SPIRE's nested servers. */
export async function createDownstreamEndpoints(options: DownstreamEndpointsOptions): Promise<AgentEndpoints> {
	const { identity, authority, holders, clock } = options;
	const log = options.log.child("downstream");
	const gate = createSigningGate();
	const bell = createChangeBell(clock);
	const records = await openRecordSet<DownstreamRecord>(options.store, {
		prefix: "/amime/identity/downstream/",
		parse: (value) =>
			Array.isArray((value as DownstreamRecord | undefined)?.jwtKeys) ? (value as DownstreamRecord) : undefined,
		clock,
		log,
	});

	const entryOf = (id: SpiffeId | undefined): RegistrationEntry | undefined =>
		identity.entries.list().find((entry) => entry.downstream && entry.spiffeId === id);

	/** Who may not be an authority any more has no keys here, and is waited for no more. */
	function publish(): void {
		const [live, ended] = [[] as DownstreamRecord[], [] as DownstreamRecord[]];
		for (const record of records.list()) (entryOf(record.spiffeId) === undefined ? ended : live).push(record);
		const now = clock.wall();
		authority.setDownstreamJwtKeys(live.flatMap(({ jwtKeys }) => jwtKeys.filter(({ notAfter }) => notAfter > now)));
		for (const { spiffeId } of ended)
			Promise.all([records.remove(spiffeId), holders.removeBelow(holderOf(spiffeId))]).catch((error: unknown) =>
				log.warn("authority not forgotten", { spiffeId, reason: describeError(error) }),
			);
	}

	const stops = [records.watch(publish), identity.entries.watch(publish), authority.onChange(() => bell.ring())];
	publish();

	function require({ peer }: AgentRequest): RegistrationEntry {
		const entry = entryOf(peer);
		if (entry !== undefined) return entry;
		if (peer === undefined)
			throw new AdminError(401, "AGENT_UNAUTHENTICATED", "show the certificate of a workload with a downstream entry");
		log.warn("authority refused", { spiffeId: peer });
		throw new AdminError(
			403,
			"DOWNSTREAM_FORBIDDEN",
			`'${peer}' may not be an authority: its registration entry needs the flag downstream ('amime identity create --downstream')`,
		);
	}

	async function sign(request: AgentRequest): Promise<unknown> {
		const { spiffeId, x509TtlMs, dnsNames } = require(request);
		const csr = parseSigningRequest(readText(readObject(request.body), "csr"));
		const ttlMs = x509TtlMs ?? issuerTtlMs;
		const signed = await gate.run(() => authority.signDownstream({ csr, spiffeId, ttlMs, dnsNames }));
		await holders.onSigned(holderOf(spiffeId), signed);
		if (records.get(spiffeId) === undefined) await records.put(spiffeId, { spiffeId, jwtKeys: [] });
		return { chain: signed.chain, roots: signed.roots, trust: authority.trust() };
	}

	async function follow(request: AgentRequest): Promise<unknown> {
		const { query } = request;
		const deadline = clock.now() + Math.min(Number(query.get("wait") ?? "0") || 0, maxWaitSeconds) * 1000;
		for (;;) {
			require(request);
			const trust = authority.trust();
			const revision = bell.revisionOf(trust);
			const left = deadline - clock.now();
			if (revision !== query.get("after") || left <= 0) return { revision, trust };
			await bell.wait(left);
		}
	}

	async function report(request: AgentRequest): Promise<unknown> {
		const { spiffeId } = require(request);
		const { acknowledged, serial, jwtKeys } = readObject(request.body);
		if (
			!Array.isArray(acknowledged) ||
			acknowledged.length > maxRoots ||
			!acknowledged.every((id) => typeof id === "string")
		)
			throw new AdminError(400, "AGENT_REQUEST_INVALID", "'acknowledged' expected: a list of root ids");
		const keys = readKeys(jwtKeys);
		const others = authority.jwtKeys();
		const taken = keys.find((key) => others.some((other) => other.keyId === key.keyId && !isSameKey(key, other)));
		// Whoever reads the set by name would take one for the other, and refuse good tokens.
		if (taken !== undefined)
			throw new AdminError(400, "AGENT_REQUEST_INVALID", `'jwtKeys': '${taken.keyId}' is the name of another key`);
		await holders.onReport({
			name: holderOf(spiffeId),
			acknowledged: acknowledged as string[],
			...(typeof serial === "string" && { serial }),
		});
		if (JSON.stringify(records.get(spiffeId)?.jwtKeys) !== JSON.stringify(keys))
			await records.put(spiffeId, { spiffeId, jwtKeys: keys });
		return {};
	}

	return {
		routes: new Map([
			["POST /v1/downstream/issuer", sign],
			["GET /v1/downstream/trust", follow],
			["POST /v1/downstream/report", report],
		]),
		close() {
			for (const stop of stops) stop();
			records.close();
			bell.close();
		},
	};
}

function readKeys(value: unknown): JwtAuthority[] {
	const invalid = new AdminError(
		400,
		"AGENT_REQUEST_INVALID",
		`'jwtKeys' expected: at most ${maxKeys} public P-256 keys`,
	);
	if (!Array.isArray(value) || value.length > maxKeys) throw invalid;
	return value.map((key: Partial<JwtAuthority> | null) => {
		const { keyId, publicJwk, notAfter } = key ?? {};
		if (typeof keyId !== "string" || keyId === "" || keyId.length > maxKeyIdLength) throw invalid;
		if (typeof notAfter !== "number" || typeof publicJwk !== "object" || publicJwk === null) throw invalid;
		const { kty, crv, x, y } = publicJwk;
		if (kty !== "EC" || crv !== "P-256" || typeof x !== "string" || typeof y !== "string") throw invalid;
		try {
			return { keyId, publicJwk: toPlainJwk({ kty, crv, x, y }), notAfter };
		} catch {
			throw invalid;
		}
	});
}

function isSameKey({ publicJwk: left }: JwtAuthority, { publicJwk: right }: Pick<JwtAuthority, "publicJwk">): boolean {
	return left["x"] === right["x"] && left["y"] === right["y"];
}

function holderOf(spiffeId: SpiffeId): string {
	return `downstream${spiffeId.slice(spiffeId.indexOf("/", "spiffe://".length))}`;
}
