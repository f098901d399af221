import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { MeshError } from "../../core/index.ts";
import { createSigningRequest, formatSigningRequest } from "../../identity/index.ts";
import { parseSpiffeId, type SpiffeId } from "../../model/index.ts";
import type { AgentClient } from "./agent-client.ts";

/** How this node shows who it is. */
export type NodeEvidence =
	| { readonly kind: "join_token"; readonly token: string }
	/** PEM files; read anew each time. */
	| { readonly kind: "x509pop"; readonly certificateFile: string; readonly keyFile: string }
	/** A projected service-account token; read anew each time. */
	| { readonly kind: "k8s_psat"; readonly cluster: string; readonly tokenFile: string };

/** A node that was attested. */
export interface NodeIdentity {
	readonly spiffeId: SpiffeId;
	readonly certificateChainPem: string;
	readonly privateKeyPem: string;
	readonly bundlePem: string;
}

/** A key for an agent's first certificate. Whoever tries again because no answer came takes the same: a join token that was used for a key
 *  is good for that key still. */
export function createAgentKey(): KeyObject {
	return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** Shows the evidence, and gets the agent's first certificate for the key.
 *  @throws MeshError `CONTROL_PLANE_UNREACHABLE`, `ATTESTATION_REFUSED` and other refusals, `EVIDENCE_UNREADABLE` */
export async function attestNode(
	client: AgentClient,
	evidence: NodeEvidence,
	privateKey: KeyObject,
): Promise<NodeIdentity> {
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	const payload = await createPayload(client, evidence);
	const answer = (await client.request("POST", "/v1/agent/attest", { attestor: evidence.kind, ...payload, csr })) as {
		readonly spiffeId: string;
		readonly chain: string;
		readonly bundle: string;
	};
	return {
		spiffeId: parseSpiffeId(answer.spiffeId),
		certificateChainPem: answer.chain,
		privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
		bundlePem: answer.bundle,
	};
}

async function createPayload(client: AgentClient, evidence: NodeEvidence): Promise<Record<string, unknown>> {
	switch (evidence.kind) {
		case "join_token":
			return { token: evidence.token };
		case "k8s_psat":
			return { cluster: evidence.cluster, token: readEvidence(evidence.tokenFile).trim() };
		case "x509pop": {
			const chain = readEvidence(evidence.certificateFile);
			const key = createPrivateKey(readEvidence(evidence.keyFile));
			const asked = (await client.request("POST", "/v1/agent/challenge", { attestor: "x509pop", chain })) as {
				readonly challenge: string;
			};
			const text = Buffer.from(`amime node attestation\0${asked.challenge}`);
			return { chain, challenge: asked.challenge, signature: sign("sha256", text, key).toString("base64") };
		}
	}
}

function readEvidence(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch (cause) {
		throw new MeshError("EVIDENCE_UNREADABLE", `${file} cannot be read: the node cannot show who it is`, { cause });
	}
}
