// Package peer is the transport of WebRTC on the side of a server: ICE lite (RFC 8445 2.5), DTLS-SRTP
// (RFC 5764) and the telling apart of what arrives at one port (RFC 7983), for any number of peers over a few
// UDP sockets and TCP connections (RFC 6544, RFC 4571).
//
// A [Mux] has all peers. Sockets are read by Mux.Serve, a goroutine each, over one table: a peer may change
// its address, and its packets may come through any of the sockets. What peers send is decrypted on these
// goroutines; what they are sent is encrypted straight into a [wire.Batch].
package peer
