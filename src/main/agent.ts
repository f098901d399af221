import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
	createContainerAttestor,
	createKubeletAttestor,
	createSystemdAttestor,
	createUnixAttestor,
	type WorkloadAttestor,
} from "../agent/attest-workload/index.ts";
import { type NodeEvidence, openSavedIdentity } from "../agent/node-identity/index.ts";
import { createNodeAgent } from "../agent/workload-api/index.ts";
import type { AgentCommandOptions } from "../cli/index.ts";
import { type LogLevel, MeshError, systemClock } from "../core/index.ts";
import { readCertificates } from "../identity/index.ts";
import { createProcessLog, waitForSignal } from "./process.ts";

/** Runs `amime agent` until a signal ends it; answers with the exit code. */
export async function runAgent(options: AgentCommandOptions): Promise<number> {
	const bundle = readFileOf(options.trustBundle, "--trust-bundle");
	const log = createProcessLog(options.logLevel as LogLevel);
	const evidence = readEvidence(options);
	const saved = options.state === false ? undefined : openSavedIdentity(resolve(options.state), evidence, log);
	const ended = waitForSignal();
	const agent = createNodeAgent({
		servers: options.server,
		trustDomain: options.trustDomain ?? findTrustDomain(bundle),
		bundle,
		evidence,
		...(saved !== undefined && { saved }),
		attestors: createAttestors(options),
		socketPath: resolve(options.socket.replace(/^unix:(\/\/)?/, "")),
		log,
	});
	try {
		// A signal while it still asks for the control plane ends it as well.
		if ((await Promise.race([agent.start(), ended])) === undefined) await ended;
	} finally {
		await agent.close();
	}
	return 0;
}

/** One way to attest, or none for an agent that has attested before. The token is taken out of the environment, which other users of the machine may see. */
function readEvidence(options: AgentCommandOptions): NodeEvidence | undefined {
	const given = process.env["AMIME_JOIN_TOKEN"];
	delete process.env["AMIME_JOIN_TOKEN"];
	const token = options.joinToken ?? (given === "" ? undefined : given);
	const { x509Cert, x509Key, kubernetesCluster } = options;
	if ((x509Cert === undefined) !== (x509Key === undefined))
		throw new MeshError("AGENT_OPTIONS", "--x509-cert and --x509-key go together: give both or none");
	const ways: NodeEvidence[] = [
		...(token === undefined ? [] : [{ kind: "join_token" as const, token }]),
		...(x509Cert === undefined || x509Key === undefined
			? []
			: [{ kind: "x509pop" as const, certificateFile: resolve(x509Cert), keyFile: resolve(x509Key) }]),
		...(kubernetesCluster === undefined
			? []
			: [{ kind: "k8s_psat" as const, cluster: kubernetesCluster, tokenFile: resolve(options.kubernetesToken) }]),
	];
	if (ways.length === 1 || (ways.length === 0 && options.state !== false)) return ways[0];
	throw new MeshError(
		"AGENT_OPTIONS",
		"say in one way who this node is: --join-token, --x509-cert with --x509-key, or --kubernetes-cluster",
	);
}

function createAttestors({ kubelet, kubeletCa, kubeletToken }: AgentCommandOptions): WorkloadAttestor[] {
	const always = [createUnixAttestor(), createSystemdAttestor(), createContainerAttestor()];
	if (kubelet === undefined) return always;
	if (!URL.canParse(kubelet))
		throw new MeshError("AGENT_OPTIONS", `--kubelet ${kubelet} is no address: write it as https://127.0.0.1:10250`);
	if (new URL(kubelet).protocol === "https:" && kubeletCa === undefined)
		throw new MeshError(
			"AGENT_OPTIONS",
			"--kubelet over https needs --kubelet-ca: a file with its own certificate or the authority's, else the token goes to whoever answers",
		);
	return [
		...always,
		createKubeletAttestor({
			url: kubelet,
			clock: systemClock,
			...(kubeletCa === undefined ? {} : { ca: readFileOf(kubeletCa, "--kubelet-ca") }),
			...(kubeletToken === undefined ? {} : { tokenFile: resolve(kubeletToken) }),
		}),
	];
}

function readFileOf(file: string, option: string): string {
	try {
		return readFileSync(resolve(file), "utf8");
	} catch (cause) {
		throw new MeshError("AGENT_OPTIONS", `${option} ${file} cannot be read`, { cause });
	}
}

/** The trust domain that a root names, as SPIFFE's authorities do. */
function findTrustDomain(bundle: string): string {
	for (const { extensions } of readCertificates(bundle))
		for (const { kind, value } of extensions.names) {
			const match = kind === "uri" ? /^spiffe:\/\/([^/]+)/.exec(value) : null;
			if (match !== null) return match[1]!;
		}
	throw new MeshError("AGENT_OPTIONS", "the roots of --trust-bundle name no trust domain: give --trust-domain");
}
