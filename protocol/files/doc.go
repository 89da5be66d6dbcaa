// Package files serves directories over HTTP, as SRS's http_server.dir and http_static do:
//
//	protocol.NewServer(protocol.Config{
//		HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{":8080"}}},
//	}, flv.New(flv.Config{}), files.New(files.Config{Dir: "html"}))
//
// A live stream comes before a file of the same path, whether it is published or not: as with SRS a
// recording that lies where a stream would be is not found. The longest mount comes before the others,
// the root last.
//
// # What is served
//
// Regular files below a mount's directory, by GET, HEAD and POST (as SRS, for some players), with
// ranges and conditional requests (RFC 9110). A path that ends with a slash is that of an
// index.html; there are no listings. Everything else is 404: what begins with a dot
// (but /.well-known/, of RFC 8615), what is no regular file, what a symbolic link outside the
// directory leads to. The directory need not exist when the server starts; it is opened anew for
// each request, so that another one can be moved into its place.
//
// No gate is asked: what is in the directory is public. Streams that only some may watch do not
// belong there.
//
// # Seeking
//
// /a.flv?start=N gives the file from its byte N on, with the file's header and its sequence headers
// before that, so that it plays if N is where a tag begins (the keyframes of its metadata tell those).
// /a.mp4 takes ?range=, ?bytes= and ?start= of the form FIRST-LAST for players that cannot set the
// header Range.
//
// # What differs from SRS
//
// Ranges work for all files; -N asks for the last N bytes; a range beyond the end is 416, and a
// directory without its slash a redirect to the one with it if there is an index.html, where SRS
// closes the connection. A vhost with mounts has what else is below the root too.
package files
