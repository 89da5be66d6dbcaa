// Package dash makes MPEG-DASH (ISO/IEC 23009-1) of every stream, and serves it: a dynamic manifest
// at /app/stream.mpd, and segments of fragmented MP4 beside it in /app/stream/. Segments are the parts
// of package cmaf: HLS with equal lengths, which SRS's defaults are, shares them.
//
// # Layout
//
// Names are SRS's: video-init.mp4, audio-init.mp4, video-N.m4s, audio-N.m4s; further tracks are
// video2, audio2, … Numbers go on over publications. An initialization segment with other bytes than
// the one before has a new name, video-init-2.mp4. What is served from memory is written to a
// directory or another storage as well, if configured; segments that have left the manifest are kept
// for two more, as SRS does.
//
// # Time
//
// The manifest's timeline is the wall clock, counted from when the first segment began: a second of
// it becomes available each second. A Period (ISO/IEC 23009-1 5.3.2) begins whenever media does not continue: with another
// publication, other tracks or decoder configurations, a jump of time, and when the publisher's clock
// has drifted from the server's. Presentation times in segments are those of the stream, which
// presentationTimeOffset relates to the period.
//
// # Low latency
//
// With [LowLatency] segments are sent while they grow, and asked for before they begin, by number:
// SegmentTemplate@duration with availabilityTimeOffset, so that players need no new manifest for each
// segment. Key frames do not come exactly each @duration; when the difference has grown to a quarter
// of a segment, a period that continues the one before begins with the average of that one. Streams
// whose segments are of no regular length get a timeline, and the latency of one.
//
// When nobody publishes any more the period stays open, and whoever asks for the segments that would be
// due by now gets empty ones: dash.js takes the end of the last period for that of all, and would not go
// on. The next publication's period begins at a number that nobody has asked for; with it the other one
// ends, and the window has it alone, so that players which wait at the end of the other leave at once.
//
// # Without key frames
//
// A segment that has no key frame at its start is listed for as long as players can hold the group of
// pictures, and not where they count, whose next period would begin in the middle of it. What comes until
// the next key frame is left out, and a period begins with that. Viewers see a still picture meanwhile, and
// the live one again afterwards: dash.js without low latency once it has waited for as long as was left
// out.
//
// # Differences from SRS
//
// The manifest appears without audio or without video too, and tells true codecs, bandwidths, frame
// rates and channels. Times are in the tracks' own timescales instead of milliseconds. A republish
// neither restarts the timeline nor drops the segments before. minimumUpdatePeriod is what
// Vhost.UpdatePeriod says and not 0; minBufferTime is at most 2 s, since players wait for so much
// before they play; suggestedPresentationDelay, UTCTiming and milliseconds in times are added. A
// segment ends at the first key frame after Vhost.Fragment, where SRS waits for one more.
//
// What stays as with SRS is that lists have numbers ($Number$ with SegmentTimeline), which ffmpeg's demuxer
// (5.1) cannot follow over an update: it then takes a segment's place in the list for its number, whatever
// startNumber says. It plays the low-latency form.
//
// # Viewers
//
// A request for the manifest makes a session, known by address, user agent and query: gates are asked,
// observers told. Requests for segments count for the viewer that was admitted last from the same
// address and user agent, and are refused to one that was kicked; others get segments too. Behind one
// address, equal players with equal queries count as one viewer.
package dash
