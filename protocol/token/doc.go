// Package token checks the credentials that peers bring: JSON Web Tokens ([Verifier]), signed URLs
// ([VerifySigned]) and plain secrets ([Equal]); and slows an address that guesses them ([Throttle]).
//
// Errors say what is wrong with a credential, never what it is: they may go to a log.
//
// # Signed URLs
//
// The query of a stream's URL carries until when it may be used, and a signature made with a key
// that the server and whoever hands out URLs share:
//
//	rtmp://example.com/live/livestream?expires=1900000000&sign=5d1c…
//
// expires is the time in seconds since 1970. action is play, the default, or publish. ip, if it is
// there, is the one address that may use the URL. sign is HMAC-SHA256 in hexadecimal digits over the
// stream's path, "?", and the other parameters in the order expires, action, ip. The path is
// /app/stream, and vhost/app/stream in any vhost but the default one. In a shell:
//
//	printf %s '/live/livestream?expires=1900000000' | openssl dgst -sha256 -hmac "$KEY" -r | cut -d' ' -f1
//	printf %s '/live/livestream?expires=1900000000&action=publish&ip=192.0.2.7' | openssl dgst …
//
// Other parameters of the URL are not signed.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
)

// What may be wrong with a credential, for errors.Is.
var (
	// ErrMalformed: it is none, or too long.
	ErrMalformed = errors.New("token: malformed")
	// ErrAlgorithm: it is signed in a way that is not allowed here (none among them).
	ErrAlgorithm = errors.New("token: algorithm is not allowed")
	// ErrSignature: none of the keys has signed it.
	ErrSignature = errors.New("token: wrong signature")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("token: expired")
	// ErrNotYet: its time has not come (nbf, iat).
	ErrNotYet = errors.New("token: not valid yet")
	// ErrClaims: it is genuine, but not for this: another issuer, audience, action or client
	// address, or no expiry.
	ErrClaims = errors.New("token: not valid for this")
	// ErrKeys: there are no keys to check it with, for they cannot be fetched.
	ErrKeys = errors.New("token: no keys")
)

// Equal compares two secrets in a time that tells neither where they differ nor how long they are.
func Equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// Network gives what counts as one client of an address in the form host:port or host: the IPv4
// address, or the /64 of an IPv6 one, from which a single host can use any address. What is no
// address, a Unix socket's peer, gives the zero Prefix.
func Network(remote string) netip.Prefix {
	ip := Addr(remote)
	switch {
	case !ip.IsValid():
		return netip.Prefix{}
	case ip.Is4():
		return netip.PrefixFrom(ip, 32)
	}
	return netip.PrefixFrom(ip, 64).Masked()
}

// Addr gives the IP address of a text in the form host:port or host, an IPv4 address as such and
// without a zone; the zero Addr if there is none.
func Addr(remote string) netip.Addr {
	ip, err := netip.ParseAddr(remote)
	if err != nil {
		at, err := netip.ParseAddrPort(remote)
		if err != nil {
			return netip.Addr{}
		}
		ip = at.Addr()
	}
	return ip.Unmap().WithZone("")
}
