/** Network and listener filters whose configuration comes from a file of its own, and what the TLS inspector says of first bytes. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { talk } from "../support/tcp-talk.ts";

const filters = "type.googleapis.com/envoy.extensions.filters";

function put(side: Side, file: string, resources: readonly object[]): void {
	const path = join(side.folder, file);
	writeFileSync(`${path}.next`, JSON.stringify({ version_info: "1", resources }));
	renameSync(`${path}.next`, path);
}

const extension = (name: string, type: string, fields: object = {}) => ({
	"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
	name,
	typed_config: { "@type": `${filters}.${type}`, ...fields },
});
const answerType = "network.direct_response.v3.Config";
const inspectorType = "listener.tls_inspector.v3.TlsInspector";
const answer = (text: string) => ({ response: { inline_string: text } });
const say = (text: string) => ({
	name: "say",
	typed_config: typed("filters.network.direct_response.v3.Config", answer(text)),
});

function discovered(side: Side, name: string, types: readonly string[], extra: object = {}) {
	const path = join(side.folder, `${name}.json`);
	const config_source = { resource_api_version: "V3", path_config_source: { path } };
	return { name, config_discovery: { config_source, type_urls: types.map((type) => `${filters}.${type}`), ...extra } };
}

const seen =
	"%TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT% %DYNAMIC_METADATA(envoy.filters.listener.tls_inspector)% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n";

async function start(side: Side): Promise<ProxyProcess> {
	put(side, "now.json", [extension("now", answerType, answer("one"))]);
	put(side, "default.json", []);
	put(side, "absent.json", []);
	put(side, "looks.json", []);
	const listener = (name: string, chain: readonly object[], more: object = {}) => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ filters: chain }],
		...more,
	});
	const inspector = (fields: object) => [
		{ name: "tls", typed_config: { "@type": `${filters}.${inspectorType}`, ...fields } },
	];
	const file = typed("access_loggers.file.v3.FileAccessLog", {
		path: join(side.folder, "hello.log"),
		log_format: { text_format_source: { inline_string: seen } },
	});
	return side.proxy({
		node: { id: "node", cluster: "cluster" },
		static_resources: {
			clusters: [],
			listeners: [
				listener("now", [discovered(side, "now", [answerType, "network.echo.v3.Echo"])]),
				listener("default", [
					discovered(side, "default", [answerType], {
						default_config: { "@type": `${filters}.${answerType}`, ...answer("default") },
					}),
				]),
				listener("absent", [discovered(side, "absent", [answerType])]),
				listener("looks", [say("seen")], { listener_filters: [discovered(side, "looks", [inspectorType])] }),
				listener("hello", [say("hello")], {
					listener_filters: inspector({ enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true }),
					access_log: [{ name: "file", typed_config: file }],
				}),
				listener("strict", [say("strict")], {
					listener_filters: inspector({ close_connection_on_client_hello_parsing_errors: true }),
				}),
			],
		},
	});
}

async function hear(proxy: ProxyProcess, listener: string, bytes = "") {
	const send = bytes === "" ? [] : [{ bytes }];
	return talk({ port: await proxy.port(listener), send });
}

async function count(proxy: ProxyProcess, filter: string) {
	const { stats } = JSON.parse((await proxy.admin(`/stats?filter=${filter}&format=json`)).body) as {
		stats: readonly { name: string; value?: number }[];
	};
	const told = stats.filter(({ name, value }) => value !== undefined && !/update_time|version|duration/.test(name));
	return Object.fromEntries(told.map(({ name, value }) => [name, value]));
}

/** The handshake of this machine's TLS library, which nobody answers. */
async function shakeHands(port: number, servername: string, ALPNProtocols: string[]): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	const socket = connect({ host: "127.0.0.1", port, servername, ALPNProtocols, rejectUnauthorized: false });
	socket.on("error", () => undefined);
	socket.on("close", () => resolve());
	return promise;
}

const scope = "extension_config_discovery.network_filter.now";

compareWithEnvoy("discovered filters of connections", {
	start,
	cases: {
		"a network filter comes from its file": { want: { heard: "one" }, see: (proxy) => hear(proxy, "now") },
		"without a file's word the default serves": { want: { heard: "default" }, see: (proxy) => hear(proxy, "default") },
		"without a default connections are closed and counted": {
			want: { talk: { heard: "", end: "fin" } },
			see: async (proxy) => ({
				talk: await hear(proxy, "absent"),
				counts: Object.values(await count(proxy, "network_extension_config_missing")).filter((value) => value !== 0),
			}),
		},
		"a new version is for the next connection": {
			want: { heard: "two" },
			see: async (proxy, side) => {
				put(side, "now.json", [extension("now", answerType, answer("two"))]);
				await until(async () => (await hear(proxy, "now")).heard === "two");
				return { ...(await hear(proxy, "now")), counts: await count(proxy, scope) };
			},
		},
		"a filter of another type is refused": {
			want: { heard: "two" },
			see: async (proxy, side) => {
				put(side, "now.json", [extension("now", "network.rbac.v3.RBAC", { stat_prefix: "r" })]);
				await until(async () => (await count(proxy, scope))[`${scope}.update_rejected`] === 1);
				return { ...(await hear(proxy, "now")), counts: await count(proxy, scope) };
			},
		},
		"a listener filter that has not come closes connections": {
			want: { heard: "", end: "fin" },
			see: (proxy) => hear(proxy, "looks"),
		},
		"and lets them through when it came": {
			want: { heard: "seen" },
			see: async (proxy, side) => {
				put(side, "looks.json", [extension("looks", inspectorType)]);
				await until(async () => (await hear(proxy, "looks", "plain text")).heard === "seen");
				return hear(proxy, "looks", "plain text");
			},
		},
		"fingerprints and faults of first bytes are logged": {
			want: { lines: 6 },
			see: async (proxy, side) => {
				const port = await proxy.port("hello");
				for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "CONNECT h:1 HTTP/1.1\r\n\r\n", "SSH-2.0-client\r\n"])
					await talk({ port, send: [{ bytes }] });
				await shakeHands(port, "reviews.shop", ["h2", "http/1.1"]);
				await shakeHands(port, "reviews.shop", []);
				await shakeHands(port, "", ["-x"]);
				const lines = (): string[] => readFileSync(join(side.folder, "hello.log"), "utf8").split("\n").slice(0, -1);
				await until(async () => lines().length === 6);
				return { lines: lines().length, text: lines().sort() };
			},
		},
		"bytes that are no handshake may end a connection": {
			want: { heard: "" },
			see: async (proxy) => ({ heard: (await hear(proxy, "strict", "GET / HTTP/1.1\r\n\r\n")).heard }),
		},
	},
});
