/** Envoy's version of its protocol between a process and the one that takes over from it (`--hot-restart-version`): scripts made for Envoy compare
 *  it before they start a successor. Processes of ours agree on nothing by it. */
export const hotRestartVersion = "11.104";
