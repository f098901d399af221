/** Keys of an authority in another process: the protocol of key plugins, whoever asks (createPluginKeys) and whoever answers
 *  (serveKeyPlugin). Knows no certificate and no device. */
export type { KeyPluginPlace } from "./plugin-connection.ts";
export { createPluginKeys } from "./plugin-keys.ts";
export { type KeyDevice, serveKeyPlugin } from "./serve-plugin.ts";
