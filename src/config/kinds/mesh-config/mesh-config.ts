import type { MeshSettings } from "../../../model/index.ts";
import { istioDuration } from "../../schema/durations.ts";
import { dnsLabel, dnsSubdomain } from "../../schema/kubernetes.ts";
import { object, optional } from "../../schema/object.ts";
import { number, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";

/** The settings a MeshConfig gives; the others keep their defaults. */
export type MeshConfig = Partial<MeshSettings>;

const maxSvidTtlMs = 24 * 3_600_000;
const minSvidTtlMs = 60_000;

const spec = object({
	trustDomain: optional(
		string({
			format: "a trust domain: lower case letters, digits, '.', '-' and '_'",
			pattern: /^[a-z0-9._-]+$/,
			maxLength: 255,
		}),
		"Trust domain of every identity; `cluster.local` when absent",
	),
	clusterDomain: optional(dnsSubdomain(), "Last part of the full names of services; `cluster.local` when absent"),
	rootNamespace: optional(dnsLabel(), "Policies in this namespace cover the whole mesh; `amime-system` when absent"),
	certificateTtl: optional(
		refine(istioDuration(), (value, _node, reader) =>
			value >= minSvidTtlMs && value <= maxSvidTtlMs ? value : reader.refuse("must be from 1m to 24h"),
		),
		"Life of a workload's certificate, renewed at half of it; from `1m` to `24h`, `24h` when absent",
	),
	traceSamplingPercent: optional(
		number({ min: 0, max: 100 }),
		"Share of requests traced when the client sent no trace context; 1 when absent",
	),
});

/** `amime.dev/v1alpha1` MeshConfig. */
export const meshConfigKind = defineKind({
	name: "MeshConfig",
	apiVersions: ["amime.dev/v1alpha1"],
	aliases: ["meshconfigs"],
	doc: "Settings of the whole mesh, at most one object; its name is the name of the mesh.",
	example: `apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: { name: shop }
spec:
  trustDomain: shop.example
  traceSamplingPercent: 10
`,
	naming: "label",
	spec,
	toModel: (value, context): MeshConfig => ({
		name: context.name,
		trustDomain: value.trustDomain,
		clusterDomain: value.clusterDomain,
		rootNamespace: value.rootNamespace,
		svidTtlMs: value.certificateTtl,
		traceSamplingPercent: value.traceSamplingPercent,
	}),
});
