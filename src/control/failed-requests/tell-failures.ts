import type { ConfigObject } from "../../config/index.ts";
import { createProvenance } from "../provenance/index.ts";
import type { AskedInstance, ProxyPages } from "../proxy-pages.ts";
import type { MeshIndex } from "../translate/index.ts";
import { askProxies, type FailureSelection } from "./ask-proxies.ts";
import { explainByMesh, type KnownMesh } from "./explain-by-mesh.ts";
import { explainFailure } from "./explain-failure.ts";
import type { ToldFailure } from "./told-failure.ts";

/** What failures are explained with. */
export interface FailureParts {
	readonly index: () => MeshIndex | undefined;
	readonly objects: () => Iterable<ConfigObject>;
	/** All that are registered. */
	readonly instances: () => readonly AskedInstance[];
	readonly pages: Pick<ProxyPages, "read">;
}

/** What was asked for, explained. */
export interface ToldFailures {
	/** In the order of time. */
	readonly failures: readonly ToldFailure[];
	/** Instances whose proxies keep no list: stock Envoys, or out of reach. */
	readonly silent: readonly string[];
}

/** Asks the proxies, and explains what they tell. */
export async function tellFailures(parts: FailureParts, selection: FailureSelection): Promise<ToldFailures> {
	const { failures, silent } = await askProxies(parts.instances(), parts.pages, selection);
	const index = parts.index();
	const mesh: KnownMesh | undefined =
		index === undefined || failures.length === 0
			? undefined
			: { index, provenance: createProvenance({ index, objects: parts.objects() }) };
	const told = failures.map((failure): ToldFailure => {
		const { sentences, objects } = mesh === undefined ? { sentences: [], objects: [] } : explainByMesh(failure, mesh);
		return { ...failure, explanation: [...explainFailure(failure), ...sentences], objects };
	});
	return { failures: told, silent };
}
