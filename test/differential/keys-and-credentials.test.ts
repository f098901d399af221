/** Keys of clients: who gets in with which, and what the application gets to see; credentials that the proxy puts into requests. */
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

type Fields = Record<string, unknown>;

const seen = "%REQ(:PATH)% client=%REQ(x-client)% key=%REQ(x-api-key)% %REQ(authorization)% cookie=%REQ(cookie)%";
const answer = { status: 200, body_format: { text_format_source: { inline_string: seen } } };
const details = { header: { key: "x-details", value: "%RESPONSE_CODE_DETAILS%" } };

const apiKeys = (fields: Fields) => typed("filters.http.api_key_auth.v3.ApiKeyAuth", fields);
const ofRoute = (fields: Fields) => ({
	typed_per_filter_config: { keys: typed("filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", fields) },
});
const disabled = {
	typed_per_filter_config: {
		keys: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true },
	},
};
const credentials = (...pairs: [string, string][]) => pairs.map(([key, client]) => ({ key, client }));
const everywhere = [{ header: "x-api-key" }, { header: "authorization" }, { query: "key" }, { cookie: "ck" }];
const clients = credentials(["k1", "one"], ["k2", "two"], ["k 3", "three"]);

interface ListenerParts {
	readonly config: object;
	/** Before the one for everything. */
	readonly routes?: readonly object[];
	readonly virtualHost?: object;
}

/** A listener with one filter before the router for each of `parts`. */
function bootstrap(parts: Readonly<Record<string, ListenerParts>>, secrets: readonly object[] = []) {
	const listeners = Object.entries(parts).map(([name, { config, routes = [], virtualHost }]) => {
		const manager = managerFilter({
			stat_prefix: name,
			http_filters: [{ name: "keys", typed_config: config }, routerFilter],
			local_reply_config: {
				mappers: [
					{
						filter: {
							status_code_filter: { comparison: { op: "GE", value: { default_value: 400, runtime_key: "x" } } },
						},
						headers_to_add: [details],
					},
				],
			},
			route_config: {
				name: "r",
				virtual_hosts: [
					{
						name: "v",
						domains: ["*"],
						routes: [...routes, { match: { prefix: "/" }, direct_response: answer }],
						...virtualHost,
					},
				],
			},
		});
		return { name, address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	});
	return { static_resources: { listeners, secrets } };
}

type Call = readonly [path: string, headers?: Readonly<Record<string, string>>];

async function ask(proxy: ProxyProcess, listener: string, calls: readonly Call[]): Promise<string[]> {
	const port = await proxy.port(listener);
	const answers: string[] = [];
	for (const [path, headers] of calls) {
		const { status, body, headers: fields } = await sendRequest({ port, path, headers: { host: "here", ...headers } });
		answers.push(`${status} ${body} ${fields["x-details"]}`);
	}
	return answers;
}

const whole = apiKeys({
	credentials: clients,
	key_sources: everywhere,
	forwarding: { header: "X-Client", hide_credentials: true },
});
const routes = [
	{ match: { prefix: "/open" }, direct_response: answer, ...disabled },
	{ match: { prefix: "/two" }, direct_response: answer, ...ofRoute({ allowed_clients: ["two"] }) },
	{
		match: { prefix: "/own" },
		direct_response: answer,
		...ofRoute({ credentials: credentials(["own", "owner"]), key_sources: [{ query: "k" }], forwarding: {} }),
	},
];

compareWithEnvoy<ProxyProcess>("keys of clients", {
	start: (side) =>
		side.proxy(
			bootstrap({
				keys: { config: whole },
				routed: { config: whole, routes, virtualHost: ofRoute({ allowed_clients: ["one", "three"] }) },
				nothing: { config: apiKeys({}) },
				sources: { config: apiKeys({ key_sources: everywhere }) },
			}),
		),
	cases: {
		"where a key may be": {
			want: ["401 Client authentication failed. missing_api_key", "200 /a client=one key=- - cookie=- undefined"],
			see: (proxy) =>
				ask(proxy, "keys", [
					["/a"],
					["/a", { "x-api-key": "k1" }],
					["/a", { authorization: "Bearer k1" }],
					["/a", { authorization: "bearer k1" }],
					["/a", { authorization: "k1" }],
					["/a?b=2&key=k1&a=1&c"],
					["/a?key=k%203"],
					["/a?key="],
					["/a", { cookie: "x=y; ck=k1; z" }],
					["/a", { cookie: 'ck="k1"' }],
					["/a", { "x-api-key": "no", authorization: "k1" }],
					["/a", { "x-api-key": "", authorization: "k1" }],
					["/a?key=k1", { "x-api-key": "k1", authorization: "other", "x-client": "mine" }],
				]),
		},
		"which clients a route lets in": {
			want: ["403 Client is forbidden. client_not_allowed"],
			see: (proxy) =>
				ask(proxy, "routed", [
					["/a", { "x-api-key": "k2" }],
					["/a", { "x-api-key": "k1" }],
					["/two", { "x-api-key": "k2" }],
					["/two", { "x-api-key": "k1" }],
					["/open"],
				]),
		},
		"keys of a route": {
			want: ["200 /own?k=own client=- key=- - cookie=- undefined"],
			see: (proxy) => ask(proxy, "routed", [["/own?k=own"], ["/own?k=k1"], ["/own", { "x-api-key": "own" }]]),
		},
		"filters without keys": {
			want: ["401 Client authentication failed. missing_key_sources"],
			see: async (proxy) => [
				...(await ask(proxy, "nothing", [["/a", { "x-api-key": "k1" }]])),
				...(await ask(proxy, "sources", [["/a", { "x-api-key": "k1" }]])),
			],
		},
		"what is counted": {
			want: { "http.routed.api_key_auth.forbidden": 2 },
			see: (proxy) => proxy.stats("api_key_auth"),
		},
	},
});

const secret = (name: string, text: string) => ({ name, generic_secret: { secret: { inline_string: text } } });
const injector = (generic: Fields, fields: Fields = {}) =>
	typed("filters.http.credential_injector.v3.CredentialInjector", {
		credential: { name: "generic", typed_config: typed("http.injected_credentials.generic.v3.Generic", generic) },
		...fields,
	});
const injectors = {
	plain: injector({ credential: { name: "token" }, header_value_prefix: "Bearer " }),
	over: injector({ credential: { name: "token" } }, { overwrite: true }),
	header: injector({ credential: { name: "token" }, header: "X-Api-Key" }),
	empty: injector({ credential: { name: "empty" } }),
	optional: injector({ credential: { name: "empty" } }, { allow_request_without_credential: true }),
};

compareWithEnvoy<ProxyProcess>("credentials of the proxy", {
	start(side) {
		const parts = Object.entries(injectors).map(([name, config]) => [name, { config }] as const);
		return side.proxy(bootstrap(Object.fromEntries(parts), [secret("token", "abc"), secret("empty", "")]));
	},
	cases: {
		"what applications see": {
			want: { plain: ["200 /a client=- key=- Bearer abc cookie=- undefined"] },
			async see(proxy) {
				const seen: Record<string, string[]> = {};
				for (const name of Object.keys(injectors)) {
					seen[name] = await ask(proxy, name, [["/a"], ["/a", { authorization: "mine", "x-api-key": "mine" }]]);
				}
				return seen;
			},
		},
		"what is counted": {
			want: { "http.empty.credential_injector.failed": 1, "http.over.credential_injector.injected": 2 },
			see: (proxy) => proxy.stats("credential_injector"),
		},
	},
});
