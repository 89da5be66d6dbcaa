// Package hls serves live streams as HTTP Live Streaming (RFC 8216 and draft-pantos-hls-rfc8216bis), as
// SRS does and with low latency:
//
//	protocol.NewServer(protocol.Config{
//		HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{":8080"}}},
//	}, rtmp.New(rtmp.Config{Listen: []string{":1935"}}), hls.New(hls.Config{}))
//
// A stream live/cam then plays at http://host:8080/live/cam.m3u8. A Vhost says how segments are cut and
// named, what is written to disk or uploaded, and in which format.
//
// # Formats
//
// TS has all tracks in each segment, and one playlist. FMP4 has a playlist for each track, of
// fragmented MP4, and at the stream's path the master of them; AV1, VP9 and FLAC need it. With
// Vhost.PartDuration it is low-latency HLS: parts, preload hints, blocking reload, delta updates and
// rendition reports.
//
// FMP4 is packaged once for HLS and DASH where Fragment times TDRatio and PartDuration are those of DASH,
// as SRS's defaults are. Where they differ, or one of them alone has low latency, each has segments of its
// own, for 1 µs of CPU time a packet and the memory of another window: the boxes in them are not the same.
//
// # Playlists
//
// Segments are cut by SRS's rules. A playlist lists the fewest segments that last longer than
// Vhost.Window. Numbers, and the count of discontinuities, go on from one publication to the next. What has
// left the playlist can be fetched for as long as a player may still want it (RFC 8216 6.2.2): memory holds
// up to twice the window, once the window if there are files.
//
// The target duration is that of the first segment, or Vhost.Fragment where that is more, rounded up. It
// stays as it is for the life of the playlist (RFC 8216 6.2.1), but for a stream whose key frames come
// further apart than at its beginning: then it rises, which the log tells. SRS's changes with
// the window.
//
// # Viewers
//
// A viewer is a session of the hub, as one of any other protocol: admitted by gates, told to hooks, counted
// and kicked. It is known by hls_ctx, which the master playlist it gets first gives it (Vhost.NoCtx: by
// address and query), and ends when it has asked for nothing for twice the window.
//
// # What differs from SRS
//
// A list begins with the key of its first segment. Segments are not deleted the moment that they leave the
// playlist. An unchanged sequence header is no discontinuity. A failure to write files does
// not close the publisher under hls_on_error continue. In TS, the first segment of a publication that is listed has
// all tracks that the publisher has announced: for sound that comes late, 10 s are waited at most, since
// players in browsers fail where a track comes later.
package hls
