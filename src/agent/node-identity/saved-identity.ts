import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { readCertificates } from "../../identity/index.ts";
import { parseSpiffeId } from "../../model/index.ts";
import type { NodeEvidence, NodeIdentity } from "./attest-node.ts";

/** Where an agent keeps its own identity, so that after a restart it is who it was. Identities of workloads are never kept. */
export interface SavedIdentity {
	/** Undefined when there is none, it has ended, or it cannot be read. */
	load(now: number): NodeIdentity | undefined;
	save(identity: NodeIdentity): void;
	/** Forgets one that is refused. */
	remove(): void;
}

const filePattern = /^agent-[0-9a-f]{16}\.json$/;

/** Opens the identity that was got with this evidence, in a folder of mode 0700 with files of 0600. Another token, certificate or cluster is another
 *  node. Without evidence it is the one that is there.
 *  @throws MeshError `AGENT_STATE` */
export function openSavedIdentity(folder: string, evidence: NodeEvidence | undefined, log: Log): SavedIdentity {
	const path = join(folder, evidence === undefined ? findOnly(folder) : nameOf(evidence));
	return {
		load(now) {
			let text: string;
			try {
				text = readFileSync(path, "utf8");
			} catch {
				// Nothing was kept: the evidence is asked for.
				return undefined;
			}
			try {
				checkMode(path, log);
				const { certificateChainPem, privateKeyPem, bundlePem, spiffeId } = JSON.parse(text) as Record<string, string>;
				const [leaf] = readCertificates(certificateChainPem!);
				if (leaf === undefined || leaf.notAfter <= now) return undefined;
				return {
					spiffeId: parseSpiffeId(spiffeId!),
					certificateChainPem: certificateChainPem!,
					privateKeyPem: privateKeyPem!,
					bundlePem: bundlePem!,
				};
			} catch {
				// The cause is left out: a message of the parser must never carry a piece of the key.
				log.warn("the agent's saved identity is damaged, it attests anew", { path });
				return undefined;
			}
		},
		save({ spiffeId, certificateChainPem, privateKeyPem, bundlePem }) {
			try {
				mkdirSync(folder, { recursive: true, mode: 0o700 });
				const text = JSON.stringify({ spiffeId, certificateChainPem, privateKeyPem, bundlePem });
				rmSync(`${path}.tmp`, { force: true });
				writeFileSync(`${path}.tmp`, text, { mode: 0o600, flag: "wx" });
				renameSync(`${path}.tmp`, path);
			} catch (error) {
				log.warn("the agent's identity is not saved: after a restart it attests anew", {
					path,
					reason: describeError(error),
				});
			}
		},
		remove: () => rmSync(path, { force: true }),
	};
}

function nameOf(evidence: NodeEvidence): string {
	const hash = createHash("sha256").update(`${evidence.kind}\n${distinctionOf(evidence)}`);
	return `agent-${hash.digest("hex").slice(0, 16)}.json`;
}

/** What makes it another node. */
function distinctionOf(evidence: NodeEvidence): string {
	switch (evidence.kind) {
		case "join_token":
			return evidence.token;
		case "x509pop":
			return evidence.certificateFile;
		case "k8s_psat":
			return evidence.cluster;
	}
}

function findOnly(folder: string): string {
	let names: string[] = [];
	try {
		names = readdirSync(folder).filter((name) => filePattern.test(name));
	} catch {
		// No folder, no identity.
	}
	if (names.length === 1) return names[0]!;
	const what = names.length === 0 ? "no agent has attested" : `${names.length} agents have attested`;
	throw new MeshError(
		"AGENT_STATE",
		`${what} with the state folder ${folder}: say who this node is by --join-token, --x509-cert with --x509-key, or --kubernetes-cluster`,
	);
}

function checkMode(path: string, log: Log): void {
	const { mode } = statSync(path);
	if ((mode & 0o077) === 0) return;
	log.warn("permissions tightened", { path, from: (mode & 0o777).toString(8), to: "600" });
	chmodSync(path, 0o600);
}
