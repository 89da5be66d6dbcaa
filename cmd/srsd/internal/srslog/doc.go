// Package srslog writes log lines as SRS does, so that what reads the logs of an SRS reads those of
// srsd:
//
//	[2024-01-31 12:34:56.789][INFO][32151][2e5s5872] connect app, tcUrl=rtmp://127.0.0.1/live
//
// A line has the time, the level, the process and the session it is about, which is the attribute
// "id" of a [slog.Record]; lines that are about no session have an id of the process. Lines of WARN
// and ERROR have the error number of the system after that, 0 for none. The other attributes follow
// the message as ", name=value". After a line of ERROR comes one that says where the program told it:
//
//	thread [32151][2e5s5872]: rtmp.(*conn).logEnd() [./rtmp/conn.go:301][errno=104](connection reset by peer)
//
// Where SRS has lines of its own that its users search logs for, a Handler writes them instead of the
// library's: "connect app, tcUrl=…", "client identified, type=…", "client disconnect peer. ret=1007",
// "serve error code=1028(StreamBusy)…" and others (events.go).
//
// The other formats, text and JSON, are those of package log/slog with the library's own messages. They
// have the id in each line, and an error's code as code and code_name.
//
// Whatever the format, no line has a secret in it ([Mask]), is longer than [MaxLine], or has characters
// that would end it or steer a terminal.
package srslog
