/** Answers in place of others, and requests that are refused because too many fail. */
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

type Fields = Record<string, unknown>;

const matcherType = "type.googleapis.com/envoy.type.matcher.v3.";
const local = (fields: Fields) => typed("http.custom_response.local_response_policy.v3.LocalResponsePolicy", fields);
const text = (inline_string: string) => ({ inline_string });

/** The first of `rules` whose input is exactly a value says what the answer is. */
function responses(...rules: readonly [input: Fields & { type: string }, value: string, policy: object][]) {
	const matchers = rules.map(([{ type, ...fields }, exact, policy]) => ({
		predicate: {
			single_predicate: {
				input: { name: "input", typed_config: { "@type": matcherType + type, ...fields } },
				value_match: { exact },
			},
		},
		on_match: { action: { name: "action", typed_config: policy } },
	}));
	return typed("filters.http.custom_response.v3.CustomResponse", {
		custom_response_matcher: { matcher_list: { matchers } },
	});
}
const status = { type: "HttpResponseStatusCodeMatchInput" };
const statusClass = { type: "HttpResponseStatusCodeClassMatchInput" };
const isLocal = { type: "HttpResponseLocalReplyMatchInput" };
const overrides = (config: object) => ({ typed_per_filter_config: { replace: config } });
const answers = (prefix: string, code: number, more: object = {}) => ({
	match: { prefix },
	direct_response: { status: code, body: text(`own ${code}`) },
	...more,
});

function start(side: Side, filters: readonly object[], routes: readonly object[], virtualHost: object = {}) {
	const manager = managerFilter({
		http_filters: [...filters, routerFilter],
		access_log: [
			{
				name: "stdout",
				typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
					log_format: { text_format_source: text("<%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%>\n") },
				}),
			},
		],
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes, ...virtualHost }] },
	});
	const listener = { name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] };
	return side.proxy({ static_resources: { listeners: [listener] } });
}

async function get(proxy: ProxyProcess, path: string, headers: Record<string, string> = {}): Promise<unknown> {
	const { headers: fields, ...rest } = await sendRequest({ port: await proxy.port(), path, headers });
	const { date: _, ...others } = fields;
	return { ...rest, headers: others };
}

/** The first lines of the access log. */
function readLog(proxy: ProxyProcess, count: number): Promise<string[]> {
	return eventually(
		() => {
			const lines = proxy.stdout().match(/<.*>/g) ?? [];
			if (lines.length < count) throw new Error(`${lines.length} lines of ${count}`);
			return lines.slice(0, count);
		},
		{ deadlineMs: 30_000 },
	);
}

const formatted = text("%LOCAL_REPLY_BODY% | %RESPONSE_CODE% | %REQ(:PATH)% | %RESPONSE_CODE_DETAILS%");

/** What the filter chain answers in place of others.
 *  @param headers that a 503 has besides */
const replaced = (...headers: readonly object[]) =>
	responses(
		[status, "404", local({ body: text("not here"), status_code: 299 })],
		[status, "500", local({ body: text("five"), body_format: { text_format_source: formatted } })],
		[
			status,
			"503",
			local({
				preserve_response_code_details: true,
				body_format: { json_format: { code: "%RESPONSE_CODE%" } },
				response_headers_to_add: [{ header: { key: "x-why", value: "%RESPONSE_CODE%" } }, ...headers],
			}),
		],
		[statusClass, "4xx", local({ body: text("some 400"), response_code_details: "replaced" })],
		[{ type: "HttpRequestHeaderMatchInput", header_name: "x-want" }, "it", local({ body: text("wanted") })],
	);

compareWithEnvoy<ProxyProcess>("answers in place of others", {
	start: (side) =>
		start(
			side,
			[
				{
					name: "replace",
					typed_config: replaced({
						header: { key: "content-type", value: "application/problem+json" },
						append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
					}),
				},
			],
			[
				answers("/200", 200),
				answers("/400", 400),
				answers("/404", 404),
				answers("/403", 403),
				answers("/500", 500),
				answers("/503", 503),
				answers("/route", 404, overrides(responses([status, "404", local({ body: text("of the route") })]))),
				answers("/else", 404, overrides(responses([status, "402", local({ body: text("of the route") })]))),
				answers("/host", 501),
			],
			overrides(responses([isLocal, "true", local({ body: text("of the host"), status_code: 555 })])),
		),
	cases: Object.fromEntries(
		[
			["/200", {}, { status: 555 }],
			["/400", {}, { status: 555 }],
			["/route", {}, { body: "of the route", status: 404 }],
			["/else", {}, { status: 555, body: "of the host" }],
			["/nowhere", {}, { status: 299 }],
			["/host", { "content-type": "application/grpc" }, { status: 200 }],
		].map(([path, headers, want]) => [
			`${path} ${JSON.stringify(headers)}`,
			{ want, see: (proxy: ProxyProcess) => get(proxy, path as string, headers as Record<string, string>) },
		]),
	),
});

compareWithEnvoy<ProxyProcess>("answers in place of others, by the chain alone", {
	start: (side) =>
		start(
			side,
			[
				{
					name: "replace",
					typed_config: replaced(),
				},
			],
			[200, 400, 403, 404, 500, 503].map((code) => answers(`/${code}`, code)),
		),
	cases: {
		...Object.fromEntries(
			["/200", "/400", "/403", "/404", "/500", "/503", "/nowhere"].map((path) => [
				path,
				{ want: {}, see: (proxy: ProxyProcess) => get(proxy, path) },
			]),
		),
		"what a request asks for": {
			want: { body: "wanted", status: 200 },
			see: (proxy) => get(proxy, "/200", { "x-want": "it" }),
		},
		"what is logged": {
			want: ["<200 direct_response ->", "<400 replaced ->", "<403 replaced ->", "<299  ->"],
			see: (proxy) => readLog(proxy, 8),
		},
	},
});

const percent = (value: number) => ({ default_value: { value }, runtime_key: "x" });
const admission = (fields: Fields) => ({
	name: "admit",
	typed_config: typed("filters.http.admission_control.v3.AdmissionControl", { success_criteria: {}, ...fields }),
});
const byStatus = [200, 404, 500].map((code) => answers(`/${code}`, code));

async function statuses(proxy: ProxyProcess, paths: readonly string[]): Promise<number[]> {
	const port = await proxy.port();
	const codes: number[] = [];
	for (const path of paths) codes.push((await sendRequest({ port, path })).status);
	return codes;
}

compareWithEnvoy<ProxyProcess>("admission", {
	start: (side) =>
		start(
			side,
			[
				admission({
					sr_threshold: percent(99),
					aggression: { default_value: 1000, runtime_key: "y" },
					max_rejection_probability: percent(100),
				}),
			],
			byStatus,
		),
	cases: {
		"as long as nothing fails": {
			want: [200, 404, 200],
			see: (proxy) => statuses(proxy, ["/200", "/404", "/200"]),
		},
		"as soon as something does": {
			want: { 0: 500, 2: 503 },
			see: async (proxy) => ({ ...(await statuses(proxy, ["/500", "/500", "/200", "/200"])) }),
		},
		"what is counted": {
			want: { "http.in.admission_control.rq_success": 3 },
			see: (proxy) => proxy.stats("admission_control"),
		},
	},
});
