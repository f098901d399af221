/** Files that are replaced while the proxy runs: configuration and secrets. Tells that, does not read them. */
export { createFileWatcher, type FileWatcher, type FileWatcherOptions } from "./file-watcher.ts";
