// Package flv reads and writes FLV: the tag bodies that RTMP messages carry as well
// ([Decoder], [AppendPrefix], [AppendConfig], [AppendMeta]) and the file format
// ([Reader], [Writer], [Encoder]).
//
// It follows Adobe's Video File Format Specification version 10.1 annex E and Enhanced
// RTMP version 2 (FourCC codecs, multitrack, ModEx), and knows the CodecIDs 12 (HEVC)
// and 13 (AV1) that were in use before Enhanced RTMP.
//
// # Codecs
//
// H.264, AAC, MP3 and G.711 leave in their classic form, whatever form they came in.
// HEVC, AV1, VP8, VP9, Opus, FLAC, AC-3 and E-AC-3 leave in the enhanced form, HEVC and
// AV1 in the older one if their track came so. The other codecs of FLV are relayed:
// the payload is the body after its first byte. Of relayed audio, [stream.Track.Config]
// is that first byte, which tells rate, sample size and channels; of relayed video it
// is empty.
//
// # Tracks
//
// A body in single-track form is of track id 0. On the way out the default track of
// each kind has the single-track form; the others go as multitrack bodies with one
// track each, to peers that understand that.
//
// # Server and clients
//
// A [Module] plays streams at /app/stream.flv over HTTP/1, HTTP/2 and WebSocket, and
// takes streams that are posted. [Pull] and [Push] are the other ends of both.
//
// What differs from SRS: a stream that ends is told by the last chunk, so that players
// do not take it for a failure; HTTP/1.0 clients get the bytes without chunks, which
// they do not know; HEAD is answered at once and asks nobody's leave.
package flv

import "github.com/srsgo/srs/stream"

// Tag types (E.4.1), which are message types of RTMP as well.
const (
	TagAudio  = 8
	TagVideo  = 9
	TagScript = 18
)

// maxBody bounds a body: a tag's size has 24 bits.
const maxBody = 1<<24 - 1

// Video frame types.
const (
	frameKey        = 1
	frameInter      = 2
	frameDisposable = 3
	frameGenerated  = 4
	frameCommand    = 5
)

// CodecIDs of video.
const (
	videoAVC  = 7
	videoHEVC = 12
	videoAV1  = 13
)

// Packet types of AVC video (and of the old HEVC and AV1).
const (
	avcSequence = 0
	avcNALU     = 1
	avcEnd      = 2
)

// SoundFormats of audio.
const (
	soundMP3   = 2
	soundG711A = 7
	soundG711U = 8
	soundEx    = 9
	soundAAC   = 10
	soundSpeex = 11
	soundMP38k = 14
)

// Packet types of enhanced video and audio. Those of 4 and more differ.
const (
	exSequenceStart = 0
	exCodedFrames   = 1
	exSequenceEnd   = 2
	exCodedFramesX  = 3 // video
	exMetadata      = 4 // video
	exChannels      = 4 // audio: MultichannelConfig
	exMPEG2TS       = 5 // video
	exAudioMulti    = 5
	exVideoMulti    = 6
	exModEx         = 7
)

// Multitrack types.
const (
	multiOne        = 0
	multiMany       = 1
	multiManyCodecs = 2
)

// classicID gives the codec's id where the enhanced form is not used for it.
func classicID(t *stream.Track) (id uint8, ok bool) {
	switch t.Codec {
	case stream.H264:
		return videoAVC, true
	case stream.HEVC:
		return videoHEVC, t.LegacyID
	case stream.AV1:
		return videoAV1, t.LegacyID
	case stream.AAC:
		return soundAAC, true
	case stream.MP3:
		if t.SampleRate == 8000 {
			return soundMP38k, true
		}
		return soundMP3, true
	case stream.G711A:
		return soundG711A, true
	case stream.G711U:
		return soundG711U, true
	}
	return t.Codec.FLV()
}

// hasFourCC tells whether the enhanced form knows the codec.
func hasFourCC(c stream.Codec) bool {
	switch c {
	case stream.H264, stream.HEVC, stream.AV1, stream.VP8, stream.VP9, stream.AAC,
		stream.Opus, stream.FLAC, stream.MP3, stream.AC3, stream.EAC3:
		return true
	}
	return false
}

// needsConfig tells whether packets of the codec are of no use without Track.Config.
func needsConfig(c stream.Codec) bool {
	switch c {
	case stream.H264, stream.HEVC, stream.AV1, stream.AAC, stream.Opus, stream.FLAC:
		return true
	}
	return false
}
