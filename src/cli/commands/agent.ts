import type { Command } from "commander";
import { logLevels } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { AgentCommandOptions } from "../host.ts";
import { collectText, createChoiceOption } from "../parse-arguments.ts";
import { addAgentsCommand, addBanCommand, addEvictCommand } from "./agents.ts";

/** `amime agent`: the node agent, with the SPIFFE Workload API and SDS on one unix socket. */
export function addAgentCommand(program: Command, context: CliContext): void {
	const command: Command = program
		.command("agent")
		.description("run the agent of a node: it attests, and gives workloads their identities (SPIFFE Workload API, SDS)")
		.option("--server <host:port>", "agent address of a control plane; may be given several times", collectText, [])
		.option("--trust-bundle <file>", "roots that the control plane is known by, from 'amime identity bundle'")
		.option("--trust-domain <name>", "trust domain (default: the one that the roots name)")
		.option("--socket <path>", "the unix socket that workloads connect to", "/tmp/amime-agent/public/api.sock")
		.option(
			"--state <folder>",
			"where it keeps its own identity, so that a restart needs no other token",
			".amime/agent",
		)
		.option("--no-state", "keep nothing: every start attests anew")
		.option("--join-token <token>", "attest with a token of 'amime identity token' (or in AMIME_JOIN_TOKEN)")
		.option("--x509-cert <file>", "attest with a certificate that this machine has anyway")
		.option("--x509-key <file>", "its key")
		.option("--kubernetes-cluster <name>", "attest with the projected service-account token of this Pod")
		.option("--kubernetes-token <file>", "where that token is", "/var/run/secrets/tokens/amime-agent")
		.option("--kubelet <url>", "kubelet to ask about Pods, such as https://127.0.0.1:10250 (default: none is asked)")
		.option("--kubelet-ca <file>", "its certificate or the roots of it, needed for https")
		.option("--kubelet-token <file>", "token to show to it")
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", logLevels, "info"))
		.action(async (options: Omit<AgentCommandOptions, "trustBundle"> & { readonly trustBundle?: string }) => {
			const { trustBundle } = options;
			if (options.server.length === 0)
				command.error(
					"error: required option '--server <host:port>' not specified: the control plane's --agent-address",
				);
			if (trustBundle === undefined)
				command.error(
					"error: required option '--trust-bundle <file>' not specified: 'amime identity bundle' prints it",
				);
			context.setExitCode(await context.host.runAgent({ ...options, trustBundle }));
		});
	addAgentsCommand(command, context, "list");
	addEvictCommand(command, context);
	addBanCommand(command, context);
	withExamples(command, [
		["amime agent list", "every agent, how it attested, and until when its certificate is good"],
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
