import { create } from "@bufbuild/protobuf";
import { CertificateValidationContextSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { SecretSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { packResource, secretType, type XdsSnapshot } from "../../xds/server/index.ts";
import type { DomainBundle } from "../node-identity/index.ts";
import {
	createCertificateSecret,
	createSpiffeValidation,
	createTrustSecret,
	inline,
} from "../secret-server/secrets.ts";
import type { WorkloadSvid } from "./identities.ts";

/** The secrets of a workload by the names of SPIRE's agent: `default` (its first identity) and each SPIFFE ID; `ROOTCA` (the own trust
 *  domain's roots), each trust domain's ID, and `ALL` (every bundle by trust domain, for Envoy's SPIFFE validator). */
export function translateIdentities(
	svids: readonly WorkloadSvid[],
	own: DomainBundle,
	federated: readonly DomainBundle[],
): XdsSnapshot {
	const bundles = [own, ...federated.filter(({ pem }) => pem !== "")];
	const secrets = [
		...svids.slice(0, 1).map(({ svid }) => createCertificateSecret("default", svid)),
		...svids.map(({ svid }) => createCertificateSecret(svid.spiffeId, svid)),
		createTrustSecret("ROOTCA", toTrust(own)),
		...bundles.map((bundle) => createTrustSecret(`spiffe://${bundle.trustDomain}`, toTrust(bundle))),
		createTrustSecret("ALL", createSpiffeValidation(bundles.map(({ trustDomain, pem }) => [trustDomain, pem]))),
	];
	const packed = secrets.map((secret) => [secret.name, packResource(SecretSchema, secret.name, secret)] as const);
	return { resources: new Map([[secretType, new Map(packed)]]) };
}

function toTrust({ pem }: DomainBundle) {
	return create(CertificateValidationContextSchema, { trustedCa: inline(pem) });
}
