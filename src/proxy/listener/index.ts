/** Listeners: bound sockets, a look at first bytes, and the filter chain each connection gets; replaced and removed make-before-break.
 *  What a chain does with a connection is in filter-chain and filter. Spec: Envoy `listener.proto`. */
export { Listener, type ListenerDependencies } from "./listener.ts";
export { createListenerManager, type ListenerManager, type ListenerView } from "./listener-manager.ts";
export { formatAddress, type ListeningSocket, type SocketOrigin, type SocketSupply } from "./listening-sockets.ts";
export { nameStats } from "./stat-name.ts";
