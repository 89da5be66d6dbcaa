// Package mpegts writes and reads MPEG transport streams (ISO 13818-1).
//
// [Encoder] is the form of a live stream: NewFormat gives it to a Player, whose viewers
// then share its bytes. [Muxer] makes the same for segments and files, whose sound it
// packs tighter, and [Writer] is a Muxer that is a stream.Sink. [Reader] is a
// stream.Source of a file or a connection.
//
// # What is carried
//
//	codec     stream type               elementary stream
//	H264      0x1b                      Annex B, with an access unit delimiter before each
//	                                    picture and the parameter sets before each key frame
//	HEVC      0x24, HEVC                as H264
//	AAC       0x0f                      ADTS (object types 1 to 4)
//	MP3       0x03 or 0x04              frames
//	AC3       0x81, AC-3                sync frames
//	EAC3      0x87, EAC3                sync frames; of those the independent ones
//	Opus      0x06, Opus                packets, each behind a control header (Xiph, "Opus in MPEG-TS")
//	KLV       0x06, KLVA                SMPTE ST 336 units with a time stamp
//	ID3       0x15, ID3                 timed metadata of HTTP Live Streaming
//
// Nothing else has an agreed form in a transport stream (AV1, VP9, G.711, FLAC): such
// tracks are left out. [Carries] tells which.
//
// # Time
//
// Time stamps are those of the packets and [Lead]. The program clock (PCR) runs before
// them, by 200 ms from an Encoder and by all of Lead from a Muxer: so late may a packet be
// behind those of other tracks and still arrive before its time.
package mpegts
