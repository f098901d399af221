import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { readCertificates } from "../../identity/index.ts";
import { parseSpiffeId } from "../../model/index.ts";
import { createAgentKey, type NodeEvidence, type NodeIdentity } from "./attest-node.ts";

/** Where an agent keeps its own identity, so that after a restart it is who it was. Identities of workloads are never kept. */
export interface SavedIdentity {
	/** Undefined when there is none, it has ended, or it cannot be read. */
	load(now: number): NodeIdentity | undefined;
	/** The key to attest with: that of a start before this one which ended before it kept the answer, or a new one. A join token that was used
	 *  for a key is good for that key still. */
	firstKey(): KeyObject;
	/** Keeps an identity; the key to attest with is done with. */
	save(identity: NodeIdentity): void;
	/** Forgets one that is refused, and the key to attest with. */
	remove(): void;
}

const filePattern = /^agent-[0-9a-f]{16}\.json$/;

/** Opens the identity that was got with this evidence, in a folder of mode 0700 with files of 0600. Another token, certificate or cluster is another
 *  node. Without evidence it is the one that is there.
 *  @throws MeshError `AGENT_STATE` */
export function openSavedIdentity(folder: string, evidence: NodeEvidence | undefined, log: Log): SavedIdentity {
	const path = join(folder, evidence === undefined ? findOnly(folder) : nameOf(evidence));
	const keyPath = path.replace(/json$/, "key");
	const write = (to: string, text: string): void => {
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		rmSync(`${to}.tmp`, { force: true });
		writeFileSync(`${to}.tmp`, text, { mode: 0o600, flag: "wx", flush: true });
		renameSync(`${to}.tmp`, to);
	};
	return {
		firstKey() {
			const known = readKey(keyPath, log);
			if (known !== undefined) return known;
			const key = createAgentKey();
			try {
				write(keyPath, key.export({ type: "pkcs8", format: "pem" }).toString());
			} catch (error) {
				log.warn("the agent's key is not saved: a join token is lost when the agent ends before it has its answer", {
					path: keyPath,
					reason: describeError(error),
				});
			}
			return key;
		},
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
				write(path, JSON.stringify({ spiffeId, certificateChainPem, privateKeyPem, bundlePem }));
				rmSync(keyPath, { force: true });
			} catch (error) {
				log.warn("the agent's identity is not saved: after a restart it attests anew", {
					path,
					reason: describeError(error),
				});
			}
		},
		remove() {
			rmSync(path, { force: true });
			rmSync(keyPath, { force: true });
		},
	};
}

function readKey(path: string, log: Log): KeyObject | undefined {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch {
		// None was kept.
		return undefined;
	}
	try {
		checkMode(path, log);
		const key = createPrivateKey(text);
		if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
	} catch {
		// The cause is left out: a message of the parser must never carry a piece of the key.
	}
	log.warn("the key that the agent was to attest with is damaged, it makes another", { path });
	return undefined;
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
