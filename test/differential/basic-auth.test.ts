/** Users and passwords: who gets in, what the others are told, and which lists of users are refused. */
import { managerFilter, oneHost, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
const one = "user1:{SHA}tESsBmE/yNY3lb6a0L6vVQEZNqw=";
const two = "user2:{SHA}EJ9LPFDXsN9ynSmbxvjp75Bmlx8=";

const shown = [
	undefined,
	basic("user1:test1"),
	basic("user2:test2"),
	basic("user1:wrong"),
	basic("user2:test1"),
	basic("nobody:test1"),
	basic("user1:test1").replace("Basic", "basic"),
	basic("user1:test1").replace(/=+$/, ""),
	basic("user1:test1").replace(" ", "  "),
	basic("user1:test1:more"),
	basic("user1"),
	basic(":"),
	basic(""),
	basic("admin:admin"),
	"Basic !!!",
	"Basic dXNlcjE6dGVzdDE===",
	"Bearer x",
	"Basic",
];

const answer = { status: 200, body_format: { text_format_source: { inline_string: "%REQ(x-user)%" } } };
const filter = (fields: Record<string, unknown>) => typed("filters.http.basic_auth.v3.BasicAuth", { ...fields });
const perRoute = (config: object) => ({ typed_per_filter_config: { auth: config }, direct_response: answer });

function bootstrap(users: string) {
	const manager = managerFilter({
		http_filters: [
			{
				name: "auth",
				typed_config: filter({ users: { inline_string: users }, forward_username_header: "X-User" }),
			},
			routerFilter,
		],
		route_config: oneHost([
			{
				match: { prefix: "/open" },
				...perRoute({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true }),
			},
			{
				match: { prefix: "/other" },
				...perRoute(
					typed("filters.http.basic_auth.v3.BasicAuthPerRoute", {
						users: { inline_string: "admin:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=" },
					}),
				),
			},
			{ match: { prefix: "/" }, direct_response: answer },
		]),
	});
	const listener = { name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	return { static_resources: { listeners: [listener] } };
}

async function ask(proxy: ProxyProcess, path: string): Promise<Record<string, string>> {
	const port = await proxy.port();
	const seen: Record<string, string> = {};
	for (const [index, authorization] of shown.entries()) {
		const headers: Record<string, string> = { host: "here", ...(authorization !== undefined && { authorization }) };
		const { status, body, headers: fields } = await sendRequest({ port, path, headers });
		seen[`${index} ${authorization}`] = `${status} ${body} ${fields["www-authenticate"]}`;
	}
	return seen;
}

compareWithEnvoy<ProxyProcess>("basic authentication", {
	start: (side) => side.proxy(bootstrap(`${one}\n# a comment\n\n${two}\n`)),
	cases: {
		"who gets in": {
			want: { [`1 ${shown[1]}`]: "200 user1 undefined" },
			see: (proxy) => ask(proxy, "/"),
		},
		"users of a route": {
			want: { [`13 ${shown[13]}`]: "200 admin undefined" },
			see: (proxy) => ask(proxy, "/other?a=1"),
		},
		"a route without": { want: { [`0 ${shown[0]}`]: "200 - undefined" }, see: (proxy) => ask(proxy, "/open") },
		"what is counted": {
			want: { "http.in.basic_auth.allowed": 4 },
			see: (proxy) => proxy.stats("basic_auth"),
		},
		"lists of users": {
			want: { [one]: "taken" },
			async see(_proxy, side) {
				const seen: Record<string, string> = {};
				for (const users of [one, "a:plain", "nocolon", `${one}\n${one}`]) {
					seen[users] = await side.proxy(bootstrap(users)).then(
						() => "taken",
						() => "refused",
					);
				}
				return seen;
			},
		},
	},
});
