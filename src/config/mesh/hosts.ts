/** The full name that a host of an Istio object means: a name without dots is a service of the object's namespace. */
export function completeHost(host: string, namespace: string, clusterDomain: string): string {
	return host.includes(".") || host.includes(":") || host === "*" ? host : `${host}.${namespace}.svc.${clusterDomain}`;
}

/** Whether a namespace is among those that an object is exported to. */
export function isExportedTo(exportTo: readonly string[] | undefined, namespace: string): boolean {
	return exportTo === undefined || exportTo.includes(namespace);
}
