import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import type {
	Permission as PermissionMessage,
	Policy,
	Principal as PrincipalMessage,
	RBAC as Rules,
	SourcedMetadata,
} from "../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import { MetadataSource, RBAC_Action } from "../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import type { RBAC } from "../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import {
	type RBAC as NetworkRbac,
	RBAC_EnforcementType,
} from "../../api/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { UriTemplateMatchConfig } from "../../api/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { UpstreamIpPortMatcher } from "../../api/gen/envoy/extensions/rbac/matchers/upstream_ip_port/v3/upstream_ip_port_matcher_pb.js";
import type { Matcher } from "../../api/gen/xds/type/matcher/v3/matcher_pb.js";
import {
	hasLogAction,
	type Permission,
	type Principal,
	type RbacConfig,
	type RbacPolicy,
	type RbacRules,
} from "../../engine/authorization/index.ts";
import type { CidrRange } from "../../engine/matcher/index.ts";
import { compileUriTemplate } from "../../engine/router/index.ts";
import { readExpression } from "./expression.ts";
import type { NetworkRbacConfig } from "./listener-config.ts";
import { readMatchTree } from "./match-tree.ts";
import { readHeaderMatcher, readMetadataMatcher, readStringMatcher } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readCidr, toMs, unpackExtension } from "./values.ts";

/** Translates the HTTP filter. */
export function readRbac(message: RBAC, scope: Scope): RbacConfig {
	return {
		rules: readTree(message.matcher, scope.at("matcher"), true) ?? readRules(message.rules, scope.at("rules")),
		shadowRules:
			readTree(message.shadowMatcher, scope.at("shadow_matcher"), true) ??
			readRules(message.shadowRules, scope.at("shadow_rules")),
		rulesStatPrefix: message.rulesStatPrefix,
		shadowRulesStatPrefix: message.shadowRulesStatPrefix,
		trackPerRuleStats: message.trackPerRuleStats,
	};
}

/** Translates the network filter. */
export function readNetworkRbac(message: NetworkRbac, scope: Scope): NetworkRbacConfig {
	for (const [field, rules] of [
		["rules", message.rules],
		["shadow_rules", message.shadowRules],
	] as const) {
		if (rules !== undefined && asksForHeaders(rules)) {
			scope.at(field).report("rules about headers are not supported by the network filter");
		}
	}
	return {
		rules: readTree(message.matcher, scope.at("matcher"), false) ?? readRules(message.rules, scope.at("rules")),
		shadowRules:
			readTree(message.shadowMatcher, scope.at("shadow_matcher"), false) ??
			readRules(message.shadowRules, scope.at("shadow_rules")),
		rulesStatPrefix: "",
		shadowRulesStatPrefix: message.shadowRulesStatPrefix,
		trackPerRuleStats: false,
		statPrefix: message.statPrefix,
		delayDenyMs: toMs(message.delayDeny, 0),
		isContinuous: message.enforcementType === RBAC_EnforcementType.CONTINUOUS,
	};
}

/** Whether a permission or principal looks at headers, which layer 4 does not have. */
function asksForHeaders(rules: Rules): boolean {
	const inPermission = ({ rule }: PermissionMessage): boolean => {
		if (rule.case === "andRules" || rule.case === "orRules") return rule.value.rules.some(inPermission);
		return rule.case === "notRule" ? inPermission(rule.value) : rule.case === "header";
	};
	const inPrincipal = ({ identifier }: PrincipalMessage): boolean => {
		if (identifier.case === "andIds" || identifier.case === "orIds") return identifier.value.ids.some(inPrincipal);
		return identifier.case === "notId" ? inPrincipal(identifier.value) : identifier.case === "header";
	};
	return Object.values(rules.policies).some(
		({ permissions, principals }) => permissions.some(inPermission) || principals.some(inPrincipal),
	);
}

const actions: Readonly<Record<number, RbacRules["action"]>> = {
	[RBAC_Action.ALLOW]: "allow",
	[RBAC_Action.DENY]: "deny",
	[RBAC_Action.LOG]: "log",
};

function readRules(message: Rules | undefined, scope: Scope): RbacRules | undefined {
	if (message === undefined) return undefined;
	const names = Object.keys(message.policies).sort();
	return {
		action: actions[message.action] ?? "allow",
		policies: names.map((name) => readPolicy(name, message.policies[name]!, scope.at("policies", name))),
	};
}

function readTree(message: Matcher | undefined, scope: Scope, isAboutRequests: boolean): RbacRules | undefined {
	if (message === undefined) return undefined;
	const tree = readMatchTree(message, scope, isAboutRequests);
	return { action: "allow", policies: [], tree, treeLogs: hasLogAction(tree) };
}

function readPolicy(name: string, message: Policy, scope: Scope): RbacPolicy {
	return {
		name,
		permissions: message.permissions.map((one, index) => readPermission(one, scope.at("permissions", index))),
		principals: message.principals.map((one, index) => readPrincipal(one, scope.at("principals", index))),
		...readCondition(message, scope),
	};
}

function readCondition({ condition, checkedCondition }: Policy, scope: Scope): Pick<RbacPolicy, "condition"> {
	if (condition !== undefined) return { condition: readExpression(condition, scope.at("condition")) };
	if (checkedCondition?.expr === undefined) return {};
	return { condition: readExpression(checkedCondition.expr, scope.at("checked_condition").at("expr")) };
}

function readPermission(message: PermissionMessage, scope: Scope): Permission {
	const { rule } = message;
	switch (rule.case) {
		case "andRules":
			return {
				kind: "and",
				rules: rule.value.rules.map((one, index) => readPermission(one, scope.at("and_rules").at("rules", index))),
			};
		case "orRules":
			return {
				kind: "or",
				rules: rule.value.rules.map((one, index) => readPermission(one, scope.at("or_rules").at("rules", index))),
			};
		case "notRule":
			return { kind: "not", rule: readPermission(rule.value, scope.at("not_rule")) };
		case "header":
			return { kind: "header", matcher: readHeaderMatcher(rule.value, scope.at("header")) };
		case "urlPath":
			return { kind: "url-path", matcher: readStringMatcher(pathOf(rule.value), scope.at("url_path").at("path")) };
		case "destinationIp":
			return { kind: "destination-ip", range: readCidr(rule.value, scope.at("destination_ip")) ?? noRange };
		case "destinationPort":
			return { kind: "destination-port", start: rule.value, end: rule.value + 1 };
		case "destinationPortRange":
			if (rule.value.start >= rule.value.end) {
				scope.at("destination_port_range").report(`invalid range: [${rule.value.start}, ${rule.value.end})`);
			} else if (rule.value.end > 65_536) {
				scope.at("destination_port_range").at("end").report("must be at most 65536");
			}
			return { kind: "destination-port", start: rule.value.start, end: rule.value.end };
		case "metadata":
			return { kind: "metadata", matcher: readMetadataMatcher(rule.value, scope.at("metadata")) };
		case "sourcedMetadata":
			return readSourcedMetadata(rule.value, scope.at("sourced_metadata"));
		case "uriTemplate":
			return { kind: "uri-template", regex: readUriTemplate(rule.value, scope.at("uri_template")) };
		case "matcher":
			return readUpstreamMatcher(rule.value, scope.at("matcher"));
		case "requestedServerName":
			return {
				kind: "requested-server-name",
				matcher: readStringMatcher(rule.value, scope.at("requested_server_name")),
			};
		default:
			return { kind: "any" };
	}
}

function readPrincipal(message: PrincipalMessage, scope: Scope): Principal {
	const { identifier } = message;
	switch (identifier.case) {
		case "andIds":
			return {
				kind: "and",
				ids: identifier.value.ids.map((one, index) => readPrincipal(one, scope.at("and_ids").at("ids", index))),
			};
		case "orIds":
			return {
				kind: "or",
				ids: identifier.value.ids.map((one, index) => readPrincipal(one, scope.at("or_ids").at("ids", index))),
			};
		case "notId":
			return { kind: "not", id: readPrincipal(identifier.value, scope.at("not_id")) };
		case "authenticated": {
			const name = identifier.value.principalName;
			const at = scope.at("authenticated").at("principal_name");
			return { kind: "authenticated", matcher: name === undefined ? undefined : readStringMatcher(name, at) };
		}
		case "sourceIp":
			return { kind: "source-ip", range: readCidr(identifier.value, scope.at("source_ip")) ?? noRange };
		case "directRemoteIp":
			return { kind: "direct-remote-ip", range: readCidr(identifier.value, scope.at("direct_remote_ip")) ?? noRange };
		case "remoteIp":
			return { kind: "remote-ip", range: readCidr(identifier.value, scope.at("remote_ip")) ?? noRange };
		case "header":
			return { kind: "header", matcher: readHeaderMatcher(identifier.value, scope.at("header")) };
		case "urlPath":
			return {
				kind: "url-path",
				matcher: readStringMatcher(pathOf(identifier.value), scope.at("url_path").at("path")),
			};
		case "metadata":
			return { kind: "metadata", matcher: readMetadataMatcher(identifier.value, scope.at("metadata")) };
		case "sourcedMetadata":
			return readSourcedMetadata(identifier.value, scope.at("sourced_metadata"));
		case "filterState": {
			const { key, matcher } = identifier.value;
			const at = scope.at("filter_state").at("string_match");
			return {
				kind: "filter-state",
				key,
				matcher: readStringMatcher(matcher.case === "stringMatch" ? matcher.value : undefined, at),
			};
		}
		default:
			return { kind: "any" };
	}
}

function readSourcedMetadata(message: SourcedMetadata, scope: Scope): Extract<Permission, Principal> {
	const matcher = readMetadataMatcher(message.metadataMatcher!, scope.at("metadata_matcher"));
	return { kind: message.metadataSource === MetadataSource.ROUTE ? "route-metadata" : "metadata", matcher };
}

function readUpstreamMatcher({ typedConfig }: TypedExtensionConfig, scope: Scope): Permission {
	const at = scope.at("typed_config");
	const config = unpackExtension(typedConfig, at);
	if (config?.$typeName !== "envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher") {
		if (config !== undefined) at.report(`${config.$typeName} is not supported`);
		return { kind: "not", rule: { kind: "any" } };
	}
	const { upstreamIp, upstreamPortRange: ports } = config as UpstreamIpPortMatcher;
	if (upstreamIp === undefined && ports === undefined) at.report("misses upstream_ip and/or upstream_port_range");
	return {
		kind: "upstream-address",
		range: upstreamIp === undefined ? undefined : (readCidr(upstreamIp, at.at("upstream_ip")) ?? noRange),
		ports: ports && { start: Number(ports.start), end: Number(ports.end) },
	};
}

function readUriTemplate(message: TypedExtensionConfig, scope: Scope): RegExp {
	const config = unpackExtension(message.typedConfig, scope.at("typed_config"));
	if (config?.$typeName !== "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig") {
		if (config !== undefined) scope.at("typed_config").report(`${config.$typeName} is no template of paths`);
		return matchesNothing;
	}
	const compiled = compileUriTemplate((config as UriTemplateMatchConfig).pathTemplate);
	if (compiled.ok) return compiled.value.regex;
	scope.at("typed_config").at("path_template").report(compiled.problem);
	return matchesNothing;
}

const matchesNothing = /(?!)/;
const noRange: CidrRange = { address: new Uint8Array(0), prefixLength: 0 };

type PathMatcher = Extract<PermissionMessage["rule"], { case: "urlPath" }>["value"];

function pathOf(message: PathMatcher): Parameters<typeof readStringMatcher>[0] {
	return message.rule.case === "path" ? message.rule.value : undefined;
}
