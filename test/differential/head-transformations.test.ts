/** What the connection manager changes in heads before anything else sees them, what bad requests do to their connections, and
 *  expressions in formats. */
import { connect } from "node:net";
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

type Fields = Record<string, unknown>;

const heard =
	"%REQ(:SCHEME)% %REQ(x-forwarded-proto)% %REQ(:PATH)% early=%REQ(x-early)% %REQ(x-forwarded-for)% id=%REQ(x-request-id)%";
const echo = (inline_string: string) => ({ status: 200, body_format: { text_format_source: { inline_string } } });
const append = (key: string, value: string, append_action = "APPEND_IF_EXISTS_OR_ADD") => ({
	append: { header: { key, value }, append_action },
});
const early = (...mutations: object[]) => ({
	early_header_mutation_extensions: [
		{
			name: "early",
			typed_config: typed("http.early_header_mutation.header_mutation.v3.HeaderMutation", { mutations }),
		},
	],
});

function start(side: Side, managers: Readonly<Record<string, Fields>>, format = heard) {
	const listeners = Object.entries(managers).map(([name, fields]) => {
		const routes = [
			{ match: { prefix: "/away" }, redirect: { path_redirect: "/there" } },
			{
				match: { prefix: "/secure", headers: [{ name: ":scheme", string_match: { exact: "https" } }] },
				direct_response: echo("secure"),
			},
			{ match: { prefix: "/bad" }, direct_response: { status: 400, body: { inline_string: "bad" } } },
			{ match: { prefix: "/" }, direct_response: echo(format) },
		];
		const manager = managerFilter({
			route_config: { name, virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
			...fields,
		});
		return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	});
	return side.proxy({ static_resources: { listeners } });
}

const headers = { host: "here", "x-request-id": "given", "x-early": "0", "x-pre-a": "1" };
const calls = [
	["/a", {}],
	["/a", { "x-forwarded-proto": "https", "x-forwarded-for": "1.2.3.4" }],
	["/a", { "x-forwarded-proto": "gopher" }],
	["/secure", {}],
	["/away", {}],
	["http://here/a", {}],
] as const;

async function ask(proxy: ProxyProcess, listener: string): Promise<string[]> {
	const port = await proxy.port(listener);
	const answers: string[] = [];
	for (const [path, more] of calls) {
		const { status, body, headers: fields } = await sendRequest({ port, path, headers: { ...headers, ...more } });
		// Clients at the edge get ids of the proxy's own.
		answers.push(`${status} ${body.replace(/id=[0-9a-f]{8}-[0-9a-f-]+/, "id=own")} ${fields["location"]}`);
	}
	return answers;
}

const managers = {
	plain: {},
	https: { scheme_header_transformation: { scheme_to_overwrite: "https" } },
	http: { scheme_header_transformation: { scheme_to_overwrite: "http" } },
	added: early(append("x-early", "%PROTOCOL% %REQ(x-pre-a)% %ROUTE_NAME%")),
	forwarded: {
		use_remote_address: true,
		...early(append("x-forwarded-for", "9.9.9.9", "OVERWRITE_IF_EXISTS_OR_ADD"), { remove: "x-early" }),
	},
	removed: early({ remove_on_match: { key_matcher: { prefix: "x-ear" } } }, append("x-forwarded-proto", "https")),
};

compareWithEnvoy<ProxyProcess>("heads before anything else sees them", {
	start: (side) => start(side, managers),
	cases: Object.fromEntries(
		Object.keys(managers).map((name) => [name, { want: {}, see: async (proxy) => ({ ...(await ask(proxy, name)) }) }]),
	),
});

/** Two requests on one connection: what comes back for both. */
function askTwice(port: number, first: string): Promise<string[]> {
	return new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1");
		let text = "";
		const second = "GET /a HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
		socket.on("data", (bytes: Buffer) => {
			if (text === "") socket.write(second);
			text += bytes.toString("latin1");
		});
		socket.on("error", () => undefined);
		socket.on("close", () => resolve([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]!)));
		socket.write(first);
	});
}

const bad = "GET /bad HTTP/1.1\r\nhost: here\r\n\r\n";
const keeping = {
	closing: {},
	keeping: { stream_error_on_invalid_http_message: true },
	"keeping HTTP/1": { http_protocol_options: { override_stream_error_on_invalid_http_message: true } },
	"closing HTTP/1": {
		stream_error_on_invalid_http_message: true,
		http_protocol_options: { override_stream_error_on_invalid_http_message: false },
	},
};

compareWithEnvoy<ProxyProcess>("connections behind an answer of 400", {
	start: (side) => start(side, keeping),
	cases: {
		"whether they go on": {
			want: { closing: ["400"], keeping: ["400", "200"] },
			async see(proxy) {
				const seen: Record<string, string[]> = {};
				for (const name of Object.keys(keeping)) seen[name] = await askTwice(await proxy.port(name), bad);
				return seen;
			},
		},
	},
});

const expressions = [
	"request.path",
	"request.headers['x-early']",
	"request.headers['nothing']",
	"request.method == 'GET'",
	"request.size",
	"1.5",
	"nothing",
	"[1]",
	"null",
	"request.headers",
	"connection.mtls",
];

compareWithEnvoy<ProxyProcess>("expressions in formats", {
	start: (side) => start(side, { l: {} }, expressions.map((one) => `%CEL(${one})%`).join(" | ")),
	cases: {
		"what they print": {
			want: { 0: "200 /a | 0 | - | true | 0 | 1.5 | - | CelList value | NULL | CelMap value | false undefined" },
			see: async (proxy) => ({ ...(await ask(proxy, "l")) }),
		},
	},
});

const always = { default_value: { numerator: 100, denominator: "HUNDRED" } };
const fromAddresses = (fields: Fields) => ({
	actions: [
		{
			remote_address_match: {
				descriptor_value: "%REQ(x-early)%",
				address_matcher: { ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] },
				...fields,
			},
		},
	],
});
const limited = (fields: Fields) => ({
	http_filters: [
		{
			name: "limit",
			typed_config: typed("filters.http.local_ratelimit.v3.LocalRateLimit", {
				stat_prefix: "limit",
				token_bucket: { max_tokens: 50, tokens_per_fill: 1, fill_interval: "600s" },
				filter_enabled: always,
				filter_enforced: always,
				rate_limits: [fromAddresses(fields)],
				descriptors: ["remote_address_match", "own"].map((key) => ({
					entries: [{ key, value: "0" }],
					token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "600s" },
				})),
			}),
		},
		routerFilter,
	],
});
const elsewhere = { ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] };
const limits = {
	inside: limited({}),
	"with a key": limited({ descriptor_key: "own" }),
	outside: limited({ address_matcher: elsewhere }),
	"not outside": limited({ address_matcher: { ...elsewhere, invert_match: true } }),
};

compareWithEnvoy<ProxyProcess>("limits by address ranges", {
	start: (side) => start(side, limits),
	cases: {
		"who is limited": {
			want: { inside: [200, 429], outside: [200, 200] },
			async see(proxy) {
				const seen: Record<string, number[]> = {};
				for (const name of Object.keys(limits)) {
					const port = await proxy.port(name);
					const one = await sendRequest({ port, path: "/a", headers });
					seen[name] = [one.status, (await sendRequest({ port, path: "/a", headers })).status];
				}
				return seen;
			},
		},
	},
});

/** A filter, or what a route says of it, as a struct that names its type; `udpa` is what Istio writes. */
const asStruct = (struct: string, type: string, value: Fields) => ({
	"@type": `type.googleapis.com/${struct}`,
	type_url: `type.googleapis.com/envoy.extensions.filters.http.${type}`,
	value,
});
const abort = (httpStatus: number) => ({ abort: { httpStatus, percentage: { numerator: 100 } } });
const structRoutes = [
	{
		match: { prefix: "/route" },
		direct_response: { status: 200 },
		typed_per_filter_config: { fault: asStruct("xds.type.v3.TypedStruct", "fault.v3.HTTPFault", abort(418)) },
	},
	{ match: { prefix: "/" }, direct_response: { status: 200 } },
];

compareWithEnvoy<ProxyProcess>("extensions as structs", {
	start: (side) =>
		start(side, {
			l: {
				route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: structRoutes }] },
				http_filters: [
					{
						name: "fault",
						typed_config: asStruct("udpa.type.v1.TypedStruct", "fault.v3.HTTPFault", {
							...abort(503),
							max_active_faults: 9,
						}),
					},
					routerFilter,
				],
			},
		}),
	cases: {
		"the filter and a route's own": {
			want: [503, 418],
			async see(proxy) {
				const port = await proxy.port("l");
				const one = await sendRequest({ port, path: "/a", headers });
				return [one.status, (await sendRequest({ port, path: "/route", headers })).status];
			},
		},
	},
});
