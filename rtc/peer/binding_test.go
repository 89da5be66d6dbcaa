package peer

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/pion/stun"
	"github.com/stretchr/testify/require"
)

// TestBinding: checks of another implementation are understood, and it understands the answers.
func TestBinding(t *testing.T) {
	raw := checkOf(t, attribute{stun.AttrICEControlling, make([]byte, 8)}, attribute{stun.AttrUseCandidate, nil}, attribute{0x7777, []byte("odd")})
	m, err := parseBinding(raw)
	require.NoError(t, err)
	ours, theirs, ok := m.names()
	require.True(t, ok && m.useCandidate && !m.controlled)
	require.Equal(t, "abcd efgh", string(ours)+" "+string(theirs))
	c := newChecker(hostilePwd)
	require.True(t, c.verify(&m))
	require.True(t, c.verify(&m), "again")
	require.False(t, newChecker(hostilePwd+"x").verify(&m))

	for _, addr := range []string{"192.0.2.7:5000", "[2001:db8::17]:65535", "[::ffff:10.0.0.1]:1"} {
		from := netip.MustParseAddrPort(addr)
		var answer stun.Message
		require.NoError(t, stun.Decode(c.success(&m, from), &answer))
		require.Equal(t, stun.BindingSuccess, answer.Type)
		require.Equal(t, raw[8:20], answer.TransactionID[:])
		require.NoError(t, stun.NewShortTermIntegrity(hostilePwd).Check(&answer))
		require.NoError(t, stun.Fingerprint.Check(&answer))
		var mapped stun.XORMappedAddress
		require.NoError(t, mapped.GetFrom(&answer))
		require.Equal(t, unmapped(from).Addr().AsSlice(), []byte(mapped.IP))
		require.Equal(t, int(from.Port()), mapped.Port)
	}
	var answer stun.Message
	require.NoError(t, stun.Decode(c.conflict(&m), &answer))
	var code stun.ErrorCodeAttribute
	require.NoError(t, code.GetFrom(&answer))
	require.Equal(t, stun.CodeRoleConflict, code.Code)
	require.NoError(t, stun.NewShortTermIntegrity(hostilePwd).Check(&answer))
	require.NoError(t, stun.Fingerprint.Check(&answer))
}

// TestBindingChanged: no byte of a check may be another one, and what comes behind its integrity is not heard.
func TestBindingChanged(t *testing.T) {
	raw := checkOf(t, attribute{stun.AttrPriority, make([]byte, 4)})
	c := newChecker(hostilePwd)
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		m, err := parseBinding(changed)
		require.True(t, err != nil || !c.verify(&m), "byte %d", i)
		_, err = parseBinding(raw[:i])
		require.Error(t, err)
	}
	b := new(stun.Message)
	require.NoError(t, b.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("abcd:efgh"), stun.NewShortTermIntegrity(hostilePwd),
		attribute{stun.AttrUseCandidate, nil}, attribute{stun.AttrICEControlled, make([]byte, 8)}, stun.Fingerprint))
	m, err := parseBinding(b.Raw)
	require.NoError(t, err)
	require.True(t, c.verify(&m))
	require.False(t, m.useCandidate || m.controlled)

	for name, set := range map[string][]stun.Setter{
		"no fingerprint": {stun.BindingRequest, stun.NewShortTermIntegrity(hostilePwd)},
		"other method":   {stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.Fingerprint},
	} {
		m, err := stun.Build(set...)
		require.NoError(t, err)
		_, err = parseBinding(m.Raw)
		require.Error(t, err, name)
	}
	none, err := stun.Build(stun.BindingRequest, stun.Fingerprint)
	require.NoError(t, err)
	m, err = parseBinding(none.Raw)
	require.NoError(t, err)
	require.False(t, c.verify(&m), "no integrity")
}

func FuzzBinding(f *testing.F) {
	f.Add(checkOf(f, attribute{stun.AttrUseCandidate, nil}))
	f.Add(checkOf(f, attribute{0x7777, []byte("odd")}))
	c := newChecker(hostilePwd)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseBinding(b)
		if err != nil {
			return
		}
		other := new(stun.Message)
		if err := stun.Decode(b, other); err != nil {
			t.Fatalf("another implementation: %v", err)
		}
		if c.verify(&m) != (stun.NewShortTermIntegrity(hostilePwd).Check(other) == nil) {
			t.Fatal("integrity")
		}
		m.names()
	})
}

func BenchmarkBinding(b *testing.B) {
	raw, c, from := checkOf(b), newChecker(hostilePwd), netip.MustParseAddrPort("192.0.2.7:5000")
	b.ReportAllocs()
	for b.Loop() {
		m, err := parseBinding(raw)
		if err != nil || !c.verify(&m) {
			b.Fatal(err)
		}
		c.success(&m, from)
	}
}
