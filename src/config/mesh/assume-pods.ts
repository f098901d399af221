import { createNumbering } from "../../core/index.ts";
import { matchesLabels, type Pod, type PodTemplate } from "../../model/index.ts";
import type { ConfigObject, ConfigObjectOf } from "../config-object.ts";
import { mutualTlsLabel } from "./cluster-services.ts";

/** Copies of one template that are taken to run; more of them would be the same. */
const maxReplicas = 20;
/** 100.64.0.0/10, addresses that no application names (RFC 6598). */
const firstAddress = (100 << 24) | (64 << 16);
const addresses = 2 ** 22 - 2;

/** Objects with the Pods that their Deployments, StatefulSets and DaemonSets would make, ready, so that documents alone can be asked about. A
 *  template whose Pods are among the objects makes none. */
export function assumePods(objects: readonly ConfigObject[]): readonly ConfigObject[] {
	const templates = objects.filter(
		(object) => object.kind === "Deployment" || object.kind === "StatefulSet" || object.kind === "DaemonSet",
	);
	if (templates.length === 0) return objects;
	const pods = objects.filter((object): object is ConfigObjectOf<"Pod"> => object.kind === "Pod");
	const isThere = ({ namespace, labels }: PodTemplate): boolean =>
		pods.some((pod) => pod.namespace === namespace && matchesLabels(labels, pod.value.labels));
	const addressOf = createNumbering(1, addresses);
	const assumed = templates.flatMap((object): ConfigObject[] => {
		if (isThere(object.value)) return [];
		const names = Array.from(
			{ length: Math.min(object.value.replicas, maxReplicas) },
			(_, ordinal) => `${object.name}-${ordinal}`,
		);
		return names.map((name) => ({
			...object,
			kind: "Pod",
			apiVersion: "v1",
			name,
			value: makePod(object.value, name, formatAddress(firstAddress + addressOf(`${object.namespace}/${name}`))),
		}));
	});
	return [...objects, ...assumed];
}

function makePod(template: PodTemplate, name: string, address: string): Pod {
	const { namespace, labels, annotations, serviceAccount, ports, createdAt, source } = template;
	const isInjected = [labels, annotations].every((notes) => notes["sidecar.istio.io/inject"] !== "false");
	return {
		namespace,
		name,
		labels: {
			...labels,
			...(isInjected && mutualTlsLabel),
			"service.istio.io/workload-name": labels["service.istio.io/workload-name"] ?? template.name,
		},
		annotations,
		serviceAccount,
		address,
		isReady: true,
		hasEnded: false,
		ports,
		createdAt,
		source,
	};
}

function formatAddress(number: number): string {
	return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}
