package token

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := NewThrottle(ThrottleConfig{})
		const who = "192.0.2.1:1000"
		for range 5 {
			if w := th.Allow(who); w != 0 {
				t.Fatalf("refused for %v", w)
			}
			th.Fail(who)
		}
		if w := th.Allow(who); w != 0 {
			t.Fatalf("5 failures cost %v", w)
		}
		for want := time.Second; want < 20*time.Minute; want *= 2 {
			th.Fail(who)
			if w := th.Allow("192.0.2.1:2000"); w != min(want, 5*time.Minute) {
				t.Errorf("wait %v, want %v", w, want)
			}
			if w := th.Allow("192.0.2.2:1000"); w != 0 {
				t.Errorf("another address: %v", w)
			}
		}
		time.Sleep(5*time.Minute - 1)
		if w := th.Allow(who); w != 1 {
			t.Errorf("just before the end: %v", w)
		}
		time.Sleep(time.Nanosecond)
		if w := th.Allow(who); w != 0 {
			t.Errorf("after the wait: %v", w)
		}
		th.Fail(who)
		if w := th.Allow(who); w != 5*time.Minute {
			t.Errorf("one more: %v", w)
		}
		th.Succeed(who)
		th.Fail(who)
		if w := th.Allow(who); w != 0 {
			t.Errorf("after a success: %v", w)
		}
		time.Sleep(15 * time.Minute)
		th.Fail("192.0.2.3")
		if n := len(th.guilty); n != 1 || th.byTime.Len() != n {
			t.Errorf("%d are remembered after a while", n)
		}
	})
}

func TestThrottleTable(t *testing.T) {
	th := NewThrottle(ThrottleConfig{Free: 1, Addresses: 3})
	for i := range 5 {
		who := fmt.Sprintf("192.0.2.%d:1", i)
		th.Fail(who)
		th.Fail(who)
		th.Fail("198.51.100.1:1") // who goes on is not forgotten
	}
	if len(th.guilty) != 3 || th.byTime.Len() != 3 {
		t.Errorf("%d and %d addresses", len(th.guilty), th.byTime.Len())
	}
	for who, refused := range map[string]bool{"192.0.2.0": false, "192.0.2.2": false, "192.0.2.3": true, "192.0.2.4": true, "198.51.100.1": true} {
		if (th.Allow(who) > 0) != refused {
			t.Errorf("%s: %v", who, th.Allow(who))
		}
	}
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for k := range 100 {
				who := fmt.Sprintf("[2001:db8:0:%x::%x]:1", k%7, i)
				th.Fail(who)
				th.Allow(who)
				th.Succeed(who)
			}
		})
	}
	work.Wait()
	if len(th.guilty) != th.byTime.Len() {
		t.Errorf("%d and %d addresses", len(th.guilty), th.byTime.Len())
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "192.0.2.1": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8::1:2]:80": "2001:db8::/64", "2001:db8:1:2:3::": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64",
	} {
		if got := Network(in); got != netip.MustParsePrefix(want) {
			t.Errorf("%s: %v", in, got)
		}
	}
	for _, in := range []string{"", "@", "name:80", "1.2.3", "192.0.2.1:", "[::1]"} {
		if got := Network(in); got.IsValid() {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "a", false}, {secret, secret[:63] + "x", false}} {
		if Equal(tt.a, tt.b) != tt.want {
			t.Errorf("%q and %q: %v", tt.a, tt.b, !tt.want)
		}
	}
}
