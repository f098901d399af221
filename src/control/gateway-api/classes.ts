import type { GatewayClass } from "../../model/index.ts";

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
