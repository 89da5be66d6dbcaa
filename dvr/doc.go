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
// # Trouble
//
// A recording reads the stream by itself: whatever happens to it, publisher and players go on. A disk
// that is full or cannot be written to costs a line in the log at the start of the trouble and one at
// its end; meanwhile a new file is tried every 10 s, and nothing is kept in memory. A disk so slow that
// the recording falls behind by more than stream.Settings.Queue leaves a gap, which is counted.
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
