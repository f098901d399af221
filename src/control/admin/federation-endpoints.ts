import { MeshError } from "../../core/index.ts";
import { type Authority, formatSpiffeBundle } from "../../identity/index.ts";
import type { BundleEndpoint, BundleRefresh, Relation, Relations } from "../federation/index.ts";
import { parseJson } from "./parse-json.ts";
import { AdminError, type AdminRequest, type Endpoint } from "./router.ts";

export interface FederationEndpointsOptions {
	readonly authority: Authority;
	readonly relations: Relations;
	readonly refresh: BundleRefresh;
}

const maxBytes = 1024 * 1024;
const path = "/v1/identity/federation";

/** The relations of this trust domain to others. */
export function createFederationEndpoints({ authority, relations, refresh }: FederationEndpointsOptions): Endpoint[] {
	return [
		{
			method: "GET",
			path,
			answer: () => ({ body: { items: relations.list().map((one) => describe(one, relations)) } }),
		},
		{
			method: "GET",
			path: `${path}-bundle`,
			answer: () => ({
				body: formatSpiffeBundle({
					authorities: authority.bundle().authorities,
					jwtKeys: authority.jwtKeys(),
					sequence: authority.sequence(),
					refreshHintSeconds: 300,
				}),
				contentType: "application/json",
			}),
		},
		{
			method: "PUT",
			path: `${path}/{trustDomain}`,
			maxBodyBytes: maxBytes,
			async answer(request) {
				const { relation, bundle } = parseRelation(request);
				await refuse(relations.put(relation, bundle));
				return { body: describe(relation, relations) };
			},
		},
		{
			method: "POST",
			path: `${path}/{trustDomain}/refresh`,
			async answer({ params }) {
				const trustDomain = params["trustDomain"]!;
				await refuse(refresh.refresh(trustDomain));
				return { body: describe(find(relations, trustDomain), relations) };
			},
		},
		{
			method: "DELETE",
			path: `${path}/{trustDomain}`,
			async answer({ params }) {
				const trustDomain = params["trustDomain"]!;
				if (await relations.remove(trustDomain)) return { body: { trustDomain, result: "deleted" } };
				throw unknown(trustDomain);
			},
		},
	];
}

function describe(relation: Relation, relations: Relations) {
	const known = relations.bundleOf(relation.trustDomain);
	const { fetchedAt, error } = known ?? {};
	const { keys, sequence } = relations.read(relation.trustDomain) ?? {};
	return {
		...relation,
		...(keys !== undefined && { keys }),
		...(sequence !== undefined && { sequence: formatSequence(sequence) }),
		...(fetchedAt !== undefined && { fetchedAt: new Date(fetchedAt).toISOString() }),
		...(error !== undefined && { error }),
	};
}

/** Beyond 2^53 JSON numbers are rounded by most readers: a text there, as protobuf's JSON has it. */
function formatSequence(sequence: bigint): number | string {
	return sequence <= Number.MAX_SAFE_INTEGER ? Number(sequence) : String(sequence);
}

function find(relations: Relations, trustDomain: string): Relation {
	const found = relations.list().find((relation) => relation.trustDomain === trustDomain);
	if (found === undefined) throw unknown(trustDomain);
	return found;
}

function unknown(trustDomain: string): AdminError {
	return new AdminError(404, "FEDERATION_UNKNOWN", `there is no relation to the trust domain ${trustDomain}`);
}

function parseRelation({ params, body }: AdminRequest): {
	readonly relation: Relation;
	readonly bundle: string | undefined;
} {
	const { endpoint, bundle } = (parseJson(body) ?? {}) as {
		readonly endpoint?: Record<string, unknown>;
		readonly bundle?: unknown;
	};
	const text = bundle === undefined ? undefined : typeof bundle === "string" ? bundle : JSON.stringify(bundle);
	const trustDomain = params["trustDomain"]!;
	if (endpoint === undefined) return { relation: { trustDomain }, bundle: text };
	const { profile, url, spiffeId } = endpoint;
	const isSpiffe = profile === "https_spiffe" && typeof spiffeId === "string";
	if (typeof url !== "string" || !(profile === "https_web" || isSpiffe))
		throw new AdminError(
			400,
			"FEDERATION_INVALID",
			"'endpoint' needs 'url' and 'profile': https_web, or https_spiffe with 'spiffeId'",
		);
	return {
		relation: { trustDomain, endpoint: { profile, url, ...(isSpiffe && { spiffeId }) } as BundleEndpoint },
		bundle: text,
	};
}

async function refuse(work: Promise<void>): Promise<void> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof MeshError)) throw error;
		const status = { FEDERATION_INVALID: 422, FEDERATION_BUNDLE: 422, FEDERATION_UNKNOWN: 404, FEDERATION_FETCH: 502 }[
			error.code
		];
		throw status === undefined ? error : new AdminError(status, error.code, error.message);
	}
}
