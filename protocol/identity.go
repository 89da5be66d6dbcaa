package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"os"

	"github.com/srsgo/srs/stream"
)

// Identity tells one server from others, as the HTTP API and the callbacks do.
type Identity struct {
	// Server is Config.ServerID, or a random one.
	Server string
	// Service is another one at each start: 8 random characters.
	Service string
	// PID is that of the process.
	PID int
}

const idChars = "0123456789abcdefghijklmnopqrstuvwxyz"

func newIdentity(server string) Identity {
	if server == "" {
		server = "vid-" + stream.NewID()[:7]
	}
	return Identity{Server: server, Service: stream.NewID(), PID: os.Getpid()}
}

// VhostID gives the id of a vhost: "vid-" and 7 characters, the same each time for one
// server id.
func (id Identity) VhostID(name string) string { return id.derive("vhost", name) }

// StreamID gives the id of a stream, in the same form.
func (id Identity) StreamID(k stream.Key) string { return id.derive("stream", k.Vhost, k.App, k.Name) }

// derive makes an id of a text: nothing has to be kept for names that peers make up.
func (id Identity) derive(parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{id.Server}, parts...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	v := binary.BigEndian.Uint64(h.Sum(nil))
	b := []byte("vid-0000000")
	for i := 4; i < len(b); i++ {
		b[i] = idChars[v%uint64(len(idChars))]
		v /= uint64(len(idChars))
	}
	return string(b)
}

// Identity gives the server's.
func (s *Server) Identity() Identity { return s.identity }

// Identity gives the server's.
func (h *Host) Identity() Identity { return h.server.identity }
