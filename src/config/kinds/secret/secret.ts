import type { Secret } from "../../../model/index.ts";
import { map } from "../../schema/collections.ts";
import { defaulted, ignored, object, optional } from "../../schema/object.ts";
import { boolean, string } from "../../schema/scalars.ts";
import { refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";

const key = { format: "a key: letters, digits, '-', '_' and '.'", pattern: /^[-._a-zA-Z0-9]{1,253}$/ };

const encoded = refine(
	string({
		format: "base64",
		pattern: /^[A-Za-z0-9+/\s]*={0,2}\s*$/,
		minLength: 0,
		maxLength: 1_500_000,
		isSecret: true,
	}),
	(text) => Buffer.from(text, "base64").toString("utf8"),
);

/** `v1` Secret. */
export const secretKind = defineKind({
	name: "Secret",
	apiVersions: ["v1"],
	aliases: ["secrets"],
	doc: "Certificates and keys of gateways (type kubernetes.io/tls: `tls.crt`, `tls.key`, and `ca.crt` to check clients by). The admin API does not show its values.",
	example: `apiVersion: v1
kind: Secret
metadata: { name: shop-example-com, namespace: edge }
type: kubernetes.io/tls
stringData:
  tls.crt: |
    -----BEGIN CERTIFICATE-----
  tls.key: |
    -----BEGIN PRIVATE KEY-----
`,
	naming: "subdomain",
	body: "document",
	spec: object({
		type: defaulted(string({ maxLength: 253 }), "Opaque", "What it holds", "Opaque"),
		data: optional(map(encoded, key), "Values in base64"),
		stringData: optional(
			map(string({ minLength: 0, maxLength: 1_048_576, isSecret: true }), key),
			"Values as text; they win over `data`",
		),
		immutable: optional(boolean(), "Without effect"),
		status: ignored("Written by Kubernetes; accepted, without effect"),
	}),
	toModel: (value, { namespace, name, source }): Secret => ({
		namespace,
		name,
		type: value.type,
		data: { ...value.data, ...value.stringData },
		source,
	}),
});
