// Package stream is the core of the library: what a media packet is, how a
// publisher's packets reach any number of players, and who may publish and play.
//
// Everything that enters or leaves a server is a [Packet]: one access unit of one
// [Track]. A [Source] gives packets, a [Sink] takes them, [Copy] joins the two. A
// [Hub] holds the live streams by [Key]; [Hub.Publish] gives a [Publisher] (a Sink),
// [Hub.Play] a [Player] (a Source, and a writer of shared wire bytes).
//
// # Payload
//
// What [Packet.Payload] and [Track.Config] hold, by codec. Whoever writes packets
// into a Publisher owes this form; whoever reads may rely on it.
//
//	codec        Config                        Payload
//	H264         avcC (ISO 14496-15 5.3.3.1)   NAL units, each behind a 4-byte big-endian length;
//	                                           no SPS, PPS or access unit delimiter
//	HEVC         hvcC (ISO 14496-15 8.3.3.1)   as H264; no VPS, SPS, PPS or AUD
//	AV1          av1C (AV1-ISOBMFF 2.3)        OBUs with size fields; no temporal delimiter
//	VP8, VP9     vpcC box content with its     one frame (VP9: superframe)
//	             version and flags, or none
//	             (VP-ISOBMFF)
//	AAC          AudioSpecificConfig           one raw access unit, no ADTS
//	             (ISO 14496-3 1.6.2.1)
//	Opus         OpusHead (RFC 7845 5.1)       one packet
//	FLAC         STREAMINFO block, 34 bytes    one frame
//	MP3          none                          one or more whole frames with their headers
//	AC3, EAC3    none                          one sync frame
//	G711A, G711U none                          samples
//	FLV ids      audio: the body's first byte  the FLV tag body after its first byte; such a
//	             ([FLVVideo], [FLVAudio])      codec is relayed, never parsed
//
// A change of parameter sets inside a stream is a new [Tracks] value, which the
// packets that follow carry.
//
// # Ownership
//
// Packets, their payloads, Tracks and Config bytes are immutable once written to a
// Sink: any number of goroutines read them without locks. To change one, change a
// shallow copy.
package stream
