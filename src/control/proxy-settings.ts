import { type Mesh, matchesLabels, type ProxyConfig, type Workload } from "../model/index.ts";

/** How the proxies of a workload are started. */
export interface ProxySettings {
	/** Worker threads, 0 is one a core; undefined leaves it to whoever starts them. */
	readonly concurrency?: number;
	readonly environment: Readonly<Record<string, string>>;
}

/** What ProxyConfigs say for a workload, over the mesh's own settings: those of the root namespace, over them its namespace's, over them
 *  those that select it; of several in one step the oldest (Istio, networking/v1beta1/proxy_config.proto). */
export function resolveProxySettings(
	{ proxyConfigs, settings }: Pick<Mesh, "proxyConfigs" | "settings">,
	{ namespace, labels }: Pick<Workload, "namespace" | "labels">,
): ProxySettings {
	const oldest = (isFor: (config: ProxyConfig) => boolean): readonly ProxyConfig[] =>
		proxyConfigs
			.filter(isFor)
			.sort((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1))
			.slice(0, 1);
	const levels = [
		...oldest((config) => config.namespace === settings.rootNamespace && config.selector === undefined),
		...oldest((config) => config.namespace === namespace && config.selector === undefined),
		...oldest(
			(config) =>
				config.namespace === namespace && config.selector !== undefined && matchesLabels(config.selector, labels),
		),
	];
	const concurrency = levels.findLast((level) => level.concurrency !== undefined)?.concurrency;
	return {
		...((concurrency ?? settings.proxyConcurrency) !== undefined && {
			concurrency: concurrency ?? settings.proxyConcurrency,
		}),
		environment: Object.assign(
			{},
			settings.proxyEnvironment,
			...levels.map(({ environmentVariables }) => environmentVariables),
		),
	};
}
