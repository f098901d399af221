/** Bootstraps for tests of their translation: one listener with one connection manager, one static cluster. */
import assert from "node:assert/strict";
import type { Problem } from "../../src/core/index.ts";
import { parseBootstrap } from "../../src/proxy/bootstrap/index.ts";
import {
	type BootstrapConfig,
	type HttpConnectionManagerConfig,
	type TranslateOptions,
	translateBootstrap,
} from "../../src/proxy/runtime-config/index.ts";

import type { TestCertificate } from "./pki.ts";

type Json = Record<string, unknown>;

const extensions = "type.googleapis.com/envoy.extensions.";
export const routerFilter: Json = {
	name: "envoy.filters.http.router",
	typed_config: { "@type": `${extensions}filters.http.router.v3.Router` },
};

export function socketAddress(port: number, address = "127.0.0.1"): Json {
	return { socket_address: { address, port_value: port } };
}

export function typed(type: string, fields: Json = {}): Json {
	return { "@type": extensions + type, ...fields };
}

/** A route configuration whose one virtual host is for every host. */
export function oneHost(routes: readonly Json[]): Json {
	return { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] };
}

/** A connection manager filter; `fields` replace its defaults. */
export function managerFilter(fields: Json = {}): Json {
	return {
		name: "hcm",
		typed_config: typed("filters.network.http_connection_manager.v3.HttpConnectionManager", {
			stat_prefix: "in",
			route_config: oneHost([{ match: { prefix: "/" }, route: { cluster: "c1" } }]),
			http_filters: [routerFilter],
			...fields,
		}),
	};
}

export function staticCluster(name: string, fields: Json = {}): Json {
	const lb_endpoints = [{ endpoint: { address: socketAddress(80) } }];
	return { name, load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] }, ...fields };
}

/** What SDS would give a sidecar, as static secrets: its certificate, and the roots it trusts. */
export function ownSecrets({ certificateChainPem, privateKeyPem, bundlePem }: TestCertificate): readonly Json[] {
	return [
		{
			name: "default",
			tls_certificate: {
				certificate_chain: { inline_string: certificateChainPem },
				private_key: { inline_string: privateKeyPem },
			},
		},
		{ name: "ROOTCA", validation_context: { trusted_ca: { inline_string: bundlePem } } },
	];
}

/** A cluster of one HTTP/2 server, as control planes are. */
export function http2Cluster(name: string, address: Json): Json {
	const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
	return staticCluster(name, {
		type: "STATIC",
		connect_timeout: "5s",
		typed_extension_protocol_options: {
			[options]: { "@type": `type.googleapis.com/${options}`, explicit_http_config: { http2_protocol_options: {} } },
		},
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
	});
}

/** A cluster over mutual TLS, with the workload's certificate and the trust bundle from the SDS cluster `sds`; the server has to be `serverId`. */
export function overMutualTls(cluster: Json, serverId = "spiffe://cluster.local/amime/server"): Json {
	const sds_config = {
		resource_api_version: "V3",
		api_config_source: {
			api_type: "GRPC",
			transport_api_version: "V3",
			grpc_services: [{ envoy_grpc: { cluster_name: "sds" } }],
		},
	};
	return {
		...cluster,
		transport_socket: {
			name: "envoy.transport_sockets.tls",
			typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext", {
				common_tls_context: {
					tls_certificate_sds_secret_configs: [{ name: "default", sds_config }],
					combined_validation_context: {
						default_validation_context: {
							match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: serverId } }],
						},
						validation_context_sds_secret_config: { name: "ROOTCA", sds_config },
					},
					alpn_protocols: ["h2"],
				},
			}),
		},
	};
}

/** Listeners and clusters by delta ADS from the server that cluster `name` is. */
export function adsResources(name: string): Json {
	const ads = { ads: {}, resource_api_version: "V3" };
	return {
		ads_config: {
			api_type: "DELTA_GRPC",
			transport_api_version: "V3",
			set_node_on_first_message_only: true,
			grpc_services: [{ envoy_grpc: { cluster_name: name } }],
		},
		lds_config: ads,
		cds_config: ads,
	};
}

export interface BootstrapParts {
	readonly manager?: Json;
	readonly filters?: readonly Json[];
	readonly listener?: Json;
	readonly chain?: Json;
	readonly clusters?: readonly Json[];
	readonly top?: Json;
}

export function makeBootstrap(parts: BootstrapParts = {}): Json {
	const chain = { filters: parts.filters ?? [managerFilter(parts.manager)], ...parts.chain };
	return {
		static_resources: {
			listeners: [{ name: "l1", address: socketAddress(8080), filter_chains: [chain], ...parts.listener }],
			clusters: parts.clusters ?? [staticCluster("c1")],
		},
		...parts.top,
	};
}

/** Translates; the test fails on any problem. */
export function translated(parts: BootstrapParts = {}, options: TranslateOptions = {}): BootstrapConfig {
	const result = translate(makeBootstrap(parts), options);
	assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.problems, undefined, " "));
	return result.value;
}

/** The problems, as `path: problem`; paths within the connection manager are cut to begin at `hcm`. */
export function problemsOf(parts: BootstrapParts, options: TranslateOptions = {}): string[] {
	const result = translate(makeBootstrap(parts), options);
	const problems: readonly Problem[] = result.ok ? [] : result.problems;
	return problems.map(
		({ path, problem }) =>
			`${path.replace(/^static_resources\.listeners\[0\]\.filter_chains\[0\]\.filters\[0\]\.typed_config/, "hcm").replace(/^static_resources\./, "")}: ${problem}`,
	);
}

/** The connection manager of the first listener. */
export function managerOf(config: BootstrapConfig): HttpConnectionManagerConfig {
	const filter = config.listeners[0]?.filterChains[0]?.filters[0];
	assert.ok(filter?.kind === "http-connection-manager");
	return filter.config;
}

function translate(bootstrap: Json, options: TranslateOptions) {
	const message = parseBootstrap(JSON.stringify(bootstrap), "json");
	return message.ok ? translateBootstrap(message.value, options) : message;
}
