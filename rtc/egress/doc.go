// Package egress sends streams to WebRTC viewers. RTP packets are made of a stream once for all who
// take the same codecs ([Form]); what a viewer adds is its numbers, its header's extensions and its
// encryption. A few goroutines serve the viewers of a stream, each of which reads the form at its own pace.
package egress
