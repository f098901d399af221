import type { Command } from "commander";
import { MeshError, suggestNearest } from "../../core/index.ts";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { LoadStatus } from "../mesh/admin-api.ts";
import { formatLoad } from "../output/load.ts";

interface LoadOptions extends MeshOptions {
	readonly from?: string;
	readonly clients?: boolean;
}

/** `amime load [host]`: what proxies and gRPC clients report of the load they put on clusters. */
export function addLoadCommand(program: Command, context: CliContext): void {
	const command = program
		.command("load")
		.description("show the load of clusters by locality, as proxies and gRPC clients report it")
		.argument("[host]", "a host such as reviews.shop.svc.cluster.local, reviews.shop, or a cluster's whole name")
		.option("--from <instance>", "only what this client reports, as instance.namespace")
		.option("--clients", "each client on a line of its own")
		.action(async (host: string | undefined, options: LoadOptions) => {
			const mesh = openMesh(context, options);
			const isByClient = options.clients === true || options.from !== undefined;
			const all = (await mesh.list(isByClient ? "/v1/load?by=client" : "/v1/load")) as LoadStatus[];
			const named = host === undefined ? all : all.filter(({ cluster }) => isNamed(cluster, host));
			if (host !== undefined && named.length === 0) throw noLoad(`nobody reports load of ${host}`, host, hostsOf(all));
			const { from } = options;
			const load =
				from === undefined ? named : named.filter(({ client }) => nameOf(client) === from || client === from);
			if (from !== undefined && load.length === 0)
				throw noLoad(
					`${from} reports no such load`,
					from,
					named.map(({ client }) => nameOf(client)),
				);
			await print(context, options.output, load, () => formatLoad(load, context.palette));
		});
	withExamples(withMeshOptions(command), [
		["amime load", "every cluster, the busiest first"],
		["amime load reviews.shop --clients", "who calls it how often"],
		["amime load --from web-0.shop", "what one client calls"],
	]);
}

/** Whether a cluster is meant by its name, its host, or the beginning of that: `reviews.shop`. */
function isNamed(cluster: string, wanted: string): boolean {
	const host = hostOf(cluster);
	return cluster === wanted || host === wanted || host.startsWith(`${wanted}.`);
}

function hostOf(cluster: string): string {
	return cluster.slice(cluster.lastIndexOf("|") + 1);
}

function hostsOf(load: readonly LoadStatus[]): string[] {
	return load.map(({ cluster }) => hostOf(cluster));
}

function nameOf(client = ""): string {
	return client.split("~")[2] ?? client;
}

function noLoad(message: string, given: string, known: readonly string[]): MeshError {
	const names = new Set(known.filter((name) => name !== ""));
	const hint = suggestNearest(given, names) || (names.size === 0 ? ": nothing is reported yet" : "");
	return new MeshError("NO_LOAD", `${message}${hint}`);
}
