import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { findEnvoy, skipWithout } from "./peers.ts";
import { type ProxyKind, type ProxyProcess, type ProxyProcessOptions, startProxyProcess } from "./proxy-process.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** One of the two proxies with all that belongs to it: its backends, its files, its ports. */
export interface Side extends Pick<TestContext, "after"> {
	readonly kind: ProxyKind;
	/** A private folder. */
	readonly folder: string;
	/** Starts this side's proxy on a bootstrap (without `admin`, and with port 0 for listeners). */
	proxy(bootstrap: object, options?: ProxyProcessOptions): Promise<ProxyProcess>;
}

/** One comparison. */
export interface Case<World> {
	/** What Envoy must show at least, or the case proves nothing: compared with `assert.partialDeepStrictEqual`. */
	readonly want: unknown;
	/** Does something and answers with plain data that must be the same on both sides: no ports, times, or random names in it. */
	readonly see: (world: World, side: Side) => Promise<unknown>;
}

export interface Comparison<World> {
	/** Made once for each side; cases share it and run in order. */
	readonly start: (side: Side) => Promise<World>;
	readonly cases: Readonly<Record<string, Case<World>>>;
}

/** A differential test: the same configuration on a stock Envoy and on amime, with backends of its own each; every case must show
 *  the same on both. Envoy is the judge. Each case is a subtest. */
export function compareWithEnvoy<World>(name: string, comparison: Comparison<World>): void {
	test(name, { skip: skipWithout("envoy", findEnvoy()) }, async (t) => {
		const [envoy, amime] = (["envoy", "amime"] as const).map((kind) => createSide(t, kind));
		const [reference, tested] = await Promise.all([comparison.start(envoy!), comparison.start(amime!)]);
		for (const [title, { want, see }] of Object.entries(comparison.cases)) {
			await t.test(title, async () => {
				const expected = await see(reference, envoy!);
				assert.partialDeepStrictEqual(expected, want, "Envoy does not show what the case is about");
				assert.deepEqual(await see(tested, amime!), expected, "amime differs from Envoy");
			});
		}
	});
}

function createSide(t: TestContext, kind: ProxyKind): Side {
	const folder = makeTemporaryFolder(t);
	const after: Side["after"] = (run) => t.after(run);
	return {
		kind,
		folder,
		after,
		proxy: (bootstrap, options) => startProxyProcess({ after }, kind, folder, bootstrap, options),
	};
}
