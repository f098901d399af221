import type { Label } from "./metric.ts";

/** A statistic's Prometheus identity: what is left of its dotted name, and the tags taken out of it. */
export interface TaggedName {
	/** The dotted name without the parts that became tags. */
	readonly name: string;
	/** Tag names as Envoy spells them, `envoy.cluster_name`, in Envoy's order. */
	readonly tags: readonly Label[];
}

/** A rule of `stats_config.stats_tags`: a regular expression whose first group is cut from the name and whose second (else first)
 *  is the value, or a value that every statistic gets. With neither it is Envoy's own rule of that name. */
export interface TagRule {
	readonly name: string;
	readonly regex: RegExp | undefined;
	/** What names the regular expression fits begin with: `cluster` for `^cluster\\.`; empty when it does not say. */
	readonly prefix?: string;
	readonly fixedValue: string | undefined;
}

/** Options of {@link createTagExtractor}. */
export interface TagExtractorOptions {
	/** Rules beside Envoy's own; none by default. */
	readonly rules?: readonly TagRule[];
	/** Whether a rule named like one of Envoy's replaces it; otherwise Envoy's is asked first. */
	readonly allowsOverrides?: boolean;
	/** Whether Envoy's own rules apply; true by default. */
	readonly useDefaultTags?: boolean;
}

/** `regex` marks the text to cut as its first group and the value as the second; `tokens` marks one part of the name by `$`
 *  (`*` is any part, `**` any number of parts). A name without `needle` does not match: cheaper
 *  to see than the pattern. `except` is a value that is no tag. */
type DefaultRule =
	| {
			readonly tag: string;
			readonly regex: RegExp;
			readonly needle: string;
			readonly except?: string;
			readonly prefix: string;
	  }
	| { readonly tag: string; readonly tokens: readonly string[] }
	| { readonly tag: string; readonly fixedValue: string };

const address = "(?:(?:\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|\\[[a-fA-F_\\d]+\\])_\\d+)";
const part = "[^.]+";
const listenerOrCluster = "(?:listener|cluster)\\..*?";
const byRegex = (tag: string, needle: string, regex: string, except = ""): DefaultRule => ({
	tag,
	needle,
	except,
	regex: new RegExp(regex, "d"),
	prefix: readRegexPrefix(regex),
});
const byTokens = (tag: string, tokens: string): DefaultRule => ({ tag, tokens: tokens.split(".") });

/** Envoy's rules in the order in which they add tags: regular expressions before tokens. */
const defaultRules: readonly DefaultRule[] = [
	byRegex("envoy.response_code", "_rq_", "_rq(_(\\d{3}))$"),
	byRegex("envoy.response_code_class", "_rq_", "_rq_((\\d))xx$"),
	byRegex("envoy.ssl_cipher", ".ssl.ciphers.", "^listener\\..*?\\.ssl\\.ciphers(\\.([\\w-]+))$"),
	byRegex("envoy.ssl_curve", ".ssl.curves.", `^${listenerOrCluster}\\.ssl\\.curves(\\.([\\w-]+))$`),
	byRegex("envoy.ssl_sigalg", ".ssl.sigalgs.", `^${listenerOrCluster}\\.ssl\\.sigalgs(\\.([\\w-]+))$`),
	byRegex("envoy.ssl_version", ".ssl.versions.", `^${listenerOrCluster}\\.ssl\\.versions(\\.(TLSv\\d\\.\\d))$`),
	byRegex("envoy.tls_certificate", ".ssl.certificate.", `^${listenerOrCluster}\\.ssl\\.certificate\\.((.*?)\\.)[^.]+$`),
	byRegex("cipher_suite", ".ssl.ciphers.", `^cluster\\.${part}\\.ssl\\.ciphers(\\.([\\w-]+))$`),
	byRegex("envoy.http_conn_manager_prefix", ".http.", `^listener\\..*?\\.http\\.((${part})\\.)`),
	byRegex(
		"envoy.worker_id",
		"worker_",
		`^(?:listener\\.(?:${address}|${part})\\.|server\\.|listener_manager\\.|thread_local_cluster_manager\\.)worker_((\\d+)\\.)`,
	),
	byRegex("envoy.listener_address", "listener.", `^listener\\.((${address}|${part})\\.)`, "admin"),
	byRegex("envoy.rds_route_config", ".rds.", `^http\\.${part}\\.rds\\.(([\\w.-]+)\\.)\\w+?$`),
	byRegex("envoy.scoped_rds_config", ".scoped_rds.", `^http\\.${part}\\.scoped_rds\\.(([\\w.-]+)\\.)\\w+?$`),
	byRegex(
		"envoy.rbac_policy_name",
		".rbac.",
		`^http\\.${part}\\.rbac\\.(?:${part}\\.)?policy\\.((${part})\\.)(?:shadow_)?(?:allowed|denied)$`,
	),
	byRegex("envoy.rbac_http_prefix", ".rbac.", `^http\\.${part}\\.rbac\\.((${part})\\.)`, "policy"),
	byRegex("envoy.xds_resource_name", "sds.", `^sds\\.((${part})\\.)`),
	byTokens("envoy.grpc_bridge_method", "cluster.*.grpc.*.$.**"),
	byTokens("envoy.http_user_agent", "http.*.user_agent.$.**"),
	byTokens("envoy.virtual_cluster", "vhost.*.vcluster.$.**"),
	byTokens("envoy.fault_downstream_cluster", "http.*.fault.$.**"),
	byTokens("envoy.grpc_bridge_service", "cluster.*.grpc.$.**"),
	byTokens("envoy.tcp_prefix", "tcp.$.**"),
	byTokens("envoy.udp_prefix", "udp.$.**"),
	byTokens("envoy.clientssl_prefix", "auth.clientssl.$.**"),
	byTokens("envoy.ratelimit_prefix", "ratelimit.$.**"),
	byTokens("envoy.cluster_name", "cluster.$.**"),
	byTokens("envoy.ext_authz_prefix", "cluster.*.ext_authz.$.**"),
	byTokens("envoy.ext_authz_prefix", "http.*.ext_authz.$.**"),
	byTokens("envoy.http_conn_manager_prefix", "http.$.**"),
	byTokens("envoy.virtual_host", "vhost.$.**"),
	byTokens("envoy.route", "vhost.*.route.$.**"),
	byTokens("envoy.local_http_ratelimit_prefix", "$.http_local_rate_limit.**"),
	byTokens("envoy.local_network_ratelimit_prefix", "local_rate_limit.$.**"),
	byTokens("envoy.local_listener_ratelimit_prefix", "listener_local_ratelimit.$.**"),
	byTokens("envoy.rbac_prefix", "$.rbac.**"),
];

/** Whether Envoy has a rule of its own for a tag. */
export function isDefaultTag(name: string): boolean {
	return defaultRules.some(({ tag }) => tag === name);
}

/** Compiles the rules; the result takes a dotted name apart. */
export function createTagExtractor(options: TagExtractorOptions = {}): (statName: string) => TaggedName {
	const given = options.rules ?? [];
	const replaced = new Set(given.filter((rule) => rule.regex !== undefined).map((rule) => rule.name));
	const own =
		options.useDefaultTags === false
			? []
			: defaultRules.filter(({ tag }) => options.allowsOverrides !== true || !replaced.has(tag));
	const rules: DefaultRule[] = [...own.filter((rule) => "regex" in rule), ...own.filter((rule) => "tokens" in rule)];
	rules.push(...given.flatMap(compileRule));
	// As in Envoy: rules that say what a name begins with come behind those that fit any name.
	const general = rules.filter((rule) => !hasPrefix(rule));
	const all = [...general, ...rules.filter(hasPrefix)];
	return (statName) => extract(statName, all);
}

/** The first part of the names that a regular expression fits, where it begins with it. */
export function readRegexPrefix(regex: string): string {
	return /^\^(\w+)(?:\\\.|$)/.exec(regex)?.[1] ?? "";
}

function compileRule({ name: tag, regex, fixedValue, prefix = "" }: TagRule): readonly DefaultRule[] {
	if (fixedValue !== undefined) return [{ tag, fixedValue }];
	if (regex === undefined) return defaultRules.filter((rule) => rule.tag === tag);
	return [{ tag, needle: "", prefix, regex: new RegExp(regex.source, `${regex.flags.replace(/[dgy]/g, "")}d`) }];
}

function hasPrefix(rule: DefaultRule): boolean {
	if ("tokens" in rule) return rule.tokens[0] !== "$" && rule.tokens[0] !== "*";
	return "regex" in rule && rule.prefix !== "";
}

interface Cut {
	readonly start: number;
	readonly end: number;
	readonly value: string;
}

function extract(statName: string, rules: readonly DefaultRule[]): TaggedName {
	const tags: Label[] = [];
	const cuts: Cut[] = [];
	const parts = statName.split(".");
	for (const rule of rules) {
		if (tags.some(([name]) => name === rule.tag)) continue;
		if ("fixedValue" in rule) {
			tags.push([rule.tag, rule.fixedValue]);
			continue;
		}
		const cut = "regex" in rule ? cutByRegex(statName, rule.regex, rule.needle) : cutByTokens(parts, rule.tokens);
		if (cut === undefined || ("regex" in rule && cut.value === rule.except)) continue;
		tags.push([rule.tag, cut.value]);
		cuts.push(cut);
	}
	if (cuts.length === 0) return { name: statName, tags };
	cuts.sort((left, right) => left.start - right.start);
	let name = "";
	let position = 0;
	for (const { start, end } of cuts) {
		if (start > position) name += statName.slice(position, start);
		position = Math.max(position, end);
	}
	return { name: name + statName.slice(position), tags };
}

function cutByRegex(statName: string, regex: RegExp, needle: string): Cut | undefined {
	if (!statName.includes(needle)) return undefined;
	const match = regex.exec(statName);
	const removed = match?.indices?.[1];
	if (match === null || removed === undefined) return undefined;
	return { start: removed[0], end: removed[1], value: match[2] ?? match[1]! };
}

function cutByTokens(parts: readonly string[], tokens: readonly string[]): Cut | undefined {
	let marked = -1;
	for (let index = 0; index < tokens.length; index++) {
		const token = tokens[index]!;
		if (token === "**") break;
		if (index >= parts.length) return undefined;
		if (token === "$") marked = index;
		else if (token !== "*" && token !== parts[index]) return undefined;
	}
	// The marked part is cut with the dot behind it, so something must follow it.
	if (marked === -1 || parts.length < tokens.length || parts[marked] === "") return undefined;
	let start = 0;
	for (let index = 0; index < marked; index++) start += parts[index]!.length + 1;
	return { start, end: start + parts[marked]!.length + 1, value: parts[marked]! };
}
