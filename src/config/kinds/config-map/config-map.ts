import type { ConfigMap } from "../../../model/index.ts";
import { map } from "../../schema/collections.ts";
import { ignored, object, optional } from "../../schema/object.ts";
import { boolean, string } from "../../schema/scalars.ts";
import { defineKind } from "../kind.ts";

const key = { format: "a key: letters, digits, '-', '_' and '.'", pattern: /^[-._a-zA-Z0-9]{1,253}$/ };

/** `v1` ConfigMap. */
export const configMapKind = defineKind({
	name: "ConfigMap",
	apiVersions: ["v1"],
	aliases: ["configmaps", "cm"],
	doc: "Certificates that gateways check clients and backends by, as `ca.crt`.",
	example: `apiVersion: v1
kind: ConfigMap
metadata: { name: vault-ca, namespace: shop }
data:
  ca.crt: |
    -----BEGIN CERTIFICATE-----
`,
	naming: "subdomain",
	body: "document",
	spec: object({
		data: optional(map(string({ minLength: 0, maxLength: 1_048_576 }), key), "Text by key"),
		binaryData: ignored("Bytes by key; not read"),
		immutable: optional(boolean(), "Without effect"),
		status: ignored("Written by Kubernetes; accepted, without effect"),
	}),
	toModel: (value, { namespace, name, source }): ConfigMap => ({ namespace, name, data: value.data ?? {}, source }),
});
