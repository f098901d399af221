import type { Problem } from "../core/index.ts";
import { findPathProblem, findValidityProblem } from "./svid.ts";
import type { TrustBundle } from "./trust-bundle.ts";
import type { Certificate } from "./x509/index.ts";

const maxChainLength = 10;

/** What is wrong with a chain, leaf first, that should lead to one of the authorities; nothing is asked of the leaf's names. */
export function findChainProblem(
	chain: readonly Certificate[],
	authorities: TrustBundle,
	now: number,
): Problem | undefined {
	const [leaf, ...intermediates] = chain;
	if (leaf === undefined) return { path: "chain", problem: "holds no certificate" };
	if (chain.length > maxChainLength)
		return { path: "chain", problem: `holds more than ${maxChainLength} certificates` };
	if (leaf.extensions.isCa) return { path: "chain", problem: "its first certificate is an authority's" };
	return findValidityProblem(leaf, now, "certificate") ?? findPathProblem(leaf, intermediates, authorities, now);
}
