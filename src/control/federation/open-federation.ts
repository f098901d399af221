import { type Clock, type Log, systemRandom } from "../../core/index.ts";
import type { Authority } from "../../identity/index.ts";
import type { Store } from "../../registry/index.ts";
import { type BundleRefresh, createBundleRefresh } from "./bundle-refresh.ts";
import { startBundleServer } from "./bundle-server.ts";
import { openRelations, type Relations } from "./relations.ts";

/** How this trust domain meets others. */
export interface FederationOptions {
	/** Where its bundle is published, `host:port`; nowhere by default. */
	readonly bundleEndpoint?: string;
	/** PEM of a certificate of the web for it (`https_web`); its own SVID by default (`https_spiffe`). */
	readonly bundleEndpointWeb?: { readonly certificate: string; readonly key: string };
	/** PEM of the roots of the web that endpoints of others are trusted by; the machine's by default. */
	readonly webRoots?: string;
}

export interface OpenFederationOptions extends FederationOptions {
	readonly store: Store;
	readonly authority: Authority;
	readonly isLeader: () => boolean;
	/** Is told the trust domains whose bundles are known, at once and after every change. */
	readonly onTrustDomains: (trustDomains: readonly string[]) => void;
	readonly clock: Clock;
	readonly log: Log;
	/** Takes what is to be closed, last first. */
	readonly closers: (() => Promise<void> | void)[];
}

/** Opens the relations, keeps their bundles fresh, and publishes the own one. */
export async function openFederation(
	options: OpenFederationOptions,
): Promise<{ readonly relations: Relations; readonly refresh: BundleRefresh }> {
	const { store, authority, isLeader, bundleEndpoint, bundleEndpointWeb, webRoots, clock, closers } = options;
	const log = options.log.child("federation");
	const relations = await openRelations(store, authority.trustDomain, { clock, log });
	closers.push(() => relations.close());
	const bring = (): void => {
		const bundles = relations.bundles();
		authority.setFederatedBundles(bundles);
		// Those with JWT keys alone have no peers.
		options.onTrustDomains(bundles.filter(({ pem }) => pem !== "").map(({ trustDomain }) => trustDomain));
	};
	relations.onChange(bring);
	bring();
	const refresh = createBundleRefresh({
		...{ relations, isLeader, clock, random: systemRandom, log },
		...(webRoots !== undefined && { webRoots }),
	});
	closers.push(() => refresh.close());
	if (bundleEndpoint !== undefined) {
		const web = bundleEndpointWeb === undefined ? {} : { web: bundleEndpointWeb };
		const server = await startBundleServer({ authority, address: bundleEndpoint, ...web, clock, log });
		closers.push(() => server.close());
	}
	return { relations, refresh };
}
