// Package cmaf packages a stream's packets as fragmented MP4 (ISO 14496-12) with the tracks of
// CMAF (ISO 23000-19): initialization segments and parts, each a moof and its mdat. Everything
// that stores or sends MP4 shares what one [Packager] makes.
//
// A Packager is a [stream.Sink]. It gives [Part] values to a function as packets come: one
// sequence for each track, or one for all of them together (Config.Muxed). Segments are runs of
// parts that begin at a video key frame, or in streams without video after Config.SegmentDuration.
// All tracks change to the next segment together. A segment's bytes are those of its parts, one
// after the other.
//
// # Time
//
// Each track counts in its own timescale: video at 90 kHz, audio at its sample rate. Counts come
// from absolute stream time, so that nothing drifts; where audio timestamps were rounded by a
// carrier with coarser clocks, frames lie end to end as long as that is within 2 ms of what the
// timestamps say. All tracks share the timeline of the stream.
//
// A sample's duration is known when the track's next one comes, so a part is complete by one
// sample later than its last one.
//
// # Bounds
//
// A Packager keeps references to the payloads of the part that it builds, and copies each once,
// into the part. A part ends when it has Config.MaxPart bytes or 4096 samples of a track.
package cmaf
