// Package transcode makes sound of another coding out of a stream's: AAC for players that do not
// know Opus, Opus for browsers that get what an encoder sends over RTMP. A [Converter] is a
// [stream.Converter], to be set as [stream.Settings].Convert: a conversion then runs once per stream
// and coding, beside the stream, while a viewer needs it.
//
// The packages below this one have the codecs, for whoever composes a server to choose from:
//
//	opus    Opus both ways
//	aac     AAC-LC both ways; LGPL, so that who must not link that leaves it out
//	mp3     MP3 decoding
//	ffmpeg  what no codec in Go can do (HE-AAC, more than two channels, AC-3, FLAC), by a child process
//
// G.711 is here. Sound is converted by way of samples at 48 kHz in one or two channels.
//
// # Time
//
// The PTS of a packet, in and out, is that of the first sample that a decoder gives for it, so that
// the delays of encoders are taken off again: what was heard at a time is heard at that time. The
// error is under half a sample of what comes in, besides what a publisher's time stamps are off from
// the count of its samples: that is followed when it has been more than half a packet for about a
// second. Holes of up to a second, of lost or damaged packets, are filled with silence; after longer
// ones conversion begins anew.
package transcode
