/** How answers that the proxy makes itself are rewritten. Spec: HttpConnectionManager.local_reply_config. */
export type { BodyFormat, LocalReplyConfig, LocalReplyMapper } from "./types.ts";
