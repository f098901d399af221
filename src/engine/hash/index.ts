/** Hashes that consistent hashing shares with other proxies: the same text lands on the same host everywhere. Not for secrets. */
export { MurmurHash64 } from "./murmur-hash.ts";
export { Uint64 } from "./uint64.ts";
export { XxHash64, xxHash64, xxHash64OfAll } from "./xx-hash.ts";
