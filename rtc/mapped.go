package rtc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/srsgo/srs/rtc/sdp"
)

const (
	// askEvery is how often STUN servers are asked: a NAT forgets a port through which nothing goes.
	askEvery = 25 * time.Second
	// askTimeout is how long one of them may take to answer, its name's lookup included.
	askTimeout = 10 * time.Second
	// maxSTUN bounds Candidates.STUN.
	maxSTUN = 8
)

// askSTUN keeps the candidates by which STUN servers see the module's addresses, until ctx ends.
func (m *Module) askSTUN(ctx context.Context) error {
	t := time.NewTicker(askEvery)
	defer t.Stop()
	failed := map[string]bool{} // of which it was told
	for {
		var list []sdp.Candidate
		servers := m.cfg.Load().Candidates.STUN
		for _, s := range servers[:min(len(servers), maxSTUN)] {
			found, err := m.askOne(ctx, s)
			if err != nil && !failed[s] && !errors.Is(err, net.ErrClosed) {
				m.host.Logger.Warn("no candidate from a STUN server", "server", s, "err", err)
			}
			failed[s] = err != nil
			list = append(list, found...)
		}
		if old := m.mapped.Swap(&list); old == nil && len(list) > 0 || old != nil && !slices.Equal(*old, list) {
			m.host.Logger.Info("candidates from STUN servers", "candidates", list)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// askOne asks a server about each address that the module listens on. The error is the last one's.
func (m *Module) askOne(ctx context.Context, server string) (list []sdp.Candidate, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	c := &m.cfg.Load().Candidates
	host, port := splitPort(strings.TrimPrefix(server, "stun:"), 3478)
	addrs := []netip.Addr{}
	if a, perr := netip.ParseAddr(host); perr == nil {
		addrs = append(addrs, a)
	} else if addrs = c.ofFamily(lookupName(ctx, host)); len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	for i, s := range m.sockets {
		if i > 0 && s.LocalAddr() == m.sockets[i-1].LocalAddr() {
			continue
		}
		a, aerr := m.mux.Mapped(ctx, s, netip.AddrPortFrom(addrs[0], uint16(port)))
		if aerr != nil {
			err = aerr
			continue
		}
		list = append(list, sdp.Candidate{Host: a.Addr().String(), Port: int(a.Port())})
	}
	return list, err
}
