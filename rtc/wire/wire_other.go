//go:build !linux

package wire

const canBatch = false

type system struct{}

type reader struct{ buf []byte }

type writer struct{}

func (s *Socket) open() {}

func (s *Socket) readBatch(func([]byte, Route)) error { return nil }

func (b *Batch) send(*Socket, []datagram) error { return nil }

// writeFrom leaves the choice to the system, which tells no Local either.
func (s *Socket) writeFrom(b []byte, to Route) error {
	_, err := s.udp.WriteToUDPAddrPort(b, to.Remote)
	return err
}
