import { create } from "@bufbuild/protobuf";
import {
	type Permission,
	PermissionSchema,
	type Principal,
	PrincipalSchema,
	type RBAC,
	RBACSchema,
} from "../../../api/gen/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema as HttpRbacSchema } from "../../../api/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { UriTemplateMatchConfigSchema } from "../../../api/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import { unpackAny } from "../../../api/index.ts";
import type { AuthorizationAction, AuthorizationPolicy } from "../../../model/index.ts";
import { compilePolicies, type EnforcementPoint } from "../authorization/policies.ts";
import type { HttpFilterInit } from "../http-connection-manager.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { extension, quoteRegex, stringMatcher } from "../messages.ts";

/** Policies in the order in which they are judged. What CUSTOM policies cover is denied: gRPC cannot ask their provider. Those that are
 *  only tried or audited change nothing. Each filter has a name of its own: gRPC refuses doubles. */
export function proxylessAuthorizationFilters(
	index: MeshIndex,
	policies: readonly AuthorizationPolicy[],
	point: EnforcementPoint,
): HttpFilterInit[] {
	return (["CUSTOM", "DENY", "ALLOW"] as const satisfies AuthorizationAction[]).flatMap((action) => {
		const own = policies.filter((policy) => policy.action === action && policy.isDryRun !== true);
		if (own.length === 0) return [];
		const rules = adaptRbac(compilePolicies(index, own, action, point));
		return [extension(`envoy.filters.http.rbac.${action.toLowerCase()}`, HttpRbacSchema, { rules })];
	});
}

/** What gRPC has no notion of matches nothing. Some clients pass over a term that they do not know, and so would allow more than a
 *  policy says. */
function adaptRbac(rbac: RBAC): RBAC {
	const policies = Object.fromEntries(
		Object.entries(rbac.policies).map(([name, policy]) => [
			name,
			{
				...policy,
				permissions: policy.permissions.map(adaptPermission),
				principals: policy.principals.map(adaptPrincipal),
			},
		]),
	);
	return create(RBACSchema, { action: rbac.action, policies });
}

const noPermission = create(PermissionSchema, {
	rule: { case: "notRule", value: { rule: { case: "any", value: true } } },
});

const noPrincipal = create(PrincipalSchema, {
	identifier: { case: "notId", value: { identifier: { case: "any", value: true } } },
});

function adaptPermission(permission: Permission): Permission {
	const { rule } = permission;
	switch (rule.case) {
		case "andRules":
		case "orRules":
			return create(PermissionSchema, {
				rule: { case: rule.case, value: { rules: rule.value.rules.map(adaptPermission) } },
			});
		case "notRule":
			return create(PermissionSchema, { rule: { case: "notRule", value: adaptPermission(rule.value) } });
		case "uriTemplate":
			return rule.value.typedConfig === undefined ? noPermission : matchTemplate(rule.value.typedConfig);
		case "header":
			return isHiddenHeader(rule.value.name) ? noPermission : permission;
		case "metadata":
		case "requestedServerName":
			return noPermission;
		default:
			return permission;
	}
}

function adaptPrincipal(principal: Principal): Principal {
	const { identifier } = principal;
	switch (identifier.case) {
		case "andIds":
		case "orIds":
			return create(PrincipalSchema, {
				identifier: { case: identifier.case, value: { ids: identifier.value.ids.map(adaptPrincipal) } },
			});
		case "notId":
			return create(PrincipalSchema, { identifier: { case: "notId", value: adaptPrincipal(identifier.value) } });
		case "header":
			return isHiddenHeader(identifier.value.name) ? noPrincipal : principal;
		case "metadata":
			return noPrincipal;
		default:
			return principal;
	}
}

/** Headers that gRPC does not show to its filters (gRFC A41). */
function isHiddenHeader(name: string): boolean {
	return name === ":scheme" || name.startsWith("grpc-");
}

/** A path template as an expression: `*` is a segment, `**` any number of them. */
function matchTemplate(config: NonNullable<Parameters<typeof unpackAny>[0]>): Permission {
	const message = unpackAny(config);
	if (message?.$typeName !== UriTemplateMatchConfigSchema.typeName) return noPermission;
	const { pathTemplate } = message as { readonly pathTemplate?: string };
	const regex = quoteRegex(pathTemplate ?? "")
		.replaceAll("\\*\\*", ".*")
		.replaceAll("\\*", "[^/]+");
	return create(PermissionSchema, {
		rule: { case: "urlPath", value: { rule: { case: "path", value: stringMatcher("regex", regex) } } },
	});
}
