import type { Gateway, GatewayClass } from "./gateway.ts";
import { formatServiceHost } from "./service.ts";

/** The label of proxies that serve a Gateway without addresses. */
export const gatewayNameLabel = "gateway.networking.k8s.io/gateway-name";

/** Who looks after what is amime's own. */
export const controllerName = "amime.dev/gateway-controller";

/** Controllers whose Gateways are looked after here. */
const controllers: ReadonlySet<string> = new Set([controllerName, "istio.io/gateway-controller"]);

const builtIn: Readonly<Record<string, string>> = {
	amime: controllerName,
	istio: "istio.io/gateway-controller",
};

/** The controller of a class, when it is one of ours. */
export function findController(className: string, classes: readonly GatewayClass[]): string | undefined {
	const controller = classes.find(({ name }) => name === className)?.controllerName ?? builtIn[className];
	return controller !== undefined && controllers.has(controller) ? controller : undefined;
}

/** The full hosts of the Services that a Gateway names. */
export function listGatewayHosts(gateway: Gateway, clusterDomain: string): string[] {
	return gateway.addresses
		.filter(({ type }) => type === "Hostname")
		.map(({ value }) =>
			value.includes(".") ? value : formatServiceHost({ name: value, namespace: gateway.namespace }, clusterDomain),
		);
}

/** The IP addresses that a Gateway is to be reached at; without one its proxies choose. */
export function listStaticAddresses({ addresses }: Gateway): string[] {
	return addresses.flatMap(({ type, value }) => (type === "IPAddress" && value !== "" ? [value] : []));
}

/** Whether the proxies of a Gateway are found by its label: where it does not name the Service in front of them. */
export function isFoundByLabel({ addresses }: Gateway): boolean {
	return !addresses.some(({ type }) => type === "Hostname");
}
