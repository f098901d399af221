import { readFileSync } from "node:fs";
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { type Clock, exchangeHttp, MeshError } from "../../core/index.ts";
import type { WorkloadAttestor } from "./attest-process.ts";
import { type ContainerOfProcess, type ControlGroupFolders, findContainer } from "./cgroup.ts";

/** Where the kubelet of this node answers. */
export interface KubeletOptions extends ControlGroupFolders {
	/** Such as `https://127.0.0.1:10250`, or `http://127.0.0.1:10255` for its read-only port. */
	readonly url: string;
	/** PEM of its certificate or of its authority, for https; the name in it does not count, kubelets are asked by loopback addresses. */
	readonly ca?: string;
	/** A file with a bearer token that may list Pods; read anew each time. */
	readonly tokenFile?: string;
	readonly clock: Clock;
}

/** A Pod as the kubelet tells it; of its fields, those that selectors are made of. */
interface Pod {
	readonly metadata?: {
		readonly name?: string;
		readonly namespace?: string;
		readonly uid?: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
	};
	readonly spec?: { readonly serviceAccountName?: string; readonly nodeName?: string };
	readonly status?: {
		readonly containerStatuses?: readonly ContainerStatus[];
		readonly initContainerStatuses?: readonly ContainerStatus[];
		readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
	};
}

interface ContainerStatus {
	readonly name: string;
	readonly image: string;
	readonly imageID?: string;
	readonly containerID?: string;
}

const timeoutMs = 5_000;
const maxAnswerBytes = 64 * 1024 * 1024;
const keepMs = 1_000;
/** A container's status reaches the kubelet's list some time after its process runs. */
const attempts = 10;
const pauseMs = 500;

/** `k8s:…` of the Pod and the container that a process belongs to, by its control group and the kubelet's list of Pods. */
export function createKubeletAttestor(options: KubeletOptions): WorkloadAttestor {
	const { clock } = options;
	let cached: { readonly at: number; readonly pods: Promise<readonly Pod[]> } | undefined;

	function listPods(): Promise<readonly Pod[]> {
		if (cached === undefined || clock.now() - cached.at >= keepMs)
			cached = { at: clock.now(), pods: fetchPods(options) };
		return cached.pods;
	}

	return {
		name: "k8s",
		async attest({ pid }) {
			const container = findContainer(pid, options);
			if (container?.podUid === undefined) return [];
			for (let attempt = 1; attempt <= attempts; attempt++) {
				const selectors = findSelectors(await listPods(), container);
				if (selectors !== undefined) return selectors;
				await new Promise<void>((resolve) => clock.setTimer(pauseMs, resolve));
			}
			throw new MeshError("WORKLOAD_POD_UNKNOWN", `the kubelet lists no Pod with the container ${container.id}`);
		},
	};
}

function findSelectors(pods: readonly Pod[], { id, podUid }: ContainerOfProcess): string[] | undefined {
	const pod = pods.find((candidate) => candidate.metadata?.uid === podUid);
	const containers = pod === undefined ? [] : listContainers(pod);
	const container = containers.find((candidate) => candidate.containerID?.replace(/^.*:\/\//, "") === id);
	if (pod === undefined || container === undefined) return undefined;
	const { metadata = {}, spec = {} } = pod;
	const images = new Set(containers.flatMap(imagesOf));
	return [
		`k8s:ns:${metadata.namespace ?? "default"}`,
		`k8s:sa:${spec.serviceAccountName ?? "default"}`,
		`k8s:pod-name:${metadata.name ?? ""}`,
		`k8s:pod-uid:${podUid}`,
		`k8s:node-name:${spec.nodeName ?? ""}`,
		...Object.entries(metadata.labels ?? {}).map(([name, value]) => `k8s:pod-label:${name}:${value}`),
		...(metadata.ownerReferences ?? []).map(({ kind, name }) => `k8s:pod-owner:${kind}:${name}`),
		...[...images].map((image) => `k8s:pod-image:${image}`),
		`k8s:pod-image-count:${pod.status?.containerStatuses?.length ?? 0}`,
		`k8s:container-name:${container.name}`,
		...imagesOf(container).map((image) => `k8s:container-image:${image}`),
	];
}

function listContainers({ status = {} }: Pod): ContainerStatus[] {
	const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status;
	return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
}

function imagesOf({ image, imageID = "" }: ContainerStatus): string[] {
	const pinned = imageID.replace(/^.*:\/\//, "");
	return pinned === "" || pinned === image ? [image] : [image, pinned];
}

async function fetchPods({ url, ca, tokenFile }: KubeletOptions): Promise<readonly Pod[]> {
	const target = new URL("/pods", url);
	const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, "utf8").trim();
	const headers = { accept: "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
	const call =
		target.protocol === "https:"
			? requestTls(target, {
					headers,
					timeout: timeoutMs,
					ca: ca ?? "",
					checkServerIdentity: () => undefined,
				})
			: requestPlain(target, { headers, timeout: timeoutMs });
	const answer = await exchangeHttp(call, { maxAnswerBytes }).catch((cause: unknown) => {
		throw new MeshError("KUBELET_UNREACHABLE", `the kubelet at ${target.origin} does not answer`, { cause });
	});
	if (answer.status !== 200)
		throw new MeshError("KUBELET_UNREACHABLE", `the kubelet at ${target.origin} answered ${answer.status}`);
	const list = JSON.parse(answer.text) as { readonly items?: readonly Pod[] };
	return list.items ?? [];
}
