/** Where hosts come from and how their health is known: DNS, files, gRPC health checks, several checks. */
import { renameSync, writeFileSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { startDnsServer } from "../support/dns-server.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { countAnswers, startNamedBackends } from "../support/named-backends.ts";

type Json = Record<string, unknown>;

const endpoint = (port: number, host = "127.0.0.1"): Json => ({ endpoint: { address: socketAddress(port, host) } });

function bootstrap(clusters: readonly Json[], manager: Json = {}, route: Json = {}): Json {
	const routes = clusters.map(({ name }) => ({ match: { prefix: `/${name}` }, route: { cluster: name, ...route } }));
	const filter = managerFilter({
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
		...manager,
	});
	const listener = { name: "l", address: socketAddress(0), filter_chains: [{ filters: [filter] }] };
	return { node: { id: "n", cluster: "c" }, static_resources: { listeners: [listener], clusters } };
}

compareWithEnvoy("names of a name server", {
	async start(side) {
		const { portOf } = await startNamedBackends(side, ["one", "two"]);
		const names = new Map<string, readonly string[]>([
			["one.mesh.test", ["127.0.0.1"]],
			["many.mesh.test", ["127.0.0.1", "127.0.0.2"]],
			["moves.mesh.test", ["127.0.0.3"]],
			["empty.mesh.test", []],
		]);
		const { port: dnsPort } = await startDnsServer(side, names);
		const resolver = {
			name: "envoy.network.dns_resolver.cares",
			typed_config: typed("network.dns_resolver.cares.v3.CaresDnsResolverConfig", {
				resolvers: [socketAddress(dnsPort)],
				dns_resolver_options: { no_default_search_domain: true },
			}),
		};
		const cluster = (name: string, type: string, host: string, more: Json = {}): Json => ({
			name,
			type,
			connect_timeout: "1s",
			dns_lookup_family: "V4_ONLY",
			dns_refresh_rate: "0.2s",
			typed_dns_resolver_config: resolver,
			load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint(portOf("one"), host)] }] },
			...more,
		});
		const proxy = await side.proxy(
			bootstrap([
				cluster("strict", "STRICT_DNS", "one.mesh.test"),
				cluster("many", "STRICT_DNS", "many.mesh.test"),
				cluster("logical", "LOGICAL_DNS", "one.mesh.test"),
				cluster("moves", "STRICT_DNS", "moves.mesh.test", { respect_dns_ttl: true }),
				cluster("missing", "STRICT_DNS", "missing.mesh.test"),
				cluster("empty", "LOGICAL_DNS", "empty.mesh.test"),
			]),
		);
		return { proxy, port: await proxy.port("l"), names };
	},
	cases: {
		"every address is a host": {
			want: { strict: 1, many: 2, logical: 1, missing: 0 },
			async see({ proxy }) {
				const of = (name: string) => proxy.stat(`cluster.${name}.membership_total`);
				return {
					strict: await of("strict"),
					many: await of("many"),
					logical: await of("logical"),
					missing: await of("missing"),
				};
			},
		},
		"hosts are reached by their addresses": {
			want: [{ one: 3 }, { one: 3 }, { 503: 2 }],
			see: async ({ port }) => [
				await countAnswers(port, "/strict", 3),
				await countAnswers(port, "/logical", 3),
				await countAnswers(port, "/missing", 2),
			],
		},
		"a name that moves is followed": {
			want: { total: 1, answers: { one: 2 } },
			async see({ proxy, port, names }) {
				names.set("moves.mesh.test", ["127.0.0.1"]);
				await until(async () => (await countAnswers(port, "/moves", 1))["one"] === 1);
				return {
					total: await proxy.stat("cluster.moves.membership_total"),
					answers: await countAnswers(port, "/moves", 2),
				};
			},
		},
		"answers and failures are counted": {
			want: { strictFails: false, emptyFails: true, emptySucceeds: false },
			see: async ({ proxy }) => ({
				strictFails: (await proxy.stat("cluster.strict.update_failure")) > 0,
				missingSucceeds: (await proxy.stat("cluster.missing.update_success")) > 0,
				emptyFails: (await proxy.stat("cluster.empty.update_failure")) > 0,
				emptySucceeds: (await proxy.stat("cluster.empty.update_success")) > 0,
			}),
		},
	},
});

compareWithEnvoy("endpoints in a file", {
	async start(side) {
		const { portOf } = await startNamedBackends(side, ["one", "two", "three"]);
		const path = join(side.folder, "eds.json");
		let version = 0;
		const put = (endpoints: readonly Json[], policy: Json = {}): void => {
			const resource = {
				"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
				cluster_name: "eds",
				endpoints,
				policy,
			};
			const next = `${path}.${++version}`;
			writeFileSync(next, JSON.stringify({ version_info: String(version), resources: [resource] }));
			renameSync(next, path);
		};
		put([{ lb_endpoints: [endpoint(portOf("one"))] }]);
		const source = { path_config_source: { path }, resource_api_version: "V3" };
		const proxy = await side.proxy(
			bootstrap([{ name: "eds", type: "EDS", eds_cluster_config: { eds_config: source } }]),
		);
		const port = await proxy.port("l");
		const settle = (test: (counts: Record<string, number>) => boolean) =>
			until(async () => test(await countAnswers(port, "/eds", 6)));
		return { proxy, port, put, portOf, settle };
	},
	cases: {
		"the first file is served": {
			want: { one: 4 },
			see: ({ port }) => countAnswers(port, "/eds", 4),
		},
		"a new file replaces hosts": {
			want: { two: 3, three: 3 },
			async see({ port, put, portOf, settle }) {
				put([{ lb_endpoints: [endpoint(portOf("two")), endpoint(portOf("three"))] }]);
				await settle((counts) => counts["one"] === undefined && counts["three"] !== undefined);
				return countAnswers(port, "/eds", 6);
			},
		},
		"a host of another name or locality is another host": {
			want: { changes: 2, closed: 2 },
			async see({ proxy, put, portOf, settle }) {
				const counts = async () => ({
					changes: await proxy.stat("cluster.eds.membership_change"),
					closed: await proxy.stat("cluster.eds.upstream_cx_destroy"),
				});
				const place = { locality: { zone: "z" } };
				const { address } = endpoint(portOf("one"))["endpoint"] as Json;
				put([{ lb_endpoints: [endpoint(portOf("one"))] }]);
				await settle((answers) => answers["one"] === 6);
				const before = await counts();
				put([{ ...place, lb_endpoints: [endpoint(portOf("one"))] }]);
				await until(async () => (await proxy.stat("cluster.eds.membership_change")) > before.changes);
				await settle((answers) => answers["one"] === 6);
				put([{ ...place, lb_endpoints: [{ endpoint: { address, hostname: "named" } }] }]);
				await until(async () => (await proxy.stat("cluster.eds.membership_change")) > before.changes + 1);
				await until(async () => (await proxy.stat("cluster.eds.upstream_cx_destroy")) > before.closed + 1);
				const after = await counts();
				return { changes: after.changes - before.changes, closed: after.closed - before.closed };
			},
		},
		"draining hosts get nothing, the next priority all": {
			want: { one: 4 },
			async see({ port, put, portOf, settle }) {
				put([
					{ lb_endpoints: [{ ...endpoint(portOf("two")), health_status: "DRAINING" }] },
					{ priority: 1, lb_endpoints: [endpoint(portOf("one"))] },
				]);
				await settle((counts) => counts["one"] === 6);
				return countAnswers(port, "/eds", 4);
			},
		},
		"an assignment can drop everything": {
			want: { status: 503, body: "unconditional drop overload" },
			async see({ port, put, portOf, settle }) {
				const drop_overloads = [{ category: "all", drop_percentage: { numerator: 100 } }];
				put([{ lb_endpoints: [endpoint(portOf("one"))] }], { drop_overloads });
				await settle((counts) => counts["503"] === 6);
				const { status, body } = await sendRequest({ port, path: "/eds" });
				return { status, body };
			},
		},
		"no endpoints leave nobody": {
			want: { status: 503, body: "no healthy upstream", total: 0 },
			async see({ proxy, port, put, settle }) {
				put([]);
				await until(async () => (await proxy.stat("cluster.eds.membership_total")) === 0);
				await settle((counts) => counts["503"] === 6);
				const { status, body } = await sendRequest({ port, path: "/eds" });
				return { status, body, total: await proxy.stat("cluster.eds.membership_total") };
			},
		},
	},
});

/** A gRPC server that answers health checks with a status by service name, and everything else with 200. */
async function startHealthService(t: Pick<TestContext, "after">, statuses: Map<string, number>): Promise<number> {
	const sessions = new Set<{ destroy(): void }>();
	const server: Http2Server = createServer();
	server.on("session", (session) => void sessions.add(session));
	server.on("stream", (stream: ServerHttp2Stream, headers) => {
		if (headers[":path"] !== "/grpc.health.v1.Health/Check") {
			stream.respond({ ":status": 200 });
			stream.end("served");
			return;
		}
		const parts: Buffer[] = [];
		stream.on("data", (bytes: Buffer) => parts.push(bytes));
		stream.on("end", () => {
			const message = Buffer.concat(parts).subarray(5);
			const status = statuses.get(message.subarray(2).toString("utf8"));
			stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
			stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status === undefined ? "5" : "0" }));
			stream.end(status === undefined ? undefined : Buffer.from([0, 0, 0, 0, 2, 8, status]));
		});
	});
	t.after(() => {
		for (const session of sessions) session.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as AddressInfo).port;
}

compareWithEnvoy("health by gRPC, and by several checks", {
	async start(side) {
		const statuses = new Map([
			["", 1],
			["good", 1],
			["bad", 2],
		]);
		const port = await startHealthService(side, statuses);
		const http2 = typed("upstreams.http.v3.HttpProtocolOptions", {
			explicit_http_config: { http2_protocol_options: {} },
		});
		const often = { timeout: "1s", interval: "0.1s", no_traffic_interval: "0.1s", unhealthy_interval: "0.1s" };
		const check = (fields: Json): Json => ({ ...often, unhealthy_threshold: 1, healthy_threshold: 1, ...fields });
		const grpc = (service_name?: string): Json =>
			check({ grpc_health_check: service_name === undefined ? {} : { service_name } });
		const cluster = (name: string, health_checks: readonly Json[]): Json => ({
			name,
			health_checks,
			common_lb_config: { healthy_panic_threshold: { value: 0 } },
			typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
			load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint(port)] }] },
		});
		const proxy = await side.proxy(
			bootstrap([
				cluster("server", [grpc()]),
				cluster("good", [grpc("good")]),
				cluster("bad", [grpc("bad")]),
				cluster("unknown", [grpc("unknown")]),
				cluster("both", [
					{ ...check({ tcp_health_check: {} }), name: "port" },
					{ ...grpc("bad"), name: "service" },
				]),
			]),
		);
		const listener = await proxy.port("l");
		const statusOf = async (name: string) => (await sendRequest({ port: listener, path: `/${name}` })).status;
		await until(async () => (await statusOf("server")) === 200 && (await statusOf("good")) === 200);
		return { proxy, statusOf, statuses };
	},
	cases: {
		"a server that serves is used": {
			want: [200, 200],
			see: async ({ statusOf }) => [await statusOf("server"), await statusOf("good")],
		},
		"a service that does not serve, or is not known, is not": {
			want: [503, 503],
			see: async ({ statusOf }) => [await statusOf("bad"), await statusOf("unknown")],
		},
		"all checks must pass": {
			want: { status: 503, healthy: 0 },
			see: async ({ proxy, statusOf }) => ({
				status: await statusOf("both"),
				healthy: await proxy.stat("cluster.both.membership_healthy"),
				port: await proxy.stat("cluster.both.health_check.name.port.healthy"),
				service: await proxy.stat("cluster.both.health_check.name.service.healthy"),
			}),
		},
		"a service that comes back is used again": {
			want: [200, 200],
			async see({ statusOf, statuses }) {
				statuses.set("bad", 1);
				await until(async () => (await statusOf("bad")) === 200 && (await statusOf("both")) === 200);
				return [await statusOf("bad"), await statusOf("both")];
			},
		},
	},
});
