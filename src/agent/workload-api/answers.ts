import { create } from "@bufbuild/protobuf";
import {
	type JWTBundlesResponse,
	JWTBundlesResponseSchema,
	type X509BundlesResponse,
	X509BundlesResponseSchema,
	type X509SVIDResponse,
	X509SVIDResponseSchema,
} from "../../api/gen/spiffe/workload_pb.js";
import { readCertificates } from "../../identity/index.ts";
import type { DomainBundle } from "../node-identity/index.ts";
import type { WorkloadSvid } from "./identities.ts";

/** `FetchX509SVID`: every identity, the oldest entry's first, which is the default one (Workload API section 5.2). */
export function describeSvids(
	svids: readonly WorkloadSvid[],
	own: DomainBundle,
	federated: readonly DomainBundle[],
): X509SVIDResponse {
	const bundle = toDer(own.pem);
	return create(X509SVIDResponseSchema, {
		svids: svids.map(({ entry, svid }) => ({
			spiffeId: svid.spiffeId,
			x509Svid: toDer(svid.certificateChainPem),
			x509SvidKey: Buffer.from(svid.privateKeyPem.replace(/-----[^-]+-----|\s/g, ""), "base64"),
			bundle,
			hint: entry.hint,
		})),
		federatedBundles: describeRoots(federated),
	});
}

/** `FetchX509Bundles`. */
export function describeX509Bundles(bundles: readonly DomainBundle[]): X509BundlesResponse {
	return create(X509BundlesResponseSchema, { bundles: describeRoots(bundles) });
}

/** `FetchJWTBundles`: JWK Sets. */
export function describeJwtBundles(bundles: readonly DomainBundle[]): JWTBundlesResponse {
	return create(JWTBundlesResponseSchema, {
		bundles: byDomain(bundles, ({ jwks }) => Buffer.from(JSON.stringify({ keys: jwks }))),
	});
}

/** Without those that have none: libraries refuse the whole answer for an empty bundle, and who is absent is untrusted as well (Workload API
 *  section 4.6). */
function describeRoots(bundles: readonly DomainBundle[]): Record<string, Uint8Array> {
	const rooted = bundles.filter(({ pem }) => pem !== "");
	return byDomain(rooted, ({ pem }) => toDer(pem));
}

function byDomain(
	bundles: readonly DomainBundle[],
	encode: (bundle: DomainBundle) => Uint8Array,
): Record<string, Uint8Array> {
	return Object.fromEntries(bundles.map((bundle) => [`spiffe://${bundle.trustDomain}`, encode(bundle)]));
}

function toDer(pem: string): Uint8Array {
	return Buffer.concat(readCertificates(pem).map(({ der }) => der));
}
