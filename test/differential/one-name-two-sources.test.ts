/** Resources of one name that come from two sources: each user has the one of the source it names, as with Envoy. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { managerFilter, oneHost, routerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { startEchoBackend } from "../support/echo-backend.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki } from "../support/pki.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

interface World {
	readonly proxy: ProxyProcess;
	write(file: string, type: string, resource: object): void;
}

const pki = createTestPki();
const types = {
	route: "envoy.config.route.v3.RouteConfiguration",
	endpoints: "envoy.config.endpoint.v3.ClusterLoadAssignment",
	secret: "envoy.extensions.transport_sockets.tls.v3.Secret",
	extension: "envoy.config.core.v3.TypedExtensionConfig",
};

function routes(text: string): object {
	const direct = { status: 200, body: { inline_string: text } };
	const upstreams = ["a", "b"].map((cluster) => ({ match: { prefix: `/${cluster}` }, route: { cluster } }));
	const answer = { match: { prefix: "/" }, direct_response: direct };
	return { name: "local_route", virtual_hosts: [{ name: "v", domains: ["*"], routes: [...upstreams, answer] }] };
}

function certificate(name: string): object {
	const { certificateChainPem, privateKeyPem } = pki.issue(pki.idOf(name), { dnsNames: [`${name}.test`] });
	return {
		name: "server_cert",
		tls_certificate: {
			certificate_chain: { inline_string: certificateChainPem },
			private_key: { inline_string: privateKeyPem },
		},
	};
}

const mutationType = "filters.http.header_mutation.v3.HeaderMutation";

function filter(value: string): object {
	const mutation = { append: { header: { key: "x-filter", value } } };
	return { name: "edge", typed_config: typed(mutationType, { mutations: { response_mutations: [mutation] } }) };
}

function assignment(port: number): object {
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
	return { cluster_name: "service", endpoints };
}

async function start(side: Side): Promise<World> {
	const [one, two] = [await startEchoBackend(side, "one"), await startEchoBackend(side, "two")];
	const write: World["write"] = (file, type, resource) => {
		const path = join(side.folder, file);
		const resources = [{ "@type": `type.googleapis.com/${type}`, ...resource }];
		writeFileSync(`${path}.next`, JSON.stringify({ resources }));
		renameSync(`${path}.next`, path);
	};
	const from = (file: string): object => ({
		resource_api_version: "V3",
		path_config_source: { path: join(side.folder, file) },
	});
	write("routes-a", types.route, routes("a"));
	write("routes-b", types.route, routes("b"));
	write("secret-a", types.secret, certificate("a"));
	write("secret-b", types.secret, certificate("b"));
	write("endpoints-a", types.endpoints, assignment(one.port));
	write("endpoints-b", types.endpoints, assignment(two.port));
	write("filter-a", types.extension, filter("a"));
	write("filter-b", types.extension, filter("b"));
	const filtered = (name: string, file: string): object => {
		const types = [`type.googleapis.com/envoy.extensions.${mutationType}`];
		const discovered = { name: "edge", config_discovery: { config_source: from(file), type_urls: types } };
		const manager = managerFilter({
			route_config: oneHost([{ match: { prefix: "/" }, direct_response: { status: 200 } }]),
			http_filters: [discovered, routerFilter],
		});
		return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	};
	const listener = (name: string, file: string, more: object = {}): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [
			{
				filters: [
					managerFilter({
						stat_prefix: name,
						route_config: undefined,
						rds: { route_config_name: "local_route", config_source: from(file) },
					}),
				],
				...more,
			},
		],
	});
	const tls = (file: string): object => ({
		transport_socket: {
			name: "tls",
			typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext", {
				common_tls_context: {
					tls_certificate_sds_secret_configs: [{ name: "server_cert", sds_config: from(file) }],
				},
			}),
		},
	});
	const cluster = (name: string): object =>
		staticCluster(name, {
			type: "EDS",
			load_assignment: undefined,
			eds_cluster_config: { service_name: "service", eds_config: from(`endpoints-${name}`) },
		});
	const proxy = await side.proxy(
		{
			node: { id: "n", cluster: "c" },
			static_resources: {
				listeners: [
					listener("a", "routes-a"),
					listener("b", "routes-b"),
					listener("tls a", "routes-a", tls("secret-a")),
					listener("tls b", "routes-b", tls("secret-b")),
					filtered("filter a", "filter-a"),
					filtered("filter b", "filter-b"),
				],
				clusters: [cluster("a"), cluster("b")],
			},
		},
		{ args: ["--concurrency", "2"] },
	);

	return { proxy, write };
}

async function ask({ proxy }: World, path: string): Promise<string[]> {
	const answers: string[] = [];
	for (const name of ["a", "b"]) {
		const { status, body } = await sendRequest({ port: await proxy.port(name), path });
		answers.push(`${status} ${body}`);
	}
	return answers;
}

async function findMutations({ proxy }: World): Promise<unknown[]> {
	const values: unknown[] = [];
	for (const name of ["filter a", "filter b"]) {
		const { headers } = await sendRequest({ port: await proxy.port(name), path: "/" });
		values.push(headers["x-filter"]);
	}
	return values;
}

async function findSubjects({ proxy }: World): Promise<(string | undefined)[]> {
	const names: (string | undefined)[] = [];
	for (const name of ["tls a", "tls b"]) {
		const socket = connect({ port: await proxy.port(name), host: "127.0.0.1", rejectUnauthorized: false });
		await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
		names.push(/DNS:([a-z.]+)/.exec(socket.getPeerCertificate().subjectaltname ?? "")?.[1]);
		socket.destroy();
	}
	return names;
}

/** Waits for what is to come, and says what is there then. */
async function follow<T>(read: () => Promise<T>, isThere: (seen: T) => boolean): Promise<T> {
	let seen = await read();
	await until(async () => {
		seen = await read();
		return isThere(seen);
	});
	return seen;
}

compareWithEnvoy("resources of one name", {
	start,
	cases: {
		"route configurations": { want: ["200 a", "200 b"], see: (world) => ask(world, "/") },
		endpoints: { want: ["200 one", "200 one"], see: (world) => ask(world, "/a") },
		"endpoints of the other cluster": { want: ["200 two", "200 two"], see: (world) => ask(world, "/b") },
		certificates: { want: ["a.test", "b.test"], see: findSubjects },
		filters: { want: ["a", "b"], see: findMutations },
		"one route configuration changes": {
			want: ["200 new", "200 b"],
			async see(world) {
				world.write("routes-a", types.route, routes("new"));
				return follow(
					() => ask(world, "/"),
					([first]) => first === "200 new",
				);
			},
		},
		"one certificate changes": {
			want: ["a.test", "c.test"],
			async see(world) {
				world.write("secret-b", types.secret, certificate("c"));
				return follow(
					() => findSubjects(world),
					([, second]) => second === "c.test",
				);
			},
		},
		"one filter changes": {
			want: ["new", "b"],
			async see(world) {
				world.write("filter-a", types.extension, filter("new"));
				return follow(
					() => findMutations(world),
					([first]) => first === "new",
				);
			},
		},
		"filters of one name are counted together": {
			want: { "extension_config_discovery.http_filter.edge.update_success": 3 },
			see: ({ proxy }) => proxy.stats("^extension_config_discovery.*(success|rejected|config_reload)$"),
		},
		"they are counted apart, under their own names": {
			want: { "http.a.rds.local_route.update_success": 2, "http.b.rds.local_route.update_success": 1 },
			see: ({ proxy }) => proxy.stats("\\.rds\\..*update_(attempt|success)|^sds\\..*update_rejected"),
		},
		"they are shown under their own names": {
			want: ["local_route", "local_route", "server_cert", "server_cert"],
			async see({ proxy }) {
				const { configs } = JSON.parse((await proxy.admin("/config_dump")).body) as { configs: Dump[] };
				const shown = configs.flatMap(({ dynamic_route_configs = [], dynamic_active_secrets = [] }) => [
					...dynamic_route_configs.map((one) => one.route_config.name),
					...dynamic_active_secrets.flatMap(({ name, secret }) => (name === secret.name ? [name] : [])),
				]);
				return shown.sort();
			},
		},
	},
});

interface Dump {
	readonly dynamic_route_configs?: readonly { readonly route_config: { readonly name: string } }[];
	readonly dynamic_active_secrets?: readonly { readonly name: string; readonly secret: { readonly name: string } }[];
}
