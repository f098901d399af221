/** Secrets from files that are replaced, swapped by a link, or not what is expected; files of resources by the ending of their name. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startGreeter } from "../support/tcp-talk.ts";

const pki = createTestPki();
const one = pki.issue("", { uris: [], dnsNames: ["one.test"] });
const two = pki.issue("", { uris: [], dnsNames: ["two.test"] });

interface World {
	readonly proxy: ProxyProcess;
}

function put(side: Side, file: string, content: string): void {
	const path = join(side.folder, file);
	writeFileSync(`${path}.next`, content);
	renameSync(`${path}.next`, path);
}

function putSecret(side: Side, secret: object): void {
	const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
	put(side, "secret.json", JSON.stringify({ resources: [{ "@type": type, name: "own", ...secret }] }));
}

/** A pair in a folder of its own, and the link `current` that leads to it, as Kubernetes mounts secrets. */
function swapPair(side: Side, name: string, { certificateChainPem, privateKeyPem }: TestCertificate): void {
	const folder = join(side.folder, "pair");
	mkdirSync(join(folder, name), { recursive: true });
	writeFileSync(join(folder, name, "tls.crt"), certificateChainPem);
	writeFileSync(join(folder, name, "tls.key"), privateKeyPem);
	symlinkSync(name, join(folder, "next"));
	renameSync(join(folder, "next"), join(folder, "current"));
}

const linked = (side: Side): object => ({
	tls_certificate: {
		certificate_chain: { filename: join(side.folder, "pair/tls.crt") },
		private_key: { filename: join(side.folder, "pair/tls.key") },
	},
});

const inline = ({ certificateChainPem, privateKeyPem }: TestCertificate): object => ({
	tls_certificate: {
		certificate_chain: { inline_string: certificateChainPem },
		private_key: { inline_string: privateKeyPem },
	},
});

const source = (path: string): object => ({ resource_api_version: "V3", path_config_source: { path } });

function routes(file: string, side: Side): object {
	return managerFilter({
		route_config: undefined,
		rds: { route_config_name: file, config_source: source(join(side.folder, file)) },
	});
}

const routeFiles: Readonly<Record<string, string>> = {
	"r.pb_text": `resources { [type.googleapis.com/envoy.config.route.v3.RouteConfiguration] {
		name: "r.pb_text" virtual_hosts { name: "v" domains: "*" routes { match { prefix: "/" } direct_response { status: 201 } } } } }`,
	"r.txt": "resources: []",
	"r.conf": '{"resources": []}',
	"r.yml": [
		"resources:",
		'- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
		"  name: r.yml",
		'  virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 202}}]}]',
	].join("\n"),
};

async function start(side: Side): Promise<World> {
	const port = await startGreeter(side, "one");
	swapPair(side, "first", one);
	for (const file of ["tls.crt", "tls.key"]) symlinkSync(`current/${file}`, join(side.folder, "pair", file));
	putSecret(side, linked(side));
	for (const [file, text] of Object.entries(routeFiles)) put(side, file, text);
	const secured = typed("transport_sockets.tls.v3.DownstreamTlsContext", {
		common_tls_context: {
			tls_certificate_sds_secret_configs: [{ name: "own", sds_config: source(join(side.folder, "secret.json")) }],
		},
	});
	const tcp = typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "t", cluster: "one" });
	const listener = (name: string, chain: object): object => ({
		name,
		address: socketAddress(0),
		stat_prefix: name,
		filter_chains: [chain],
	});
	const endpoint = { endpoint: { address: socketAddress(port) } };
	const proxy = await side.proxy({
		node: { id: "node", cluster: "cluster" },
		static_resources: {
			listeners: [
				listener("tls", {
					transport_socket: { name: "tls", typed_config: secured },
					filters: [{ name: "tcp", typed_config: tcp }],
				}),
				...Object.keys(routeFiles).map((file) => listener(file, { filters: [routes(file, side)] })),
			],
			clusters: [
				staticCluster("one", {
					load_assignment: { cluster_name: "one", endpoints: [{ lb_endpoints: [endpoint] }] },
				}),
			],
		},
	});
	return { proxy };
}

async function nameShown({ proxy }: World): Promise<string | undefined> {
	const port = await proxy.port("tls");
	const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
	const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
		resolve(socket.getPeerX509Certificate()?.subjectAltName);
		socket.destroy();
	});
	socket.on("error", reject);
	return await promise;
}

async function untilShown(world: World, wanted: string): Promise<string> {
	await eventually(async () => {
		const seen = await nameShown(world);
		if (seen !== wanted) throw new Error(`${seen}, not ${wanted}`);
	});
	return wanted;
}

const counts =
	"^(listener\\.tls\\.server_ssl_socket_factory\\.ssl_context_update_by_sds|sds\\.own\\.update_(success|rejected))$";

compareWithEnvoy("secrets from files", {
	start,
	cases: {
		"what is there at the start": {
			want: { shown: "DNS:one.test", "sds.own.update_success": 1 },
			see: async (world) => ({ shown: await nameShown(world), ...(await world.proxy.stats(counts)) }),
		},
		"a link beside the files is swapped": {
			want: "DNS:two.test",
			see(world, side) {
				swapPair(side, "second", two);
				return untilShown(world, "DNS:two.test");
			},
		},
		"a secret of another kind changes nothing": {
			want: { "sds.own.update_rejected": 1, shown: "DNS:two.test" },
			async see(world, side) {
				putSecret(side, { validation_context: { trusted_ca: { inline_string: pki.bundlePem } } });
				await eventually(async () => {
					if ((await world.proxy.stat("sds.own.update_rejected")) === 0) throw new Error("nothing is refused yet");
				});
				const rejected = await world.proxy.stat("sds.own.update_rejected");
				return { "sds.own.update_rejected": rejected, shown: await nameShown(world) };
			},
		},
		"the pair itself in the file": {
			want: "DNS:one.test",
			see(world, side) {
				putSecret(side, inline(one));
				return untilShown(world, "DNS:one.test");
			},
		},
		"files of resources by their ending": {
			want: { "r.pb_text": 201, "r.yml": 202, "r.txt": 404, "r.conf": 404 },
			async see({ proxy }) {
				const seen: Record<string, number> = {};
				for (const file of Object.keys(routeFiles)) {
					seen[file] = (await sendRequest({ port: await proxy.port(file), path: "/" })).status;
				}
				return { ...seen, ...(await proxy.stats("^http\\.in\\.rds\\.r\\..*\\.update_(success|failure)$")) };
			},
		},
	},
});
