// Package ingest makes streams of what WebRTC publishers send: RTP becomes access units, repaired by
// retransmission, in order, with sound and picture on one timeline; and the publisher is told by RTCP
// what is lost, how it arrives, and when a key frame is wanted.
//
// A packet that comes in order is passed on at once, without a copy but that into its frame. Time comes from
// arrival first, and from the publisher's sender reports as soon as there are, without a jump. What a publisher
// sends is not trusted: all that is kept for it is bounded.
package ingest
