import type { MeshSettings, Service } from "../../../model/index.ts";
import { hostOf } from "../names.ts";

/** Names a client may call a service by, its full host first. Services of the cluster have short ones: with their namespace from
 *  anywhere, without it from their own. */
export function listNames(service: Service, settings: MeshSettings, clientNamespace: string): string[] {
	const host = hostOf(service, settings);
	if (host.startsWith("*")) return [host];
	const suffix = `.svc.${settings.clusterDomain}`;
	const absolute = `${host}.`;
	if (!host.endsWith(suffix)) return [host, absolute];
	const [name = "", namespace = ""] = host.slice(0, -suffix.length).split(".");
	const short = [...(namespace === clientNamespace ? [name] : []), `${name}.${namespace}`, `${name}.${namespace}.svc`];
	const names = [host, absolute, ...short];
	// Names of single endpoints of a headless Service: `web-0.web.shop`.
	return service.isHeadless === true && service.host === undefined
		? [...names, ...names.map((item) => `*.${item}`)]
		: names;
}

/** Virtual addresses of a service as hosts; blocks of addresses are none. */
export function listAddresses({ addresses = [] }: Service): string[] {
	return addresses
		.filter((address) => !address.includes("/") && address !== "0.0.0.0")
		.map((address) => (address.includes(":") ? `[${address}]` : address));
}
