import { createHash, verify } from "node:crypto";
import type { Clock } from "../../core/index.ts";
import { type Certificate, findChainProblem, readCertificates, type TrustBundle } from "../../identity/index.ts";
import type { Challenges } from "../../registry/index.ts";
import { type NodeAttestor, type Payload, readText, refused } from "./node-attestor.ts";

export interface ProofOfPossessionOptions {
	/** The authorities whose certificates nodes have. */
	readonly roots: TrustBundle;
	readonly challenges: Challenges;
	readonly clock: Clock;
}

const challengeTtlMs = 60_000;
const maxChainLetters = 65_536;
const staleChallenge = "the challenge is unknown, was answered before or has expired";

/** Nodes show a certificate that they have anyway, and sign a random text with its key (as SPIRE's x509pop). */
export function createProofOfPossessionAttestor(options: ProofOfPossessionOptions): NodeAttestor {
	const { roots, challenges, clock } = options;
	return {
		name: "x509pop",
		async challenge(payload) {
			const [leaf] = readChain(payload, roots, clock.wall());
			return challenges.issue(subjectOf(leaf!), challengeTtlMs);
		},
		async attest(payload) {
			const chain = readChain(payload, roots, clock.wall());
			const leaf = chain[0]!;
			const challenge = readText(payload, "challenge");
			const isAsked = await challenges.isGood(challenge, subjectOf(leaf));
			if (!isAsked) throw refused(staleChallenge);
			const signature = Buffer.from(readText(payload, "signature"), "base64");
			if (!verify("sha256", textToSign(challenge), leaf.publicKey, signature))
				throw refused("the signature is not by the key of the certificate");
			return {
				agentPath: `x509pop/${fingerprintOf(leaf)}`,
				selectors: describe(chain, roots),
				async use() {
					if (!(await challenges.use(challenge))) throw refused(staleChallenge);
				},
			};
		},
	};
}

/** What a node signs: nothing that could mean something elsewhere. */
export function textToSign(challenge: string): Buffer {
	return Buffer.from(`amime node attestation\0${challenge}`);
}

function readChain(payload: Payload, roots: TrustBundle, now: number): Certificate[] {
	const pem = readText(payload, "chain");
	if (pem.length > maxChainLetters) throw refused(`a chain longer than ${maxChainLetters} letters`);
	const chain = parseChain(pem);
	const problem = findChainProblem(chain, roots, now);
	if (problem !== undefined) throw refused(`certificate of the node: ${problem.problem}`);
	const usages = chain[0]!.extensions.keyUsages;
	if (usages !== undefined && !usages.has("digitalSignature"))
		throw refused("certificate of the node: its key usage is without digitalSignature");
	return chain;
}

function parseChain(pem: string): Certificate[] {
	try {
		return readCertificates(pem);
	} catch {
		throw refused("certificate of the node: damaged");
	}
}

/** Whom a challenge is for. */
const subjectOf = ({ id }: Certificate): string => `x509pop ${id}`;

/** SHA-1 as SPIRE has it in agents' IDs and selectors: a name, nothing that security rests on. */
function fingerprintOf({ der }: Certificate): string {
	return createHash("sha1").update(der).digest("hex");
}

function describe(chain: readonly Certificate[], roots: TrustBundle): string[] {
	const { x509, extensions } = chain[0]!;
	const commonName = /^CN=(.+)$/m.exec(x509.subject)?.[1];
	const above = [...chain.slice(1), ...roots.authorities.filter((root) => leadsTo(chain, root))];
	return [
		...(commonName === undefined ? [] : [`x509pop:subject:cn:${commonName}`]),
		...new Set(above.map((authority) => `x509pop:ca:fingerprint:${fingerprintOf(authority)}`)),
		...extensions.names.map(({ kind, value }) => `x509pop:san:${kind}:${value}`),
	];
}

function leadsTo(chain: readonly Certificate[], root: Certificate): boolean {
	return chain.some(
		(certificate) => certificate.x509.checkIssued(root.x509) && certificate.x509.verify(root.publicKey),
	);
}
