import { existsSync } from "node:fs";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/scoped_route_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { type Clock, invariant, type Log, type Random, SharedCounts, type Validated } from "../../core/index.ts";
import {
	type BootstrapConfig,
	translateBootstrap,
	translateCluster,
	translateExtension,
	translateListener,
	translateRouteConfiguration,
	translateRouteScope,
	translateSecret,
} from "../runtime-config/index.ts";
import type { Environment } from "../secret/index.ts";
import {
	createSocketOrigins,
	type Followed,
	type FromWorker,
	followLeader,
	type ToWorker,
	type Travelling,
	type WorkerStart,
} from "../workers/index.ts";
import type { ProxyFlags } from "./proxy-flags.ts";
import { createServing } from "./serving.ts";

/** What a worker's thread is run with. */
export interface ProxyWorkerOptions {
	readonly start: WorkerStart;
	readonly flags: ProxyFlags;
	readonly log: Log;
	readonly clock: Clock;
	readonly random: Random;
	readonly environment: Environment;
	readonly hostname: string;
	readonly stdout: NodeJS.WritableStream;
	readonly stderr: NodeJS.WritableStream;
	send(message: FromWorker): void;
	/** Gives memory back to the system. */
	readonly releaseMemory?: () => void;
	/** Everything is closed: the thread may end. */
	onClosed(): void;
}

/** Runs the data path of a worker. @returns what takes the messages of its leader */
export function runProxyWorker(options: ProxyWorkerOptions): (message: ToWorker) => void {
	const { start } = options;
	const { environment: variables, hostname } = options;
	const environment = { hostname, environment: (name: string) => variables[name] };
	const translated = translateBootstrap(fromBinary(BootstrapSchema, start.bootstrap), { environment });
	invariant(translated.ok, "a worker gets the bootstrap that main has translated");
	const config = translated.value;
	const sockets = createSocketOrigins();
	return followLeader({
		log: options.log,
		sockets,
		send: (message) => options.send(message),
		onClosed: () => options.onClosed(),
		translate: createTranslate(config, { environment, pathExists: existsSync }),
		createServing(leader, discovery) {
			const serving = createServing({
				...options,
				config,
				sockets,
				discovery,
				clusters: { leader, shared: new SharedCounts(start.counts) },
				connectionIds: { first: start.index + 1, step: start.count },
			});
			for (const secret of config.secrets) serving.secrets.apply(secret);
			return serving;
		},
	});
}

type Options = NonNullable<Parameters<typeof translateListener>[1]>;

function createTranslate(config: BootstrapConfig, options: Options): Followed {
	const find = <Config extends { readonly name: string }>(list: readonly Config[], name: string): Config => {
		const found = list.find((one) => one.name === name);
		invariant(found !== undefined, `the bootstrap has no ${name}`);
		return found;
	};
	const unpack =
		<Desc extends DescMessage, Config extends { readonly name: string }>(
			schema: Desc,
			list: readonly Config[],
			translate: (message: MessageShape<Desc>, options: Options) => Validated<Config>,
		) =>
		(travelling: Travelling): Config => {
			if (travelling.kind === "bootstrap") return find(list, travelling.name);
			const translated = translate(fromBinary(schema, travelling.bytes), options);
			invariant(translated.ok, "what main has accepted is translated alike");
			return translated.value;
		};
	return {
		listener: unpack(ListenerSchema, config.listeners, translateListener),
		cluster: unpack(ClusterSchema, config.clusters, translateCluster),
		routes: unpack(RouteConfigurationSchema, [], translateRouteConfiguration),
		extension: unpack(TypedExtensionConfigSchema, [], translateExtension),
		scope: unpack(ScopedRouteConfigurationSchema, [], translateRouteScope),
		secret: unpack(SecretSchema, config.secrets, translateSecret),
	};
}
