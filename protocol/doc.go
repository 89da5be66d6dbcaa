// Package protocol is how protocols become a server.
//
// A protocol is a [Module]: it says what it is, starts, and shuts down. A [Server] runs
// a list of modules around one stream.Hub, and gives each a [Host]: listeners that
// survive a reload, shared HTTP listeners with a router that media paths need ([Mux]),
// goroutines that a shutdown waits for, stream keys from URLs.
//
//	srv := protocol.NewServer(protocol.Config{}, rtmp.New(rtmp.Config{}), flv.New(flv.Config{}))
//	err := srv.Run(ctx)
//
// A server takes listening sockets that systemd has opened, and hands its own to a new
// process without refusing a connection: see [Inherit] and [Server.HandOver]. Its end is a
// drain, in which modules ask their peers to leave: see [Server.Shutdown].
//
// Nothing here knows a protocol, and there is no global state: two servers live in one
// process.
package protocol
