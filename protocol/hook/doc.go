// Package hook tells an application by HTTP what happens on a server, and asks it who may publish
// and play: the callbacks of SRS (on_connect, on_publish, on_play, …), with its bodies, answers and
// order, and its heartbeat.
//
//	hooks := hook.New(hook.Config{Vhost: func(string) hook.Vhost {
//		return hook.Vhost{OnPublish: []string{"http://127.0.0.1:8085/api/v1/streams"}}
//	}})
//	srv := protocol.NewServer(protocol.Config{}, hooks, rtmp.New(rtmp.Config{}))
//
// The module goes before the protocols in the server's list: it is then ready before the first
// client comes, and shuts down after the last one has gone, whose end it still tells.
//
// # Questions and facts
//
// on_connect, on_publish, on_play and on_forward are questions: the client waits for the answer. It
// is let in by status 200 or 201 with the body 0 or a JSON object whose code is the integer 0; all
// else refuses it. An [Error] says why, with SRS's number for it.
//
// on_close, on_unpublish, on_stop, on_dvr, on_hls and on_hls_notify are facts: they are told in the
// background, those of one client in order, and a failure is logged. When the callee is down the
// oldest are dropped first, which is counted and logged. A publisher's on_publish waits until
// on_unpublish of the same stream has been told, so that who comes back quickly is online in the
// end.
//
// # Requests
//
// Protocols say in stream.Request.URL what tcUrl is (rtmp, srt, webrtc), or give an HTTP URL, from
// which follows what SRS sends: rtmp://vhost/app for HTTP-FLV and its like, http://host/app for
// viewers of playlists, nothing for WHIP and WHEP.
package hook
