/** What filters decide by: names of certificates that cannot be known, texts that are not ASCII, answers of services that refuse. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

type Fields = Record<string, unknown>;

const filter = (name: string, type: string, fields: object) => ({
	name,
	typed_config: typed(`filters.http.${type}`, { ...fields }),
});
const google = "type.googleapis.com/";
const single = (input: Fields, exact: string) => ({
	single_predicate: { input: { name: "input", typed_config: input }, value_match: { exact } },
});
const header = (name: string) => ({
	"@type": `${google}envoy.type.matcher.v3.HttpRequestHeaderMatchInput`,
	header_name: name,
});
const subject = typed("matching.common_inputs.ssl.v3.SubjectInput", {});
const allow = (name: string) => ({
	action: { name: "action", typed_config: { "@type": `${google}envoy.config.rbac.v3.Action`, name } },
});
const rbac = (matchers: readonly Fields[]) =>
	filter("rbac", "rbac.v3.RBAC", {
		matcher: { matcher_list: { matchers }, on_no_match: allow("otherwise") },
		rules_stat_prefix: "tree_",
		track_per_rule_stats: true,
	});
const identifier = (name: string) => ({ ident_expr: { name } });
const condition = (left: object, right: object) =>
	filter("rbac", "rbac.v3.RBAC", {
		rules: {
			policies: {
				only: {
					permissions: [{ any: true }],
					principals: [{ any: true }],
					condition: { call_expr: { function: "_==_", args: [left, right] } },
				},
			},
		},
	});
const metadata = filter("meta", "set_metadata.v3.Config", {
	metadata: [{ metadata_namespace: "ns", value: { narrow: "é", wide: "ü☃", nested: { text: "é" } } }],
});
const shown = ["narrow", "wide", "nested"].map((key) => ({
	header: { key: `x-${key}`, value: `%DYNAMIC_METADATA(ns:${key})%` },
}));

async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, body, echo } = await world.call(listener, call);
	return { status, body: echo === undefined ? body.toString("latin1") : "", headers: echo?.headers };
}

compareWithEnvoy("what filters decide by", {
	start: (side) =>
		startFilterWorld(side, {
			first: {
				filters: [
					rbac([
						{ predicate: single(subject, "CN=a"), on_match: allow("subject") },
						{ predicate: single(header("x-a"), "1"), on_match: allow("header") },
					]),
				],
			},
			second: {
				filters: [
					rbac([
						{ predicate: single(header("x-a"), "1"), on_match: allow("header") },
						{ predicate: { not_matcher: single(subject, "CN=a") }, on_match: allow("not") },
					]),
				],
			},
			either: {
				filters: [
					rbac([
						{
							predicate: { or_matcher: { predicate: [single(subject, "CN=a"), single(header("x-a"), "1")] } },
							on_match: allow("or"),
						},
					]),
				],
			},
			direction: {
				filters: [
					condition(
						{ select_expr: { operand: identifier("xds"), field: "listener_direction" } },
						{ const_expr: { int64_value: 0 } },
					),
				],
			},
			texts: { filters: [metadata], virtualHost: { request_headers_to_add: shown } },
			limit: {
				filters: [
					filter("limit", "local_ratelimit.v3.LocalRateLimit", {
						stat_prefix: "limit",
						token_bucket: { max_tokens: 4, tokens_per_fill: 4, fill_interval: "31.9s" },
						filter_enabled: { default_value: { numerator: 100 } },
						filter_enforced: { default_value: { numerator: 100 } },
						enable_x_ratelimit_headers: "DRAFT_VERSION_03",
					}),
				],
			},
			redirected: {
				filters: [
					filter("rbac", "rbac.v3.RBAC", {
						rules: {
							action: "DENY",
							policies: {
								closed: {
									permissions: [{ url_path: { path: { exact: "/closed" } } }],
									principals: [{ any: true }],
								},
							},
						},
					}),
				],
				routes: [{ match: { prefix: "/go" }, route: { cluster: "up", internal_redirect_policy: {} } }],
			},
			whole: { filters: [filter("buffer", "buffer.v3.Buffer", { max_request_bytes: 100 })] },
		}),
	cases: {
		"a tree that looks at a certificate allows nothing without TLS": {
			want: { status: 403 },
			see: (world) => see(world, "first", { headers: { "x-a": "1" } }),
		},
		"what an earlier entry says counts all the same": {
			want: { status: 200 },
			see: (world) => see(world, "second", { headers: { "x-a": "1" } }),
		},
		"the opposite of what cannot be known is not known either": {
			want: { status: 403 },
			see: (world) => see(world, "second", {}),
		},
		"one of several may be unknown": {
			want: [{ status: 200 }, { status: 403 }],
			see: async (world) => [await see(world, "either", { headers: { "x-a": "1" } }), await see(world, "either", {})],
		},
		"the policies of trees are tags": {
			want: [],
			see: async (world) => {
				const { body } = await world.proxy.admin("/stats/prometheus?filter=rbac");
				return body.split("\n").sort();
			},
		},
		"a listener that says nothing has the direction 0": {
			want: { status: 200 },
			see: (world) => see(world, "direction", {}),
		},
		"the seconds until a token comes are rounded up": {
			want: ["0", "0", "0", "8", "8"],
			see: async (world) => {
				const resets: unknown[] = [];
				for (let index = 0; index < 5; index++)
					resets.push((await world.call("limit", {})).headers["x-ratelimit-reset"]);
				return resets;
			},
		},
		"a request whose redirect is refused was there whole": {
			want: { status: 403 },
			see: async (world) => {
				const headers = { "x-answer-status": "302", "x-answer-location": "http://127.0.0.1/closed", host: "127.0.0.1" };
				const answer = await world.call("redirected", { method: "POST", path: "/go", headers, body: "abc" });
				const early = await world.proxy.stats("http\\.redirected\\.downstream_rq_response_before_rq_complete");
				return { status: answer.status, early };
			},
		},
		"metadata is UTF-8 in headers": {
			want: { headers: { "x-narrow": Buffer.from("é").toString("latin1") } },
			see: (world) => see(world, "texts", {}),
		},
		"a body that comes in one frame with its end passes a smaller buffer": {
			want: "200",
			see: async (world) => {
				const url = `http://127.0.0.1:${await world.proxy.port("whole")}/`;
				const args = [
					"-s",
					"--http2-prior-knowledge",
					"-o",
					"/dev/null",
					"-w",
					"%{http_code}",
					"-d",
					"a".repeat(200),
					url,
				];
				return (await promisify(execFile)("curl", args, { timeout: 10_000 })).stdout;
			},
		},
	},
});
