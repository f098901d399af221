/** Expressions about requests: which of them are logged. */
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const expressions = [
	"response.code >= 400",
	"response.code == 200 || response.code == 404",
	"request.method == 'POST' && !(request.path == '/b')",
	"request.headers['x-a'].startsWith('o') ? response.code < 300 : false",
	"has(request.headers)",
	"'x-a' in request.headers",
	"request.url_path.contains('b') && request.query == 'q=1'",
	"request.path.matches('^/[ab]$')",
	"size(request.headers['x-a']) > 2u",
	"request.host == 'there'",
	"response.code_details == 'direct_response'",
	"response.flags == 0",
	"request.total_size >= 0 && request.duration < duration('1h')",
	"connection.mtls",
	"source.address.startsWith('127.0.0.1:')",
	"request.nothing == 'x'",
	"no_such_name",
	"response.code",
	"true",
];

const requests: { readonly path: string; readonly method?: string; readonly headers: Record<string, string> }[] = [
	{ path: "/a", headers: { "x-a": "one", host: "there" } },
	{ path: "/a", method: "POST", headers: { "x-a": "x" } },
	{ path: "/b?q=1", headers: {} },
	{ path: "/b", method: "POST", headers: {} },
	{ path: "/missing", headers: { "x-a": "other" } },
];

const log = (filter: object, text: string) => ({
	name: "log",
	filter,
	typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
		log_format: { text_format_source: { inline_string: text } },
	}),
});

const logOf = (expression: string, index: number) =>
	log(
		{
			extension_filter: {
				name: "cel",
				typed_config: typed("access_loggers.filters.cel.v3.ExpressionFilter", { expression }),
			},
		},
		`<${index} %REQ(x-number)%>\n`,
	);

const answer = (path: string, status: number) => ({
	match: { path },
	direct_response: { status, body: { inline_string: "answer" } },
});

compareWithEnvoy("expressions choose what is logged", {
	async start(side) {
		const route_config = {
			name: "r",
			virtual_hosts: [{ name: "v", domains: ["*"], routes: [answer("/a", 200), answer("/b", 500)] }],
		};
		const access_log = expressions.map(logOf);
		const manager = managerFilter({ route_config, access_log });
		return side.proxy({
			static_resources: {
				listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			},
		});
	},
	cases: {
		"each of them": {
			want: { "response.code >= 400": ["2", "3", "4"], true: ["0", "1", "2", "3", "4"] },
			async see(proxy) {
				const port = await proxy.port();
				for (const [index, { headers, ...call }] of requests.entries()) {
					await sendRequest({ port, ...call, headers: { ...headers, "x-number": String(index) } });
				}
				const whole = expressions.indexOf("true");
				await eventually(
					() => {
						if (!proxy.stdout().includes(`<${whole} ${requests.length - 1}>`)) throw new Error("not logged yet");
					},
					{ deadlineMs: 30_000 },
				);
				const lines = [...proxy.stdout().matchAll(/<(\d+) (\d+)>/g)];
				return Object.fromEntries(
					expressions.map((expression, index) => [
						expression,
						lines.filter(([, which]) => Number(which) === index).map(([, , number]) => number),
					]),
				);
			},
		},
	},
});
