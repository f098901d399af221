import type { Log, WorkGate } from "../../core/index.ts";
import { type Authority, createSigningGate, type IssuedSvid, parseSigningRequest } from "../../identity/index.ts";
import { formatSpiffeId, type Mesh } from "../../model/index.ts";
import type { CertificateList } from "./certificate-list.ts";
import { parseJson } from "./parse-json.ts";
import { AdminError, type AdminResponse, type Endpoint } from "./router.ts";

export interface IdentityEndpointsOptions {
	readonly authority: Authority;
	/** Is told what was signed for a holder, before the holder has it. */
	readonly holders: { onSigned(name: string, issued: IssuedSvid): Promise<void> };
	readonly certificates: CertificateList;
	readonly mesh: () => Mesh | undefined;
	/** Counts requests and what was signed. */
	readonly onRequest: () => void;
	readonly onSigned: () => void;
	readonly log: Log;
}

const maxSignBytes = 65_536;
const maxHolderLetters = 512;

/** Certificates for the service accounts of declared workloads, Pods and proxies of Gateways, and for no one else. */
export function createIdentityEndpoints(options: IdentityEndpointsOptions): Endpoint[] {
	const { certificates } = options;
	const gate = createSigningGate();
	return [
		{
			method: "POST",
			path: "/v1/identity/sign",
			maxBodyBytes: maxSignBytes,
			answer: ({ body }) => sign(options, gate, body),
		},
		{ method: "GET", path: "/v1/certificates", answer: () => ({ body: { items: certificates.list() } }) },
	];
}

async function sign(options: IdentityEndpointsOptions, gate: WorkGate, body: string): Promise<AdminResponse> {
	const { authority, log } = options;
	options.onRequest();
	const { namespace, serviceAccount, csr, holder } = parseRequest(body);
	const mesh = options.mesh();
	const declared = mesh === undefined ? [] : [...mesh.workloads, ...mesh.declaredInstances, ...mesh.gatewayProxies];
	const isDeclared = declared.some(
		(workload) => workload.namespace === namespace && workload.serviceAccount === serviceAccount,
	);
	if (mesh === undefined || !isDeclared) {
		log.warn("signature refused", { namespace, serviceAccount });
		throw new AdminError(
			403,
			"SERVICE_ACCOUNT_UNKNOWN",
			`no Workload, no Pod and no Gateway's proxy has the service account ${namespace}/${serviceAccount}`,
		);
	}
	const { trustDomain } = authority;
	const spiffeId = formatSpiffeId({ trustDomain, namespace, serviceAccount });
	const { svidTtlMs: ttlMs } = mesh.settings;
	const issued = await gate.run(() => authority.sign({ csr: parseSigningRequest(csr), spiffeId, ttlMs, ...holder }));
	if (holder !== undefined) await options.holders.onSigned(holder.holder, issued);
	options.certificates.add(issued);
	options.onSigned();
	const { serial, root } = issued;
	const expiresAt = new Date(issued.notAfter).toISOString();
	return { body: { chain: issued.chain, bundle: issued.bundle, spiffeId, serial, root, expiresAt } };
}

function parseRequest(body: string) {
	const value = parseJson(body) as Record<string, unknown> | null;
	const { namespace, serviceAccount, csr, holder } = value ?? {};
	if (typeof namespace === "string" && typeof serviceAccount === "string" && typeof csr === "string") {
		const isNamed = typeof holder === "string" && holder !== "" && holder.length <= maxHolderLetters;
		return { namespace, serviceAccount, csr, holder: isNamed ? { holder } : undefined };
	}
	throw new AdminError(400, "SIGN_REQUEST_INVALID", "namespace, serviceAccount and csr (PEM) expected, each as text");
}
