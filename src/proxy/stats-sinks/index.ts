/** Where statistics are sent by themselves, as `stats_sinks` says. What is counted is proxy/stats, what is shown on request is
 *  proxy/admin. Spec: envoy.config.metrics.v3, statsd over UDP and TCP, and DogStatsD datagrams. */

export { openClusterSender } from "./cluster-sender.ts";
export { createStatsdSink, type SendDatagram, type StatsdSource, type StatsSink } from "./statsd-sink.ts";
export { openUdpSender, type SinkSender } from "./udp-sender.ts";
