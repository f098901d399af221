import type { VirtualService } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { object, optional } from "../../schema/object.ts";
import { string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { networkingVersions } from "../istio/api-versions.ts";
import { exportTo, hostName, resolveExportTo } from "../istio/names.ts";
import { defineKind } from "../kind.ts";
import { type HttpRuleDocument, httpRule } from "./http-rule.ts";
import { findSniFault, tcpRule, tlsRule } from "./stream-rule.ts";

/** A VirtualService as written: short names, `.` and delegates are still to be resolved. */
export type VirtualServiceDocument = Omit<VirtualService, "http"> & { readonly http: readonly HttpRuleDocument[] };

const salvage = "this rule is left out, the other rules are served";

const fields = object({
	hosts: optional(
		list(hostName(), { max: 1000 }),
		"Hosts it is for: short names mean services of its own namespace; none in a delegate",
	),
	gateways: optional(
		list(
			string({
				format: "mesh, or the name of a Gateway, perhaps after its namespace ('.': the own one) and '/'",
				pattern: /^(([a-z0-9]([a-z0-9-]*[a-z0-9])?|[.])\/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
				maxLength: 320,
			}),
			{ max: 256 },
		),
		"Gateways that take it, `mesh` for sidecars; `mesh` when absent",
	),
	exportTo: optional(exportTo(), "Namespaces whose proxies see it; all when absent"),
	http: optional(list(httpRule, { max: 1000, salvage }), "Rules for HTTP, the first that matches wins"),
	tls: optional(list(tlsRule, { max: 1000, salvage }), "Rules for TLS that is passed through, by server name"),
	tcp: optional(list(tcpRule, { max: 1000, salvage }), "Rules for TCP, the first that matches wins"),
});

type Spec = typeof fields extends Schema<infer T> ? T : never;

const spec: Schema<Spec> = refine(fields, (value, _node, reader) => {
	const { hosts = [], gateways, http = [], tls = [], tcp = [] } = value;
	if (hosts.length === 0) {
		if (gateways !== undefined && gateways.length > 0)
			return reader.field("gateways").refuse("must be absent in a delegate (a VirtualService without hosts)");
		if (tls.length > 0 || tcp.length > 0)
			return reader.refuse("is a delegate (it has no hosts), which has http rules only: add 'hosts'");
		const nested = http.findIndex((rule) => rule.delegate !== undefined);
		if (nested >= 0)
			return reader.field("http").item(nested).field("delegate").refuse("must be absent in a delegate: one level only");
	}
	if (http.length + tls.length + tcp.length === 0) return reader.refuse("must have a rule in http, tls or tcp");
	const isMesh = gateways === undefined || gateways.length === 0 || gateways.includes("mesh");
	if (isMesh && hosts.includes("*"))
		reader.field("hosts").warn("'*' takes every host of the mesh, services of other teams included");
	const byClaims = http.findIndex(({ matches }) => matches.some(({ claims }) => claims !== undefined));
	if (isMesh && byClaims >= 0 && (gateways ?? []).every((gateway) => gateway === "mesh"))
		reader
			.field("http")
			.item(byClaims)
			.warn("matches claims of tokens, which only gateways know: sidecars never follow this match");
	const sniFault = findSniFault(tls, hosts);
	if (sniFault !== undefined) reader.field("tls").warn(sniFault);
	return value;
});

/** `networking.istio.io/v1` VirtualService. */
export const virtualServiceKind = defineKind({
	name: "VirtualService",
	apiVersions: networkingVersions,
	aliases: ["virtualservices", "vs"],
	doc: "Where requests to some hosts go: routes by path and header, shares, retries, faults, mirrors, redirects; also for TCP and TLS.",
	example: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - match: [{ headers: { x-user: { exact: jo } } }]
      route: [{ destination: { host: reviews, subset: v2 } }]
    - route:
        - { destination: { host: reviews, subset: v1 }, weight: 90 }
        - { destination: { host: reviews, subset: v2 }, weight: 10 }
      retries: { attempts: 3, retryOn: 5xx }
`,
	naming: "subdomain",
	spec,
	toModel: (value, context): VirtualServiceDocument => {
		const seenBy = resolveExportTo(value.exportTo, context.namespace);
		return {
			namespace: context.namespace,
			name: context.name,
			hosts: value.hosts ?? [],
			gateways: value.gateways === undefined || value.gateways.length === 0 ? ["mesh"] : value.gateways,
			...(seenBy !== undefined && { exportTo: seenBy }),
			http: value.http ?? [],
			tls: value.tls ?? [],
			tcp: value.tcp ?? [],
			createdAt: context.createdAt,
			source: context.source,
		};
	},
});
