import type { ConfigObject } from "../../config/index.ts";
import { createProvenance } from "../provenance/index.ts";
import type { AskedInstance, ProxyPages } from "../proxy-pages.ts";
import type { MeshIndex } from "../translate/index.ts";
import { askProxies, type FailureSelection, type ProxyFailure } from "./ask-proxies.ts";
import { diagnose, type KnownMesh, type Prediction } from "./diagnosis/index.ts";
import type { ToldFailure } from "./told-failure.ts";

/** A request as far as a proxy remembers it: without headers and query. */
export interface RememberedCall {
	/** `namespace/name` of the instance whose proxy had it. */
	readonly from: string;
	readonly to: string;
	readonly method: string;
	readonly path: string;
	/** Of the Gateway, where the call came in by one. */
	readonly port?: number;
}

/** Says what should become of a call by the configuration; undefined when it cannot. */
export type Predict = (call: RememberedCall) => Promise<Prediction | undefined>;

/** What failures are explained with. */
export interface FailureParts {
	readonly index: () => MeshIndex | undefined;
	readonly objects: () => Iterable<ConfigObject>;
	/** All that are registered. */
	readonly instances: () => readonly AskedInstance[];
	readonly pages: Pick<ProxyPages, "read">;
	/** Costs more than all the rest, so it is asked about single requests alone. */
	readonly predict?: Predict | undefined;
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
	if (index === undefined) return { failures: failures.map(tellAlone), silent };
	if (failures.length === 0) return { failures: [], silent };
	const { objects } = parts;
	const mesh: KnownMesh = { index, objects, provenance: createProvenance({ index, objects: objects() }) };
	const predict = selection.id === undefined ? undefined : parts.predict;
	const tell = async (failure: ProxyFailure): Promise<ToldFailure> => {
		const prediction = await predictFor(failure, index, predict);
		const { fault = null, fix = null, explanation, objects: refs } = diagnose({ failure, mesh, prediction });
		return { ...failure, fault, explanation, fix, objects: refs };
	};
	return { failures: await Promise.all(failures.map(tell)), silent };
}

/** Before there is a mesh nothing is known beside what the proxy says. */
function tellAlone(failure: ProxyFailure): ToldFailure {
	return { ...failure, fault: null, explanation: [], fix: null, objects: [] };
}

async function predictFor(
	{ flags, details, proxy, authority, method, path, local_address: at }: ProxyFailure,
	index: MeshIndex,
	predict: Predict | undefined,
): Promise<Prediction | undefined> {
	if (predict === undefined || method === null || authority === null) return undefined;
	if (flags !== "NR" && details !== "direct_response") return undefined;
	const port = findGatewayPort(index, proxy, at);
	return predict({ from: proxy, to: authority, method, path: path ?? "/", ...(port !== undefined && { port }) });
}

/** The port of a Gateway that a client connected to, which is not always where its proxy listens. */
function findGatewayPort(index: MeshIndex, proxy: string, at: string | null): number | undefined {
	const [namespace = "", name = ""] = proxy.split("/");
	const instance = index.instance({ namespace, name });
	if (instance?.pattern !== "gateway") return undefined;
	const listenPort = Number(/:(\d+)$/.exec(at ?? "")?.[1]);
	return instance.gatewayPorts?.find((one) => one.listenPort === listenPort)?.port;
}
