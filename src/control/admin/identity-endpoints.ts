import type { Log } from "../../core/index.ts";
import { type Authority, parseSigningRequest } from "../../identity/index.ts";
import { formatSpiffeId, type Mesh } from "../../model/index.ts";
import type { CertificateList } from "./certificate-list.ts";
import { parseJson } from "./parse-json.ts";
import { AdminError, type AdminResponse, type Endpoint } from "./router.ts";

export interface IdentityEndpointsOptions {
	readonly authority: Authority;
	readonly certificates: CertificateList;
	readonly mesh: () => Mesh | undefined;
	/** Counts requests and what was signed. */
	readonly onRequest: () => void;
	readonly onSigned: () => void;
	readonly log: Log;
}

const maxSignBytes = 65_536;

/** Certificates for the service accounts of declared workloads and Pods, and for no one else. */
export function createIdentityEndpoints(options: IdentityEndpointsOptions): Endpoint[] {
	const { authority, certificates } = options;
	return [
		{
			method: "POST",
			path: "/v1/identity/sign",
			maxBodyBytes: maxSignBytes,
			answer: ({ body }) => sign(options, body),
		},
		{
			method: "GET",
			path: "/v1/identity/bundle",
			answer: () => ({ body: { trustDomain: authority.trustDomain, bundle: authority.bundle().pem } }),
		},
		{ method: "GET", path: "/v1/certificates", answer: () => ({ body: { items: certificates.list() } }) },
	];
}

async function sign(options: IdentityEndpointsOptions, body: string): Promise<AdminResponse> {
	const { authority, log } = options;
	options.onRequest();
	const { namespace, serviceAccount, csr } = parseRequest(body);
	const mesh = options.mesh();
	const declared = mesh === undefined ? [] : [...mesh.workloads, ...mesh.declaredInstances];
	const isDeclared = declared.some(
		(workload) => workload.namespace === namespace && workload.serviceAccount === serviceAccount,
	);
	if (mesh === undefined || !isDeclared) {
		log.warn("signature refused", { namespace, serviceAccount });
		throw new AdminError(
			403,
			"SERVICE_ACCOUNT_UNKNOWN",
			`no Workload and no Pod has the service account ${namespace}/${serviceAccount}`,
		);
	}
	const { trustDomain } = authority;
	const spiffeId = formatSpiffeId({ trustDomain, namespace, serviceAccount });
	const issued = await authority.sign({ csr: parseSigningRequest(csr), spiffeId, ttlMs: mesh.settings.svidTtlMs });
	options.certificates.add(issued);
	options.onSigned();
	const { serial } = issued;
	const expiresAt = new Date(issued.notAfter).toISOString();
	return { body: { chain: issued.chain, bundle: issued.bundle, spiffeId, serial, expiresAt } };
}

function parseRequest(body: string) {
	const value = parseJson(body) as Record<string, unknown> | null;
	const { namespace, serviceAccount, csr } = value ?? {};
	if (typeof namespace === "string" && typeof serviceAccount === "string" && typeof csr === "string")
		return { namespace, serviceAccount, csr };
	throw new AdminError(400, "SIGN_REQUEST_INVALID", "namespace, serviceAccount and csr (PEM) expected, each as text");
}
