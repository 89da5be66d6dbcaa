// Package dvr records streams to files: FLV, MP4 and MPEG-TS.
//
//	protocol.NewServer(protocol.Config{}, rtmp.New(rtmp.Config{}), dvr.New(dvr.Config{
//		Vhost: func(string) dvr.Vhost { return dvr.Vhost{Enabled: true, Path: "records/[app]/[stream].[timestamp].mp4"} },
//	}))
//
// # Files
//
// A file that is written has ".tmp" behind its name, and loses that when it is complete. It has the
// packets of one publication: all of them, or with [Segment] a run of at least Vhost.Duration that
// begins at a key frame. A publication that begins anew gives a new file.
//
// FLV: the metadata's duration and filesize are filled in at the end, and keyframes: where up to 1,000
// key frames are, evenly chosen where there are more, in 18 KB that are kept free for it. The header then
// tells which kinds of tracks came. A change of tracks or of their configuration is written into the file.
//
// MP4: fragments of about a second while it is written, each with one call, so that a process that is
// killed loses one at most. At the end it becomes a plain file with the index in front, made from the
// fragments with their index alone in memory; where that fails (no room for a second copy) the file
// with fragments stays, which players take as well. A change of tracks or of their configuration,
// a picture of another size say, begins a new file. So does the first frame of a track that nothing else
// describes (AC-3, VP9) where it comes late: that file may begin between two key frames.
//
// TS: what package mpegts makes, in the stream's own times if [stream.JitterOff] says so.
//
// # Playing
//
// With Config.HTTP complete recordings are played by time, to viewers whom the gates let play the stream:
//
//	/record/app/stream.json   lists the files
//	/record/app/stream.mp4    as one plain MP4, of which any range can be asked for
//	/record/app/stream.m3u8   as HLS, a playlist that is complete; the segments are made as they are asked for
//	/record/app/stream.flv    as FLV
//	/record/app/stream.ts     as MPEG-TS
//
// ?from= and ?to= say which time, as milliseconds since 1970 or as in RFC 3339; start and end mean the same,
// duration in seconds stands for to. What is played begins at the key frame at or before from: in a TS at one
// of the 15 s before, if there is one. Files that follow one another within a second have no seam. A gap is
// left out of HLS, with a discontinuity, and is one in the other forms. An MP4 ends before a file whose tracks
// are described otherwise, HLS goes on with another header. A codec that the form does not carry is left
// out; where nothing is left the answer is 406, and says so. A viewer of HLS is one session until it
// has asked for nothing for two minutes, in the other forms each request is one.
//
// FLV and TS play as MP4 and HLS by an index that takes reading the file once, when it is first asked for; those
// of the files played last are kept, up to 2 million samples (about 80 MB) in all. A segment then costs reading
// from the key frame before it: an FLV is sought by the heads of its tags, a TS by its clocks. Of such a file
// what follows a change of a track's configuration is not in them.
//
// # Trouble
//
// A recording reads the stream by itself, from its first packet on: whatever happens to it, publisher and
// players go on. A disk that is full or cannot be written to costs a line in the log at the start of the
// trouble and one at its end; meanwhile a new file is tried every 10 s, and nothing is kept in memory. A
// disk so slow that the recording falls behind by more than stream.Settings.Queue leaves a gap, which is
// counted.
//
// What an earlier process has left unfinished is completed: cut to what is whole, filled in, renamed
// and told to Config.OnFile. A file that was written to in the last 10 s may be another process's, and
// waits.
//
// # What differs from SRS
//
// Segments end at key frames of any video codec, not of H.264 alone, and those of streams without
// video too. A change of configuration in an MP4 begins a new file instead of an error. The current
// files are completed when the server ends. Times that the stream has put right already are not put
// right again unless [stream.JitterFull] says so.
package dvr
