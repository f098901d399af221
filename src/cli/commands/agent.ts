import type { Command } from "commander";
import { logLevels } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { AgentCommandOptions } from "../host.ts";
import { createChoiceOption } from "../parse-arguments.ts";

/** `amime agent`: the node agent, with the SPIFFE Workload API and SDS on one unix socket. */
export function addAgentCommand(program: Command, context: CliContext): void {
	const command = program
		.command("agent")
		.description("run the agent of a node: it attests, and gives workloads their identities (SPIFFE Workload API, SDS)")
		.requiredOption("--server <host:port>", "agent address of a control plane; may be given several times", collect, [])
		.requiredOption("--trust-bundle <file>", "roots that the control plane is known by, from 'amime identity bundle'")
		.option("--trust-domain <name>", "trust domain (default: the one that the roots name)")
		.option("--socket <path>", "the unix socket that workloads connect to", "/tmp/amime-agent/public/api.sock")
		.option("--join-token <token>", "attest with a token of 'amime identity token' (or in AMIME_JOIN_TOKEN)")
		.option("--x509-cert <file>", "attest with a certificate that this machine has anyway")
		.option("--x509-key <file>", "its key")
		.option("--kubernetes-cluster <name>", "attest with the projected service-account token of this Pod")
		.option("--kubernetes-token <file>", "where that token is", "/var/run/secrets/tokens/amime-agent")
		.option("--kubelet <url>", "kubelet to ask about Pods, such as https://127.0.0.1:10250 (default: none is asked)")
		.option("--kubelet-ca <file>", "its certificate or the roots of it, needed for https")
		.option("--kubelet-token <file>", "token to show to it")
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", logLevels, "info"))
		.action(async (options: AgentCommandOptions) => {
			context.setExitCode(await context.host.runAgent(options));
		});
	withExamples(command, [
		[
			"amime agent --server 10.0.0.1:15012 --trust-bundle roots.pem --join-token $TOKEN",
			"then SPIFFE_ENDPOINT_SOCKET=unix:///tmp/amime-agent/public/api.sock for workloads",
		],
		[
			"amime agent --server 10.0.0.1:15012 --trust-bundle roots.pem --x509-cert host.pem --x509-key host.key",
			"with a certificate of the machine",
		],
	]);
}

function collect(value: string, previous: readonly string[]): string[] {
	return [...previous, value];
}
