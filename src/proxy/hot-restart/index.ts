/** A new process takes the place of one that serves: it gets its listening sockets and counts, the old one drains and ends. What the two
 *  say to each other, over a socket in a folder of the user's own. Does not know how a listener drains. Spec: Envoy "hot restart". */
export { connectToParent, type Parent } from "./parent.ts";
export { openRestartServer, type RestartHooks, type RestartServer } from "./restart-server.ts";
