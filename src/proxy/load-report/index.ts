/** Load reports: how many requests each locality of each cluster got, told on one stream to a service that says of which clusters and how
 *  often. What is counted belongs to hosts and clusters (cluster). Spec: `envoy.service.load_stats.v3`, `cluster_manager.load_stats_config`. */
export { createLoadReporter, type LoadReporter, type LoadReporterOptions } from "./load-reporter.ts";
