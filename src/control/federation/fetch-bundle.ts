import { Agent, type RequestOptions, request } from "node:https";
import type { PeerCertificate } from "node:tls";
import { exchangeHttp, MeshError } from "../../core/index.ts";
import { parseTrustBundle, readCertificate, trustDomainOf, verifySvid } from "../../identity/index.ts";
import { parseSpiffeId } from "../../model/index.ts";
import type { BundleEndpoint } from "./relations.ts";

export interface FetchBundleOptions {
	readonly endpoint: BundleEndpoint;
	/** PEM of the roots of the endpoint's trust domain, for `https_spiffe`. */
	readonly roots: string | undefined;
	/** PEM of further roots of the web; the machine's by default. */
	readonly webRoots?: string;
	readonly signal: AbortSignal;
	/** Milliseconds since the epoch. */
	readonly now: number;
}

const maxAnswerBytes = 1024 * 1024;
const timeoutMs = 10_000;
const maxChain = 8;

/** Gets the text of a bundle, with the authentication of its profile; redirections are not followed.
 *  @throws MeshError `FEDERATION_FETCH` */
export async function fetchBundle(options: FetchBundleOptions): Promise<string> {
	const { endpoint, signal } = options;
	const fail = (fault: string, cause?: unknown): MeshError =>
		new MeshError(
			"FEDERATION_FETCH",
			`bundle endpoint ${endpoint.url}: ${fault}`,
			cause === undefined ? {} : { cause },
		);
	const authentication = authenticate(options, fail);
	const agent = new Agent({ keepAlive: false });
	const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
	const call = request(endpoint.url, {
		agent,
		signal: limit,
		headers: { accept: "application/json" },
		...authentication,
	});
	try {
		const { status, text } = await exchangeHttp(call, { maxAnswerBytes }).catch((cause: unknown) => {
			throw fail("cannot be asked", cause);
		});
		if (status !== 200) throw fail(`answered ${status}`);
		return text;
	} finally {
		agent.destroy();
	}
}

function authenticate(
	{ endpoint, roots = "", webRoots, now }: FetchBundleOptions,
	fail: (fault: string) => MeshError,
): RequestOptions {
	if (endpoint.profile === "https_web")
		return { minVersion: "TLSv1.2", ...(webRoots !== undefined && { ca: webRoots }) };
	const spiffeId = parseSpiffeId(endpoint.spiffeId);
	const trustDomain = trustDomainOf(spiffeId);
	if (roots === "") throw fail(`no root of ${trustDomain} is known to check its server by: give its bundle anew`);
	const bundle = parseTrustBundle(trustDomain, roots);
	return {
		ca: roots,
		minVersion: "TLSv1.2",
		// The name in the URL says nothing here: the SPIFFE ID counts, under the bundle that is known.
		checkServerIdentity(_host, peer) {
			// Somebody else's bytes, which TLS has taken; a throw in here would end the process.
			try {
				const verified = verifySvid(readChain(peer), bundle, now);
				if (!verified.ok) return new Error(verified.problems.map(({ problem }) => problem).join("; "));
				if (verified.value.spiffeId !== spiffeId) return new Error(`it is ${verified.value.spiffeId}, not ${spiffeId}`);
				return undefined;
			} catch (cause) {
				return new Error("its certificate cannot be read", { cause });
			}
		},
	};
}

function readChain(leaf: PeerCertificate) {
	const chain = [readCertificate(leaf.raw)];
	let certificate =
		"issuerCertificate" in leaf ? (leaf as { issuerCertificate?: PeerCertificate }).issuerCertificate : undefined;
	while (certificate?.raw !== undefined && chain.length < maxChain) {
		const next = readCertificate(certificate.raw);
		if (next.id === chain.at(-1)!.id) break;
		chain.push(next);
		certificate =
			"issuerCertificate" in certificate
				? (certificate as { issuerCertificate?: PeerCertificate }).issuerCertificate
				: undefined;
	}
	return chain;
}
