package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestSeveralSockets holds that datagrams to an address with several sockets reach one of them each, that
// those of one peer reach the same, and that a reload keeps the sockets.
func TestSeveralSockets(t *testing.T) {
	h := testHost(t, Config{}, "a")
	list, err := h.ListenPackets("127.0.0.1:0", 4, ListenOptions{})
	if err != nil || len(list) != 4 {
		t.Fatal(list, err)
	}
	addr := list[0].LocalAddr().String()
	next := h.server.newHost(context.Background(), "a", 0)
	defer next.end(context.Background())
	again, err := next.ListenPackets("127.0.0.1:0", 4, ListenOptions{})
	if err != nil || len(again) != 4 {
		t.Fatal(again, err)
	}
	type arrival struct {
		socket     int
		from, text string
	}
	arrived := make(chan arrival)
	for i, p := range again {
		if a := p.LocalAddr().String(); a != addr || p.(*packetLease).PacketConn != list[i].(*packetLease).PacketConn {
			t.Fatalf("socket %d at %s is not the one at %s", i, a, addr)
		}
		go func() {
			b := make([]byte, 100)
			for {
				n, from, err := p.ReadFrom(b)
				if err != nil {
					return
				}
				select {
				case arrived <- arrival{i, from.String(), string(b[:n])}:
				case <-t.Context().Done():
				}
			}
		}()
	}
	sockets, sent, used := map[string]int{}, 0, map[int]bool{}
	for range 40 {
		c, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 3 {
			sent++
			mustWrite(t, c, fmt.Append(nil, sent))
			select {
			case a := <-arrived:
				if a.text != fmt.Sprint(sent) || a.from != c.LocalAddr().String() {
					t.Fatalf("datagram %d from %s: %+v", sent, c.LocalAddr(), a)
				}
				if s, ok := sockets[a.from]; ok && s != a.socket {
					t.Fatalf("of one peer at socket %d and %d", s, a.socket)
				}
				sockets[a.from] = a.socket
				used[a.socket] = true
			case <-time.After(10 * time.Second):
				t.Fatalf("datagram %d is lost", sent)
			}
		}
	}
	if len(used) < 2 { // that all 40 go to one is as likely as 1 to 4^39
		t.Errorf("all peers at socket %v", used)
	}
	if _, err := net.ListenPacket("udp", addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another listener: %v", err)
	}
}

// TestOneSocket holds that what cannot be several is one.
func TestOneSocket(t *testing.T) {
	h := testHost(t, Config{}, "a")
	list, err := h.ListenPackets("unix:"+t.TempDir()+"/s", 4, ListenOptions{})
	if err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if _, err := h.ListenPackets("no address", 4, ListenOptions{}); err == nil {
		t.Error("no error")
	}
}
