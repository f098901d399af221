import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { DataSourceSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { TypedExtensionConfigSchema } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import {
	type CertificateValidationContext,
	CertificateValidationContextSchema,
	TlsCertificateSchema,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { type Secret, SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import { trustDomainOf, type X509Svid } from "../../identity/index.ts";
import { packResource, secretType, type XdsResource, type XdsSnapshot } from "../../xds/server/index.ts";

/** The secrets of one identity by name: `default` and its SPIFFE ID (certificate and key), `ROOTCA` and its trust domain's ID (trust
 *  bundle), `ALL` (every bundle by trust domain, for Envoy's SPIFFE validator). */
export function translateSvid(svid: X509Svid): XdsSnapshot {
	const trustDomain = trustDomainOf(svid.spiffeId);
	const trust = create(CertificateValidationContextSchema, { trustedCa: inline(svid.bundlePem) });
	const federated = svid.federated.map(({ trustDomain: domain, pem }) => [domain, pem] as const);
	const all = createSpiffeValidation([[trustDomain, svid.bundlePem], ...federated]);
	const secrets = [
		createCertificateSecret("default", svid),
		createCertificateSecret(svid.spiffeId, svid),
		// With related domains each root must vouch for its own domain alone, which takes the SPIFFE validator.
		createTrustSecret("ROOTCA", federated.length === 0 ? trust : all),
		createTrustSecret(`spiffe://${trustDomain}`, trust),
		...federated.map(([domain, pem]) =>
			createTrustSecret(`spiffe://${domain}`, create(CertificateValidationContextSchema, { trustedCa: inline(pem) })),
		),
		createTrustSecret("ALL", all),
	];
	return {
		resources: new Map([
			[
				secretType,
				new Map<string, XdsResource>(
					secrets.map((secret) => [secret.name, packResource(SecretSchema, secret.name, secret)]),
				),
			],
		]),
	};
}

export function createCertificateSecret(name: string, svid: X509Svid): Secret {
	const tlsCertificate = create(TlsCertificateSchema, {
		certificateChain: inline(svid.certificateChainPem),
		privateKey: inline(svid.privateKeyPem),
	});
	return create(SecretSchema, { name, type: { case: "tlsCertificate", value: tlsCertificate } });
}

export function createTrustSecret(name: string, value: CertificateValidationContext): Secret {
	return create(SecretSchema, { name, type: { case: "validationContext", value } });
}

export function createSpiffeValidation(bundles: readonly (readonly [string, string])[]): CertificateValidationContext {
	const validator = create(SPIFFECertValidatorConfigSchema, {
		trustDomains: bundles.map(([name, pem]) => ({ name, trustBundle: inline(pem) })),
	});
	return create(CertificateValidationContextSchema, {
		customValidatorConfig: create(TypedExtensionConfigSchema, {
			name: "envoy.tls.cert_validator.spiffe",
			typedConfig: anyPack(SPIFFECertValidatorConfigSchema, validator),
		}),
	});
}

export function inline(text: string) {
	return create(DataSourceSchema, { specifier: { case: "inlineBytes", value: Buffer.from(text, "utf8") } });
}
