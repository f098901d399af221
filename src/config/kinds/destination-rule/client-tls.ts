import type { ClientTls } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { object, optional, required } from "../../schema/object.ts";
import { boolean, oneOf, string } from "../../schema/scalars.ts";
import { refine, type Schema } from "../../schema/schema.ts";
import { defined } from "./connection-pool.ts";

const file = string({ maxLength: 4096 });

/** `tls` of a traffic policy. */
export const clientTls: Schema<ClientTls> = refine(
	object({
		mode: required(
			oneOf(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]),
			"`DISABLE`: plain text; `SIMPLE`: TLS; `MUTUAL`: TLS with a client certificate; `ISTIO_MUTUAL`: with the mesh's own. By default mutual TLS where the endpoint takes it",
		),
		sni: optional(string({ minLength: 0, maxLength: 253 }), "Server name that is sent; the request's host when absent"),
		subjectAltNames: optional(list(string(), { max: 256 }), "Names that the endpoint's certificate may carry"),
		clientCertificate: optional(file, "File with the client's certificate, where the proxy runs"),
		privateKey: optional(file, "File with its key"),
		caCertificates: optional(file, "File with the authorities; `system` for those of the system"),
		caCrl: optional(file, "File with revoked certificates"),
		credentialName: optional(
			string({ maxLength: 253 }),
			"Secret of the clients' namespace whose `ca.crt` signs the endpoints' certificates, or one of that name and `-cacert`; with SIMPLE",
		),
		insecureSkipVerify: optional(boolean(), "Whether any certificate is taken"),
	}),
	(value, _node, reader): ClientTls | undefined => {
		const files = (["clientCertificate", "privateKey", "caCertificates", "caCrl"] as const).filter(
			(name) => (value[name] ?? "") !== "",
		);
		if (value.mode === "ISTIO_MUTUAL" && files.length > 0)
			return reader.field(files[0]!).refuse("must be absent with ISTIO_MUTUAL: the mesh's certificates are used");
		if (value.mode === "MUTUAL" && value.credentialName !== undefined)
			return reader
				.field("credentialName")
				.refuse("keys of clients are not sent to their proxies: give clientCertificate, privateKey and caCertificates");
		if (value.mode === "MUTUAL")
			for (const name of ["clientCertificate", "privateKey"] as const)
				if ((value[name] ?? "") === "") return reader.field(name).refuse("is required with MUTUAL");
		if (value.credentialName !== undefined && files.some((name) => name !== "caCrl"))
			return reader.field(files[0]!).refuse("must be absent with credentialName");
		return {
			mode: value.mode,
			...defined({
				sni: value.sni,
				clientCertificate: value.clientCertificate,
				privateKey: value.privateKey,
				caCertificates: value.caCertificates,
				caCrl: value.caCrl,
				credentialName: value.credentialName,
			}),
			subjectAltNames: value.subjectAltNames ?? [],
			isInsecure: value.insecureSkipVerify ?? false,
		};
	},
);
