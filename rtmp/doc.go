// Package rtmp is RTMP, plain and over TLS, as a server module and as a client.
//
// A server takes publishers and players: [New] gives a module for protocol.NewServer.
// Clients are [DialPlay], a stream.Source, and [DialPublish], a stream.Sink.
//
// It follows Adobe's RTMP 1.0 specification, the conventions of Flash Media Live
// Encoder that encoders still use, and Enhanced RTMP version 2 (FourCC codecs,
// multitrack, capabilities, reconnect requests). What media messages carry is in package
// flv; the chunk stream, the handshake and AMF are packages of their own: rtmp/chunk,
// rtmp/handshake, protocol/amf.
package rtmp
