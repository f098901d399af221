/** Load that proxies and gRPC clients report: a service that asks each of them for all its clusters, and a board with what was told last.
 *  Nothing is decided by it. Spec: `envoy.service.load_stats.v3` (LRS). */
export { LoadBoard } from "./load-board.ts";
export { type ListedLoad, listLoad, readLoadSelection } from "./load-list.ts";
export { createLoadService, type LoadService, type LoadTimes } from "./load-service.ts";
